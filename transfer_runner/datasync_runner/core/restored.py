"""Objects that say they were names of one file: which of them are one file again.

The number of an inode proves nothing by itself: objects are changed one by one, and numbers are
used again.  Names are one file when they state the same inode, the same metadata, and have the same
content: one checksum of what was read, or one ETag.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from struct import Struct
from typing import Final, NamedTuple

from datasync_runner.core.entry import Entry, StatedInode

_GROUP: Final = Struct(">QQqIII")
_REST: Final = Struct(">QQ")
_UNSTATED: Final = 2**32 - 1
REMEMBERED: Final = 64
"""So many different contents of one group are looked through for a name's own."""


class Restored(NamedTuple):
    """A name whose file is right at the destination, or was written by this run."""

    group: bytes
    """Inode, size, time, permissions and owners."""
    written: bool
    key: bytes
    size_bytes: int
    etag: str
    checksum: int | None
    """CRC64NVME of what was read; None: it was not read."""


class Joined(NamedTuple):
    """A name that shall be one file with another."""

    name: Restored
    first: Restored


def record_of(entry: Entry, checksum: int | None, *, written: bool) -> bytes | None:
    """A name as a record; None: its object states no inode, or no time."""
    node, stated = entry.node, entry.metadata
    if not isinstance(node, StatedInode) or stated is None or stated.mtime_ns is None:
        return None
    numbers = [_UNSTATED if n is None else n for n in (stated.mode, stated.uid, stated.gid)]
    group = _GROUP.pack(node.inode, entry.size_bytes, stated.mtime_ns, *numbers)
    rest = _REST.pack(checksum is not None, checksum or 0)
    return b"%s%c%s\0%s%s" % (group, written, entry.key, entry.etag.encode(), rest)


def restored(record: bytes) -> Restored:
    """The name that a record was made of."""
    group, written = record[: _GROUP.size], record[_GROUP.size]
    key, etag = record[_GROUP.size + 1 : -_REST.size].split(b"\0")
    known, checksum = _REST.unpack(record[-_REST.size :])
    size_bytes = _GROUP.unpack(group)[1]
    return Restored(
        group, bool(written), key, size_bytes, etag.decode(), checksum if known else None
    )


def joined(records: Iterable[bytes]) -> Iterator[Joined]:
    """Of sorted records: the names that this run has written and that are one file with another.

    What is right already comes first, so that it stays what it is, and others are linked to it.

    | group | checksums | ETags | the later name, written by this run |
    |---|---|---|---|
    | another | any | any | stays its own |
    | one | both known, equal | any | is linked |
    | one | both known, differ | any | stays its own |
    | one | one is not known | equal | is linked |
    | one | one is not known | differ | stays its own |
    | one | one is not known | none | stays its own |
    """
    for _, names in groupby(map(restored, records), key=lambda name: name.group):
        firsts: list[Restored] = []
        for name in names:
            first = next((one for one in firsts if _same_content(one, name)), None)
            if first is None and len(firsts) < REMEMBERED:
                firsts.append(name)
            elif first is not None and name.written:
                yield Joined(name, first)


def _same_content(one: Restored, other: Restored) -> bool:
    if one.checksum is not None and other.checksum is not None:
        return one.checksum == other.checksum
    return one.etag == other.etag != ""
