"""What a run does: bounded stages that stream from one storage port to the other."""
