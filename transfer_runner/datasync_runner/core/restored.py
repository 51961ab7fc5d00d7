"""Objects that say they were names of one file: which of them are one file again.

The number of an inode proves nothing by itself: objects are changed one by one, and numbers are
used again.  Names are one file when they state the same inode, the same metadata, and have the same
content: one checksum, of what was read or vouched for by the storage, or one ETag.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import groupby
from struct import Struct
from typing import Final, NamedTuple

from datasync_runner.core.entry import Entry, Kind, PosixMetadata, StatedInode

# Times are seconds and nanoseconds: those after 2262 have more than 64 bits of nanoseconds.
_GROUP: Final = Struct(">QQqIIII")
_SIZE_AND_TIME: Final = Struct(">QqI")
_REST: Final = Struct(">QQ")
_SECOND_NS: Final = 10**9
_UNSTATED: Final = 2**32 - 1
REMEMBERED: Final = 64
"""So many different contents of one group are looked through for a name's own."""


class State(IntEnum):
    """How far a name is, the best first."""

    RIGHT = 0
    """It was right at the destination already."""
    WRITTEN = 1
    """This run has read and written it."""
    UNREAD = 2
    """It has to be transferred, and may not have to be read for that."""


class Restored(NamedTuple):
    """A name whose object states an inode."""

    group: bytes
    """Inode, size, time, permissions and owners."""
    state: State
    key: bytes
    size_bytes: int
    etag: str
    checksum: int | None
    """CRC64NVME; None: it was not read, and nobody vouches for it."""

    @property
    def record(self) -> bytes:
        """Sorted, those of a group are together, the best first, then by key."""
        rest = _REST.pack(self.checksum is not None, self.checksum or 0)
        name = b"%c%s\0%s" % (self.state, self.key, self.etag.encode())
        return self.group + name + rest

    @property
    def entry(self) -> Entry:
        """What its object states."""
        _, size_bytes, seconds, ns, *numbers = _GROUP.unpack(self.group)
        mtime_ns = seconds * _SECOND_NS + ns
        mode, uid, gid = (None if n == _UNSTATED else n for n in numbers)
        metadata = PosixMetadata(mode, uid, gid, mtime_ns)
        return Entry(self.key, Kind.FILE, size_bytes, mtime_ns, metadata, etag=self.etag)

    @property
    def size_and_time(self) -> bytes:
        """Those of the group alone, as `size_and_time` has them."""
        _, size_bytes, seconds, ns, *_ = _GROUP.unpack(self.group)
        return _SIZE_AND_TIME.pack(size_bytes, seconds, ns)


class Joined(NamedTuple):
    """What follows for a name that is not right yet."""

    name: Restored
    first: Restored | None
    """It shall be one file with this one; None: it has to be read."""
    beside: Sequence[Restored] = ()
    """Of the first name of a group that has to be read: what the group has already, whose content
    may turn out to be the same."""


def record_of(entry: Entry, checksum: int | None, state: State) -> bytes | None:
    """A name as a record; None: its object states no inode, or no time."""
    node, stated = entry.node, entry.metadata
    if not isinstance(node, StatedInode) or stated is None or stated.mtime_ns is None:
        return None
    numbers = [_UNSTATED if n is None else n for n in (stated.mode, stated.uid, stated.gid)]
    time = divmod(stated.mtime_ns, _SECOND_NS)
    group = _GROUP.pack(node.inode, entry.size_bytes, *time, *numbers)
    return Restored(group, state, entry.key, entry.size_bytes, entry.etag, checksum).record


def restored(record: bytes) -> Restored:
    """The name that a record was made of."""
    group, state = record[: _GROUP.size], State(record[_GROUP.size])
    key, etag = record[_GROUP.size + 1 : -_REST.size].rsplit(b"\0", 1)  # a key may hold NUL
    known, checksum = _REST.unpack(record[-_REST.size :])
    size_bytes = _GROUP.unpack(group)[1]
    return Restored(group, state, key, size_bytes, etag.decode(), checksum if known else None)


def size_and_time(size_bytes: int, mtime_ns: int) -> bytes:
    """What a name and a file at the destination have in common if they are one."""
    return _SIZE_AND_TIME.pack(size_bytes, *divmod(mtime_ns, _SECOND_NS))


def joined(records: Iterable[bytes]) -> Iterator[Joined]:
    """Of sorted records: what follows for the names that are not right yet.

    What is right already comes first, so that it stays what it is, and others are linked to it.
    The first of each content is the one that the others follow.

    | group | checksums | ETags | content |
    |---|---|---|---|
    | another | any | any | another |
    | one | both known, equal | any | the same |
    | one | both known, differ | any | another |
    | one | one is not known | equal | the same |
    | one | one is not known | differ | another |
    | one | one is not known | none | another |

    | name | of its content there is already | |
    |---|---|---|
    | Right | any | stays what it is |
    | Written | none | stays its own |
    | Written | any | is linked |
    | Unread | none | is read |
    | Unread | any | is linked |
    """
    for _, names in groupby(map(restored, records), key=lambda name: name.group):
        seen: list[tuple[Restored, Restored]] = []  # names, each with the first of its content
        told = False
        for name in names:
            first = next((first for one, first in seen if _same_content(one, name)), None)
            if name.state is State.UNREAD and first is None:
                yield Joined(name, None, () if told else tuple([one for one, _ in seen]))
                told = True
            elif name.state is not State.RIGHT and first is not None:
                yield Joined(name, first)
            # One content may have several ETags: of an upload in parts, and of its copies.
            if len(seen) < REMEMBERED and (first is None or _tells_more(name, seen)):
                seen.append((name, first or name))


def _tells_more(name: Restored, seen: Sequence[tuple[Restored, Restored]]) -> bool:
    return all((one.etag, one.checksum) != (name.etag, name.checksum) for one, _ in seen)


def _same_content(one: Restored, other: Restored) -> bool:
    if one.checksum is not None and other.checksum is not None:
        return one.checksum == other.checksum
    return one.etag == other.etag != ""
