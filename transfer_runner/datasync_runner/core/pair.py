"""The merge-join of two sorted listings, batch by batch.

It only pairs; what a pair means is `compare`'s.  Memory: the batches not yet consumed, one a side.
"""

from collections.abc import Sequence

from datasync_runner.core.entry import Entry

Pair = tuple[Entry | None, Entry | None]
"""Source and destination; at least one is there, and both have the same key."""


class UnsortedListingError(Exception):
    """A listing was not in strictly rising order of its keys: pairing it would invent deletions."""


class _Side:
    __slots__ = ("at", "closed", "entries", "last", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: Sequence[Entry] = ()
        self.at = 0
        self.closed = False
        self.last: bytes | None = None

    def feed(self, entries: Sequence[Entry]) -> None:
        last = self.last
        for entry in entries:
            key = entry[0]
            if last is not None and key <= last:
                raise UnsortedListingError(f"the {self.name} listed {key!r} after {last!r}")
            last = key
        self.last = last
        self.entries = entries if self.hungry else [*self.entries[self.at :], *entries]
        self.at = 0

    @property
    def hungry(self) -> bool:
        return self.at >= len(self.entries)


class MergeJoin:
    """Two listings in, pairs out, in the order of keys.

    | source | destination | pairs |
    |---|---|---|
    | a b | b c | (a, -) (b, b) (-, c) |
    """

    def __init__(self) -> None:
        self._source, self._destination = _Side("source"), _Side("destination")

    def feed_source(self, entries: Sequence[Entry]) -> None:
        """Add a batch.  Raises: UnsortedListingError."""
        self._source.feed(entries)

    def feed_destination(self, entries: Sequence[Entry]) -> None:
        """Add a batch.  Raises: UnsortedListingError."""
        self._destination.feed(entries)

    def close_source(self) -> None:
        """No more batches from the source."""
        self._source.closed = True

    def close_destination(self) -> None:
        """No more batches from the destination."""
        self._destination.closed = True

    @property
    def wants_source(self) -> bool:
        """Nothing more can be paired before the source's next batch."""
        return self._source.hungry and not self._source.closed

    @property
    def wants_destination(self) -> bool:
        """Nothing more can be paired before the destination's next batch."""
        return self._destination.hungry and not self._destination.closed

    @property
    def done(self) -> bool:
        """Both listings are closed and everything was paired."""
        sides = (self._source, self._destination)
        return all(side.closed and side.hungry for side in sides)

    def take(self) -> list[Pair]:
        """All pairs that the batches so far decide."""
        source, destination = self._source, self._destination
        ours, theirs, i, j = source.entries, destination.entries, source.at, destination.at
        our_count, their_count = len(ours), len(theirs)
        pairs: list[Pair] = []
        add = pairs.append
        while i < our_count and j < their_count:
            one, other = ours[i], theirs[j]
            if one[0] == other[0]:
                add((one, other))
                i += 1
                j += 1
            elif one[0] < other[0]:
                add((one, None))
                i += 1
            else:
                add((None, other))
                j += 1
        if destination.closed and j >= their_count:
            pairs.extend((entry, None) for entry in ours[i:])
            i = our_count
        if source.closed and i >= our_count:
            pairs.extend((None, entry) for entry in theirs[j:])
            j = their_count
        source.at, destination.at = i, j
        return pairs
