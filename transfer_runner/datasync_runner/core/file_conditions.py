"""Which files take part by their size and time: the task's `fileConditions`, in numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from datasync_api.file_conditions import FileConditions, age_seconds, size_bytes, time_of
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.pair import Pair

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND_NS: Final = 1_000_000_000
_NO_LIMIT: Final = 1 << 100


class Bounds(NamedTuple):
    """What sizes and times take part.

    Ages count back from the run's start; of several bounds on one side the narrower one holds.

    | condition | a file takes part with |
    |---|---|
    | minSize, maxSize | a size of so much or more, or less |
    | minAge, maxAge | a modification so long ago or longer, or shorter |
    | modifiedAfter | a modification then or later |
    | modifiedBefore | a modification earlier: windows that meet share no file and miss none |
    """

    smallest_bytes: int = 0
    largest_bytes: int = _NO_LIMIT
    since_ns: int = -_NO_LIMIT
    until_ns: int = _NO_LIMIT
    """The first time that takes no part."""

    @classmethod
    def of(cls, conditions: FileConditions, *, now_ns: int) -> "Bounds":
        """The bounds of a run that starts now."""
        c = conditions
        since, until = [-_NO_LIMIT], [_NO_LIMIT]
        if c.max_age is not None:
            since.append(now_ns - age_seconds(c.max_age) * _SECOND_NS)
        if c.modified_after is not None:
            since.append(_nanoseconds(c.modified_after))
        if c.min_age is not None:
            until.append(now_ns - age_seconds(c.min_age) * _SECOND_NS + 1)
        if c.modified_before is not None:
            until.append(_nanoseconds(c.modified_before))
        return cls(
            0 if c.min_size is None else size_bytes(c.min_size),
            _NO_LIMIT if c.max_size is None else size_bytes(c.max_size),
            max(since),
            min(until),
        )

    def take(self, source: Entry) -> bool:
        """Whether something at the source takes part.

        A link counts as the small file that it is: by its own time and the length of its target,
        as an object that holds a link does.  Folders take part always, and so does what is never
        transferred.
        """
        if source.kind is Kind.FOLDER or source.kind is Kind.SPECIAL:
            return True
        return (
            self.smallest_bytes <= source.size_bytes <= self.largest_bytes
            and self.since_ns <= source.mtime_ns < self.until_ns
        )

    def chosen(self, pairs: Sequence[Pair]) -> list[Pair]:
        """The pairs that take part.

        | source | destination | stays |
        |---|---|---|
        | a file that takes part, a folder | any | yes |
        | a file that does not | any | no: neither copied nor deleted |
        | - | any | yes: the source does not have it |
        """
        return [pair for pair in pairs if (source := pair[0]) is None or self.take(source)]


def _nanoseconds(text: str) -> int:
    return (time_of(text) - _EPOCH) // _MICROSECOND * 1000
