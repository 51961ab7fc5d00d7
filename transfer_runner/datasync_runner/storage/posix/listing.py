"""One folder's entries in the order of their keys, in memory or, when they are many, on disk.

Siblings are sorted as `name` (files) and `name/` (folders), which makes a whole walk sorted.  Every
name is looked at in the order in which the file system tells them: that is the order in which a
network file system has sent the metadata along.

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
from typing import TYPE_CHECKING, Final, NamedTuple

from datasync_api.patterns import Filter
from datasync_api.simple_pattern import SNAPSHOT
from datasync_runner.core.entry import UNSTAMPED, Device, Entry, HardLink, Kind, PosixMetadata
from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.metadata import entry_of, node_of
from datasync_runner.storage.sorting import Sorter
from datasync_runner.storage.temporary_names import PREFIX, TEMPORARY

if TYPE_CHECKING:
    from datasync_runner.storage.errors import StorageError

FOLDER_NAMES: Final = 10_000
SORT_BYTES: Final = 4 * 1024 * 1024
CHUNK: Final = 1000

_TYPE: Final = 0o170000
_REGULAR: Final = 0o100000
_TEMPORARY: Final = os.fsdecode(PREFIX)
_RECORD: Final = Struct("<BBIIIQqqqQQQ")
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

    def __init__(self) -> None:
        self.failures: list[StorageError] = []
        """Names that could not be looked at."""
        self.leftovers: list[bytes] = []
        """Temporary files of ours."""
        self.hidden: set[bytes] = set()
        """Folders that take no part themselves, but something in them may."""
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
    listing = Listing()
    changed_ns = max(moved_ns, os.fstat(fd).st_ctime_ns)
    try:
        with os.scandir(fd) as items:
            entries = _looked_at(items, prefix, _Rules(chosen, prefix, listing), moved_ns)
            found = list(islice(entries, FOLDER_NAMES))
            if len(found) == FOLDER_NAMES:
                _spill(listing, found, entries, prefix)
                found = []
            else:
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


class _Rules:
    """What takes part in one folder: asked for names that a rule may mean."""

    def __init__(self, chosen: Filter, prefix: bytes, listing: Listing) -> None:
        self.everything = chosen.everything
        self._chosen, self.listing, self._prefix = chosen, listing, prefix
        self._path = "/" + prefix.decode("utf-8", "surrogateescape")

    def takes(self, item: "os.DirEntry[str]") -> bool:
        """Whether to look at it; what is ours or hidden is noted."""
        name = item.name
        if name.startswith(_TEMPORARY):
            key = os.fsencode(name)
            if TEMPORARY.fullmatch(key) and not item.is_dir(follow_symlinks=False):
                self.listing.leftovers.append(self._prefix + key)
                return False
        folder = _is_folder(item)
        path = self._path + name + ("/" if folder else "")
        if self._chosen.matches(path):
            return True
        if folder and self._chosen.may_match_below(path):
            self.listing.hidden.add(self._prefix + os.fsencode(name) + b"/")
        return False


def _is_folder(item: "os.DirEntry[str]") -> bool:
    try:
        return item.is_dir(follow_symlinks=False)
    except OSError:
        return False  # whoever looks at it next tells why it cannot be looked at


def _looked_at(
    items: "Iterator[os.DirEntry[str]]", prefix: bytes, rules: _Rules, moved_ns: int
) -> Iterator[Entry]:
    everything, takes, failures = rules.everything, rules.takes, rules.listing.failures
    hidden = rules.listing.hidden
    file_kind = Kind.FILE
    for item in items:
        name = item.name
        raw = name.encode("utf-8", "surrogateescape")
        plain = everything and name[0] != "." and not name.endswith(SNAPSHOT)
        if not plain and not takes(item):
            key = prefix + raw + b"/"
            if key in hidden:
                yield Entry(key, Kind.FOLDER)
            continue
        try:
            found = item.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # removed while we walk: it is not there, that is all
        except OSError as error:
            failures.append(translate(error, prefix + raw, "list it"))
            continue
        mode = found.st_mode
        if mode & _TYPE == _REGULAR:
            mtime_ns = found.st_mtime_ns
            metadata = _metadata(
                (mode & 0o7777, found.st_uid, found.st_gid, mtime_ns, found.st_atime_ns)
            )
            changed_ns = found.st_ctime_ns
            if changed_ns < moved_ns:
                changed_ns = moved_ns
            head = (prefix + raw, file_kind, found.st_size, mtime_ns, metadata)
            entry = _entry((*head, *_BETWEEN, changed_ns, *_NOTHING_MORE))
            yield entry._replace(node=node_of(found)) if found.st_nlink > 1 else entry
            continue
        entry = entry_of(prefix + raw, found)
        key = entry.key + b"/" if entry.kind is Kind.FOLDER else entry.key
        yield entry._replace(key=key, changed_ns=max(entry.changed_ns, moved_ns))


def _chunk(entries: Sequence[Entry], changed_ns: int) -> Chunk:
    folder = Kind.FOLDER
    folders = [at for at, entry in enumerate(entries) if entry[1] is folder]
    return Chunk(entries, folders, changed_ns)


def _spill(listing: Listing, first: list[Entry], more: Iterator[Entry], prefix: bytes) -> None:
    """All of it to the disk's sorter, CHUNK entries at a time; `first` is emptied."""
    sorter = listing.sorter = Sorter(SORT_BYTES)
    cut = len(prefix)
    while first:
        sorter.push_many([_packed(entry, cut) for entry in first[-CHUNK:]])
        del first[-CHUNK:]
    while piece := [_packed(entry, cut) for entry in islice(more, CHUNK)]:
        sorter.push_many(piece)


def _packed(entry: Entry, cut: int) -> bytes:
    """A record that sorts by the key: a name holds no NUL, so what follows does not matter."""
    key, kind, size_bytes, mtime_ns, metadata = entry[:5]
    mode, uid, gid, _, atime_ns = metadata or (0, 0, 0, 0, 0)
    known = metadata is not None
    owner = (mode or 0, uid or 0, gid or 0)
    times = (mtime_ns, atime_ns or 0, entry.changed_ns)
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
            kind, known, mode, uid, gid, size_bytes, mtime_ns, atime_ns, stamp, *node = fields
            metadata = _metadata((mode, uid, gid, mtime_ns, atime_ns)) if known else None
            head = (prefix + record[: -width - 1], kinds[kind], size_bytes, mtime_ns, metadata)
            entry = _entry((*head, *_BETWEEN, stamp, *_NOTHING_MORE))
            add(entry._replace(node=_node(kinds[kind], *node)) if any(node) else entry)
        yield _chunk(entries, changed_ns)


def _node(kind: Kind, first: int, second: int, third: int) -> HardLink | Device:
    if kind is Kind.DEVICE:
        return Device(bool(first), second)
    return HardLink(first, second, third)
