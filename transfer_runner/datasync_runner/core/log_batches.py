"""Lines of the log as events of CloudWatch Logs, cut into batches that the service takes.

The limits are PutLogEvents' own (Amazon CloudWatch Logs API reference); nothing is sent here.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

MAX_EVENTS: Final = 10_000
MAX_BATCH_BYTES: Final = 1_048_576
OVERHEAD_BYTES: Final = 26
"""Counted by the service for each event, beside its UTF-8."""
MAX_EVENT_BYTES: Final = 262_144
"""Of one event, with its overhead."""
MAX_SPAN_MS: Final = 24 * 60 * 60 * 1000
"""Between the first and the last event of a batch."""


class Event(NamedTuple):
    """One line, and when it was written."""

    at_ms: int
    """Since 1970."""
    line: str

    @property
    def size_bytes(self) -> int:
        """As the service counts it."""
        return len(self.line.encode()) + OVERHEAD_BYTES


def event(at_ms: int, line: str) -> Event:
    """The line as an event; what is beyond the limit of one event is cut off."""
    longest = MAX_EVENT_BYTES - OVERHEAD_BYTES
    if len(line) * 4 > longest and len(whole := line.encode()) > longest:
        line = whole[:longest].decode("utf-8", "ignore")
    return Event(at_ms, line)


def batch_length(events: Sequence[Event]) -> int:
    """How many of the first events, which are in the order of time, make one batch.

    | the next event | |
    |---|---|
    | is the 10,001st | belongs to the next batch |
    | would make the batch larger than 1,048,576 bytes | belongs to the next batch |
    | is more than 24 hours younger than the first | belongs to the next batch |
    | else | belongs to this one |
    """
    size_bytes = 0
    for number, one in enumerate(islice(events, MAX_EVENTS)):
        size_bytes += one.size_bytes
        if size_bytes > MAX_BATCH_BYTES or one.at_ms - events[0].at_ms > MAX_SPAN_MS:
            return number
    return min(len(events), MAX_EVENTS)
