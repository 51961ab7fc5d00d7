"""What a run that succeeded leaves to the next one: proof that a pair has not changed since.

Both sides were equal when it ended.  So whatever was changed at neither since is equal now, and
nothing has to be asked about it.  The runner makes it and judges it; everybody else only keeps it.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from datasync_api.base import ApiModel

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Baseline(ApiModel):
    """The clocks of both sides around a run that succeeded, and what run that was."""

    recipe: Annotated[str, Field(max_length=64)] = Field(
        description="The hash of the recipe; another recipe proves nothing."
    )
    source_time: AwareDatetime = Field(
        description="The source's clock at the start: what it stamps earlier was seen by the run."
    )
    destination_time: AwareDatetime = Field(
        description="The destination's clock at the end: what it stamps later was not ours."
    )
    source_root: Annotated[str, Field(max_length=64)] = Field(
        default="",
        description="The numbers of the source's file system and root folder; empty for objects.",
    )
    destination_root: Annotated[str, Field(max_length=64)] = Field(
        default="", description="The same of the destination."
    )

    @property
    def source_ns(self) -> int:
        """`sourceTime` in nanoseconds since the epoch."""
        return (self.source_time - _EPOCH) // _MICROSECOND * 1000

    @property
    def destination_ns(self) -> int:
        """`destinationTime` in nanoseconds since the epoch."""
        return (self.destination_time - _EPOCH) // _MICROSECOND * 1000


def moment(time_ns: int) -> datetime:
    """Nanoseconds since the epoch as a time, rounded down to whole microseconds."""
    return _EPOCH + time_ns // 1000 * _MICROSECOND
