"""How long to wait before the next try: exponential, with jitter given by the caller."""

from typing import Final

TRIES: Final = 5
FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 16.0


def delay_seconds(attempt: int, jitter: float) -> float | None:
    """The pause after a failed attempt (1, 2, …), or None to give up; jitter is in [0, 1).

    | attempt | seconds |
    |---|---|
    | 1 | 0.5 to 1 |
    | 2 | 1 to 2 |
    | 4 | 4 to 8 |
    | 5 | give up |
    """
    if attempt >= TRIES:
        return None
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (attempt - 1))
    return longest * (0.5 + jitter / 2)
