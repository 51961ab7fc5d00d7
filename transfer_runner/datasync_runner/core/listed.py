"""Deciding by the listings alone: a shorter way to `decide` for nearly all pairs of a usual run.

It says only of two files that there is nothing to do, and only where `decide` says so too.
"""

from collections.abc import Callable

from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind

Settled = Callable[[Entry | None, Entry | None], bool]
"""Whether there is nothing to do for a pair; False: ask `decide`."""


def settled_by(o: CompareOptions) -> Settled | None:
    """The shorter way under these options; None: there is none.

    | options | two files of one size are settled |
    |---|---|
    | size and time decide | when the source is not newer |
    | a baseline | when a listing tells no metadata and neither has changed since |
    | both | by either |
    """
    if not o.compare:
        return None
    proven = _unchanged(o) if o.source_before_ns else None
    if not o.by_listings:
        return proven
    if proven is None:
        return listed_alike
    return lambda source, destination: (
        listed_alike(source, destination) or proven(source, destination)
    )


def listed_alike(source: Entry | None, destination: Entry | None) -> bool:
    """Whether `decide` says Same of two files by size and time, where `by_listings` holds."""
    return (
        source is not None
        and destination is not None
        and source[1] is Kind.FILE is destination[1]
        and source[2] == destination[2]
        and source[3] <= destination[3]
    )


def _unchanged(o: CompareOptions) -> Settled:
    before_ns, until_ns = o.source_before_ns, o.destination_until_ns
    kind = Kind.FILE

    def unchanged(source: Entry | None, destination: Entry | None) -> bool:
        return (
            source is not None
            and destination is not None
            and source[9] < before_ns
            and destination[9] <= until_ns
            and source[1] is kind is destination[1]
            and source[2] == destination[2]
            and (source[4] is None or destination[4] is None)
        )

    return unchanged
