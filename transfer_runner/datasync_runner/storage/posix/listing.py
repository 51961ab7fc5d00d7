"""One folder's entries in the order of their keys, in memory or, when they are many, on disk.

Siblings are sorted as `name` (files) and `name/` (folders), which makes a whole walk sorted.

Whoever renames a folder changes its ctime and that of the folder around it, and of nothing inside.
So where both have changed, all that is inside counts as changed at that time.

Memory: FOLDER_NAMES entries (about 500 bytes each), and SORT_BYTES when there are more.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from operator import itemgetter
from struct import Struct
from typing import Final, NamedTuple

from datasync_api.patterns import Filter
from datasync_runner.core.entry import UNSTAMPED, Device, Entry, HardLink, Kind, PosixMetadata
from datasync_runner.storage.posix.looks import Looks
from datasync_runner.storage.sorting import Sorter

FOLDER_NAMES: Final = 10_000
SORT_BYTES: Final = 4 * 1024 * 1024
CHUNK: Final = 1000
PIECE: Final = 250
"""Names looked at together: few enough that what stat tells of them stays in the core's cache."""

_RECORD: Final = Struct("<BBIIIQqIqIqQQQ")
"""Times are seconds and nanoseconds: those after 2262 have more than 64 bits of nanoseconds."""
_SECOND_NS: Final = 10**9
_KEY: Final = itemgetter(0)
_BETWEEN: Final = Entry(b"", Kind.FILE)[5:9]
_NOTHING_MORE: Final = Entry(b"", Kind.FILE)[10:]
# Half of what the constructors of named tuples cost; they are called for each of millions.
_new = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_entry: Final[Callable[[tuple[object, ...]], Entry]] = partial(_new, Entry)
_metadata: Final[Callable[[tuple[int, ...]], PosixMetadata]] = partial(_new, PosixMetadata)


class Chunk(NamedTuple):
    """A piece of a folder, sorted."""

    entries: Sequence[Entry]
    folders: Sequence[int]
    """Where in it the folders are."""
    changed_ns: int = UNSTAMPED
    """The change stamp of the folder itself."""

    def moved_ns(self, at: int) -> int:
        """When the folder at this place may have been moved there, at the latest."""
        return min(self.entries[at].changed_ns, self.changed_ns)


class Listing:
    """A folder that was read; `close` lets go of what is on disk."""

    def __init__(self, looks: Looks) -> None:
        self.looks = looks
        self.first = Chunk([], [])
        self.names = 0
        """How many entries are in memory."""
        self.sorter: Sorter | None = None
        self.rest: Iterator[Chunk] = iter(())

    def close(self) -> None:
        """Give the disk's space back."""
        if self.sorter is not None:
            self.sorter.close()


def read_folder(fd: int, prefix: bytes, chosen: Filter, *, moved_ns: int = 0) -> Listing:
    """The entries of an open folder whose key is `prefix`.

    `moved_ns`: when it may have been moved here, with a folder around it or by itself; 0: never.
    Raises: OSError.
    """
    looks = Looks(chosen, prefix, moved_ns)
    listing, found = Listing(looks), list[Entry]()
    changed_ns = max(moved_ns, os.fstat(fd).st_ctime_ns)
    try:
        with os.scandir(fd) as items:
            pieces = looks.pieces(items, PIECE)
            for piece in pieces:
                found += piece
                if len(found) >= FOLDER_NAMES:
                    _spill(listing, found, pieces, prefix)
            found.sort(key=_KEY)
    except BaseException:
        listing.close()
        raise
    if listing.sorter is None:
        listing.first = _chunk(found, changed_ns)
    else:
        records = listing.sorter.sorted()
        listing.rest = _unpacked(records, prefix, changed_ns)
        listing.first = next(listing.rest)
    listing.names = len(listing.first.entries)
    return listing


def _chunk(entries: Sequence[Entry], changed_ns: int) -> Chunk:
    folder = Kind.FOLDER
    folders = [at for at, entry in enumerate(entries) if entry[1] is folder]
    return Chunk(entries, folders, changed_ns)


def _spill(
    listing: Listing, first: list[Entry], more: Iterator[list[Entry]], prefix: bytes
) -> None:
    """All of it to the disk's sorter, CHUNK entries at a time; `first` is emptied."""
    sorter = listing.sorter = Sorter(SORT_BYTES)
    cut = len(prefix)
    while first:
        sorter.push_many([_packed(entry, cut) for entry in first[-CHUNK:]])
        del first[-CHUNK:]
    for piece in more:
        sorter.push_many([_packed(entry, cut) for entry in piece])


def _packed(entry: Entry, cut: int) -> bytes:
    """A record that sorts by the key: a name holds no NUL, so what follows does not matter."""
    key, kind, size_bytes, mtime_ns, metadata = entry[:5]
    mode, uid, gid, _, atime_ns = metadata or (0, 0, 0, 0, 0)
    known = metadata is not None
    owner = (mode or 0, uid or 0, gid or 0)
    changed_ns = min(entry.changed_ns, UNSTAMPED)  # a share's is what its clients set
    times = (*divmod(mtime_ns, _SECOND_NS), *divmod(atime_ns or 0, _SECOND_NS), changed_ns)
    node = (*(entry.node or (0, 0, 0)), 1)[:3]
    return key[cut:] + b"\0" + _RECORD.pack(kind, known, *owner, size_bytes, *times, *node)


def _unpacked(records: Iterator[bytes], prefix: bytes, changed_ns: int) -> Iterator[Chunk]:
    width = _RECORD.size
    kinds: list[Kind] = list(Kind)
    unpack = _RECORD.unpack
    while piece := list(islice(records, CHUNK)):
        entries: list[Entry] = []
        add = entries.append
        for record in piece:
            fields: tuple[int, ...] = unpack(record[-width:])
            kind, known, mode, uid, gid, size_bytes, *times, first, second, third = fields
            modified, modified_ns, accessed, accessed_ns, stamp = times
            mtime_ns = modified * _SECOND_NS + modified_ns
            atime_ns = accessed * _SECOND_NS + accessed_ns
            metadata = _metadata((mode, uid, gid, mtime_ns, atime_ns)) if known else None
            head = (prefix + record[: -width - 1], kinds[kind], size_bytes, mtime_ns, metadata)
            entry = _entry((*head, *_BETWEEN, stamp, *_NOTHING_MORE))
            node = first, second, third
            add(entry._replace(node=_node(kinds[kind], *node)) if any(node) else entry)
        yield _chunk(entries, changed_ns)


def _node(kind: Kind, first: int, second: int, third: int) -> HardLink | Device:
    if kind is Kind.DEVICE:
        return Device(bool(first), second)
    return HardLink(first, second, third)
