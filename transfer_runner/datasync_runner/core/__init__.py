"""What a run decides: pure functions over values, without clock, randomness or I/O."""
