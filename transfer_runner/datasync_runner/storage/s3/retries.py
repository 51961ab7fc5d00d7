"""When a request is sent again: how often, after how long, and with which allowance.

The allowance is botocore's "standard" mode: a bucket of 500 tokens a process, 5 for a repetition
and 1 back for each request that went well at once, so that a storage which is down is not asked by
everybody all the time, and 5 % of failing requests are carried for ever.
"""

from typing import Final

TRIES: Final = 6
FIRST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 5.0
_CAPACITY: Final = 500
_COST: Final = 5


class RetryAllowance:
    """The tokens that are left."""

    def __init__(self) -> None:
        self._tokens = _CAPACITY

    def went_well(self, attempt: int) -> None:
        """A request got its answer; a repeated one gives back what it took."""
        self._tokens = min(_CAPACITY, self._tokens + (1 if attempt == 1 else _COST))

    def delay_seconds(self, attempt: int, jitter: float) -> float | None:
        """The pause after a failed attempt (1, 2, …); None: give up.  jitter is in [0, 1).

        | attempt | seconds |
        |---|---|
        | 1 | 0.05 to 0.1 |
        | 2 | 0.1 to 0.2 |
        | 5 | 0.8 to 1.6 |
        | 6 | give up |
        """
        if attempt >= TRIES or self._tokens < _COST:
            return None
        self._tokens -= _COST
        longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (attempt - 1))
        return longest * (0.5 + jitter / 2)
