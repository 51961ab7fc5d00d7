"""Names of one inode at the source: which is copied, and which become links to it.

Each name's pair is decided as if it stood alone; then the names of an inode are looked at together.
The best of them comes first: one that is right already, else one that needs metadata alone, else
the first that has to be copied, else the first that has to wait for the deletions.  The others
shall be names of what the first one is.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain, pairwise
from struct import Struct
from typing import Final, NamedTuple

from datasync_runner.core.actions import NEVER, SAME, Action, Decision
from datasync_runner.core.entry import Entry, HardLink, Kind, PosixMetadata, in_place_of

Inode = tuple[int, int]
"""The number of a file system, and of an inode on it."""

_HEAD: Final = Struct(">QQB")
_REST: Final = Struct("<BIIIQqIqIQQQ?")
"""Times are seconds and nanoseconds: those after 2262 have more than 64 bits of nanoseconds."""
_SECOND_NS: Final = 10**9
_ACTIONS: Final = list(Action)
_COPIED, _WAITS, _LAST = 2, 3, 4


class Name(NamedTuple):
    """One name of a file that has several, and what its own pair asks for."""

    source: Entry
    action: Action
    rank: int
    """0: right already.  1: needs metadata.  2: has to be copied.  3: has to be copied, when what
    is in its way is deleted.  4: to be left alone."""
    there: Inode | None
    """What is at the destination under this name, where that is known."""
    replaces: bool = False
    """Whether anything is there."""
    etag: str = ""
    """Of the object that is there."""
    reason: str = SAME.reason
    """Why it is left as it is, if it is."""

    @property
    def inode(self) -> Inode:
        """What it is at the source."""
        return inode_of(self.source) or (0, 0)

    @property
    def waits(self) -> bool:
        """Whether something is in its way until the deletions."""
        return self.rank == _WAITS

    def waiting(self) -> "Name":
        """The same, with something in its way."""
        return self._replace(rank=_WAITS)


class Fate(Enum):
    """What becomes of a name beside its first one."""

    ALONE = "Alone"
    """As of any file."""
    SAME = "Same"
    LINK = "Link"


def has_several_names(entry: Entry) -> bool:
    """Whether it is a file with another name somewhere."""
    return isinstance(entry.node, HardLink) and entry.node.names > 1


def name_of(source: Entry, destination: Entry | None, decision: Decision) -> Name:
    """A pair whose source has several names, as its decision would have it alone.

    | decision | rank |
    |---|---|
    | Skip, but for OverwriteNever | 0 |
    | UpdateMetadata | 1 |
    | Copy | 2 |
    | any other | 3 |
    """
    action = decision.action
    if action is Action.SKIP and decision != NEVER:
        rank = 0
    else:
        rank = {Action.UPDATE_METADATA: 1, Action.COPY: _COPIED}.get(action, _LAST)
    reason = decision.reason if action is Action.SKIP else SAME.reason
    if destination is None:
        return Name(source, action, rank, None, reason=reason)
    source, there, etag = in_place_of(source, destination), inode_of(destination), destination.etag
    return Name(source, action, rank, there, replaces=True, etag=etag, reason=reason)


def fate(name: Name, first: Name | None) -> Fate:
    """What becomes of a name; `first`: the one that the inode's other names follow, if any.

    | first | name | at the destination | fate |
    |---|---|---|---|
    | none, or to be left alone | any | any | Alone |
    | any | to be left alone | any | Alone |
    | right, or needs metadata | any | the same inode as the first | Same |
    | any | any | any other | Link |
    """
    if first is None or first.rank == _LAST or name.rank == _LAST:
        return Fate.ALONE
    if stays(first) and first.there is not None and first.there == name.there:
        return Fate.SAME
    return Fate.LINK


def stays(first: Name) -> bool:
    """Whether a first name keeps its inode at the destination."""
    return first.rank < _COPIED


def packed(name: Name) -> bytes:
    """A record: sorted, those of an inode are together, the best first, then by key."""
    source = name.source
    mode, uid, gid, mtime_ns, atime_ns = source.metadata or PosixMetadata()
    names = source.node.names if isinstance(source.node, HardLink) else 1
    rest = _REST.pack(
        _ACTIONS.index(name.action), mode or 0, uid or 0, gid or 0,
        source.size_bytes, *divmod(mtime_ns or 0, _SECOND_NS), *divmod(atime_ns or 0, _SECOND_NS),
        names, *(name.there or (0, 0)), name.replaces,
    )  # fmt: skip
    thing = f"\0{source.storage_class}\0{name.etag}\0{name.reason}".encode()
    return _HEAD.pack(*name.inode, name.rank) + source.key + thing + rest


def unpacked(record: bytes) -> Name:
    """The name that `packed` made a record of."""
    device, inode, rank = _HEAD.unpack_from(record)
    fields: tuple[int, ...] = _REST.unpack(record[-_REST.size :])
    action, mode, uid, gid, size_bytes, *times, names, device_there, inode_there, replaces = fields
    mtime_ns, atime_ns = times[0] * _SECOND_NS + times[1], times[2] * _SECOND_NS + times[3]
    key, storage_class, etag, reason = record[_HEAD.size : -_REST.size].split(b"\0")
    source = Entry(
        key,
        Kind.FILE,
        size_bytes,
        mtime_ns,
        PosixMetadata(mode, uid, gid, mtime_ns, atime_ns),
        node=HardLink(device, inode, names),
        storage_class=storage_class.decode(),
    )
    there = device_there, inode_there
    known = there if any(there) else None
    told = etag.decode(), reason.decode()
    return Name(source, _ACTIONS[action], rank, known, bool(replaces), *told)


def with_more(records: Iterable[bytes]) -> Iterator[tuple[Name, bool]]:
    """Sorted records as names, each with whether another name of its inode follows."""
    names = chain(map(unpacked, records), [None])
    for name, following in pairwise(names):
        assert name is not None  # noqa: S101 - the end is last
        yield name, following is not None and following.inode == name.inode


def inode_of(entry: Entry) -> Inode | None:
    """Which inode a file is, where that is known."""
    node = entry.node
    return (node.device, node.inode) if isinstance(node, HardLink) else None
