"""Names of a folder to entries, some at a time: what takes part, and what stat tells of it.

Nothing here is done name by name that can be done for a whole piece at once: a run lists millions.
Pieces come in the order in which the file system tells the names: that is the order in which a
network file system has sent the metadata along.
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, Final, cast

from datasync_api.patterns import Filter
from datasync_api.simple_pattern import SNAPSHOT
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.metadata import entry_of
from datasync_runner.storage.temporary_names import PREFIX, TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from datasync_runner.storage.errors import StorageError

_TYPE: Final = 0o170000
_REGULAR: Final = 0o100000
_PERMISSIONS: Final = 0o7777
_TEMPORARY: Final = os.fsdecode(PREFIX)
_new: Final = cast("Any", tuple).__new__
_entry: Final = cast("Callable[[Iterable[Any]], Entry]", partial(_new, Entry))
_metadata: Final = cast("Callable[[Iterable[Any]], PosixMetadata]", partial(_new, PosixMetadata))
"""From their fields, without a Python call."""

Items = Sequence["os.DirEntry[str]"]


class Looks:
    """What takes part in one folder, and what was met on the way."""

    def __init__(self, chosen: Filter, prefix: bytes, moved_ns: int) -> None:
        """`moved_ns`: when the folder may have been moved here; all in it changed then at least."""
        self.failures: list[StorageError] = []
        """Names that could not be looked at."""
        self.leftovers: list[bytes] = []
        """Temporary files of ours."""
        self.hidden: set[bytes] = set()
        """Folders that take no part themselves, but something in them may."""
        self._chosen, self._prefix, self._moved_ns = chosen, prefix, moved_ns
        self._path = "/" + prefix.decode("utf-8", "surrogateescape")

    def pieces(self, items: "Iterator[os.DirEntry[str]]", count: int) -> Iterator[list[Entry]]:
        """The entries of all names, `count` names at a time.  Raises: OSError."""
        while piece := list(islice(items, count)):
            names = [item.name for item in piece]
            hidden: list[Entry] = []
            if not (self._chosen.everything and _all_plain(names)):
                piece = self._taken(piece, hidden)
            yield hidden + self._entries(piece)

    def _taken(self, piece: Items, hidden: list[Entry]) -> "list[os.DirEntry[str]]":
        """Those that take part; the hidden folders are told."""
        everything, prefix = self._chosen.everything, self._prefix
        taken: list[os.DirEntry[str]] = []
        for item in piece:
            name = item.name
            plain = everything and name[0] != "." and not name.endswith(SNAPSHOT)
            if plain or self._takes(item):
                taken.append(item)
            elif (key := prefix + os.fsencode(name) + b"/") in self.hidden:
                hidden.append(Entry(key, Kind.FOLDER))
        return taken

    def _takes(self, item: "os.DirEntry[str]") -> bool:
        """Whether to look at it, by the rules; what is ours or hidden is noted."""
        name = item.name
        if name.startswith(_TEMPORARY):
            key = os.fsencode(name)
            if TEMPORARY.fullmatch(key) and not item.is_dir(follow_symlinks=False):
                self.leftovers.append(self._prefix + key)
                return False
        folder = _is_folder(item)
        path = self._path + name + ("/" if folder else "")
        if self._chosen.matches(path):
            return True
        if folder and self._chosen.may_match_below(path):
            self.hidden.add(self._prefix + os.fsencode(name) + b"/")
        return False

    def _entries(self, piece: "list[os.DirEntry[str]]") -> list[Entry]:
        try:
            found = [item.stat(follow_symlinks=False) for item in piece]
        except OSError:
            piece, found = self._found(piece)
        if not found:
            return []
        names = "\0".join([item.name for item in piece]).encode("utf-8", "surrogateescape")
        prefix, moved_ns = self._prefix, self._moved_ns
        keys = [prefix + name for name in names.split(b"\0")]
        mtimes_ns = [one.st_mtime_ns for one in found]
        changed_ns = [one.st_ctime_ns for one in found]
        if moved_ns:
            changed_ns = [max(moved_ns, one_ns) for one_ns in changed_ns]
        metadata = map(
            _metadata,
            zip(
                [one.st_mode & _PERMISSIONS for one in found],
                [one.st_uid for one in found],
                [one.st_gid for one in found],
                mtimes_ns,
                [one.st_atime_ns for one in found],
                strict=True,
            ),
        )
        entries = list(
            map(
                _entry,
                zip(
                    keys,
                    repeat(Kind.FILE),
                    [one.st_size for one in found],
                    mtimes_ns,
                    metadata,
                    repeat(object=False),
                    repeat(object=False),
                    repeat(""),
                    repeat(None),
                    changed_ns,
                    repeat(""),
                    repeat(None),
                    repeat(""),
                    strict=False,
                ),
            )
        )
        for at, one in enumerate(found):
            if one.st_nlink != 1 or one.st_mode & _TYPE != _REGULAR:
                entries[at] = self._other(keys[at], one)
        return entries

    def _found(self, piece: Items) -> "tuple[list[os.DirEntry[str]], list[os.stat_result]]":
        """Those that can be looked at, and what stat tells of them; the others are failures."""
        seen: list[os.DirEntry[str]] = []
        found: list[os.stat_result] = []
        for item in piece:
            try:
                found.append(item.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue  # removed while we walk: it is not there, that is all
            except OSError as error:
                key = self._prefix + os.fsencode(item.name)
                self.failures.append(translate(error, key, "list it"))
                continue
            seen.append(item)
        return seen, found

    def _other(self, key: bytes, found: os.stat_result) -> Entry:
        """Of what is no file with one name."""
        entry = entry_of(key, found)
        key = key + b"/" if entry.kind is Kind.FOLDER else key
        return entry._replace(key=key, changed_ns=max(entry.changed_ns, self._moved_ns))


def _all_plain(names: Sequence[str]) -> bool:
    """Whether surely none begins with a dot or ends in SNAPSHOT."""
    text = "\0" + "\0".join(names)
    return "\0." not in text and SNAPSHOT not in text


def _is_folder(item: "os.DirEntry[str]") -> bool:
    try:
        return item.is_dir(follow_symlinks=False)
    except OSError:
        return False  # whoever looks at it next tells why it cannot be looked at
