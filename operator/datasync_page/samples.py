"""How fast a run went over its time: a bounded number of looks at it, however long it takes.

At most `LIMIT` samples are kept; then every second one goes, and from there on half as many come.
"""

from itertools import pairwise
from typing import Final, NamedTuple

LIMIT: Final = 256


class Sample(NamedTuple):
    """What a run had moved so long after its start."""

    seconds: float
    size_bytes: int


class Rate(NamedTuple):
    """How fast it was in one span of its time."""

    from_seconds: float
    to_seconds: float
    bytes_per_second: float


class Samples:
    """Looks at one run, in the order of time; the first is its start."""

    def __init__(self) -> None:
        self._samples = [Sample(0.0, 0)]
        self._pace_seconds = 0.0

    def add(self, seconds: float, size_bytes: int) -> None:
        """What was moved until now; a look that comes too soon after the last is passed over."""
        last = self._samples[-1].seconds
        if seconds <= last or seconds - last < self._pace_seconds:
            return
        self._samples.append(Sample(seconds, size_bytes))
        if len(self._samples) > LIMIT:
            del self._samples[1:-1:2]
            self._pace_seconds = seconds / LIMIT * 2

    def rates(self, *, end: Sample | None) -> list[Rate]:
        """The spans between the looks, and from the last one to the end, where that is known.

        A number that went back (a large file that starts anew) is a span without any movement.
        """
        looks = self._samples
        if end is not None:
            looks = [*(look for look in looks if look.seconds < end.seconds), end]
        return [
            Rate(
                before.seconds,
                after.seconds,
                max(0, after.size_bytes - before.size_bytes) / (after.seconds - before.seconds),
            )
            for before, after in pairwise(looks)
        ]
