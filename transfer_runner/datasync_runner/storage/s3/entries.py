"""From pages to entries: a page at a time, and the folders that keys imply before their first key.

Nothing here is done key by key that can be done for a whole page at once: a run lists millions.
"""

from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, cast

from datasync_api.patterns import Filter
from datasync_runner.core.entry import UNSTAMPED, Entry, Kind, parent_of
from datasync_runner.storage.s3.pages import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MAKE: Final = cast("Callable[[Iterable[Any]], Entry]", partial(cast("Any", tuple).__new__, Entry))
"""An entry from its fields, without a Python call."""


def entries_of(page: Page, skip: int) -> list[Entry]:
    """The objects of a page, without the first `skip` bytes of their keys.

    The marker of the location's own folder is none of them.
    """
    keys = [key[skip:] for key in page.keys] if skip else page.keys
    entries = list(
        map(
            _MAKE,
            zip(
                keys,
                repeat(Kind.FILE),
                page.sizes_bytes,
                page.mtimes_ns,
                repeat(None),
                repeat(object=False),
                repeat(object=False),
                page.etags,
                repeat(None),
                _stamps(page),
                repeat(""),
                repeat(None),
                page.classes,
                strict=False,
            ),
        )
    )
    joined = b"\n".join(keys)
    if b"/\n" in joined or joined.endswith(b"/"):
        for at, entry in enumerate(entries):
            if entry.key.endswith(b"/"):
                entries[at] = entry._replace(kind=Kind.FOLDER)
    if b"" in keys[:1]:
        del entries[0]
    return entries


def _stamps(page: Page) -> "Sequence[int]":
    times = page.mtimes_ns
    if 0 not in times and "-" not in "".join(page.etags):
        return times
    return list(map(stamp, times, page.etags))


def stamp(mtime_ns: int, etag: str) -> int:
    """The change stamp of an object as it is listed.

    Of an upload in parts Last-Modified may be when it was begun, days before the object was there
    (Amazon S3 User Guide, object metadata): such an object proves nothing.
    """
    return mtime_ns if mtime_ns and "-" not in etag else UNSTAMPED


class Folding:
    """Adds implied folders to a sorted stream of objects, and leaves out what takes no part."""

    def __init__(self, chosen: Filter) -> None:
        self._chosen = chosen
        self._known: list[bytes] = []  # the chain of folders around the last key

    def fold(self, entries: list[Entry]) -> list[Entry]:
        """The next entries in order, with their folders, as far as they take part."""
        if not entries:
            return []
        paths = b"/" + b"\n/".join([entry[0] for entry in entries])
        if not self._same_folder(entries, paths):
            entries = self._with_folders(entries)
        if self._chosen.takes_all(paths):
            return entries
        matches = self._chosen.matches
        return [
            entry for entry in entries if matches("/" + entry[0].decode("utf-8", "surrogateescape"))
        ]

    def _same_folder(self, entries: list[Entry], paths: bytes) -> bool:
        """Whether all are files right in the folder that is known already."""
        here = self._known[-1] if self._known else b""
        return (
            entries[0].key.startswith(here)
            and entries[-1].key.startswith(here)
            and paths.count(b"/") == len(entries) * (here.count(b"/") + 1)
        )

    def _with_folders(self, entries: list[Entry]) -> list[Entry]:
        known = self._known
        found: list[Entry] = []
        here = known[-1] if known else b""
        length = len(here)
        for entry in entries:
            key = entry[0]
            if not key.startswith(here) or key.find(b"/", length) >= 0:
                self._enter(key, found)
                here = known[-1] if known else b""
                length = len(here)
            found.append(entry)
        return found

    def _enter(self, key: bytes, found: list[Entry]) -> None:
        """Make the key's folders the known ones; those that are new are found."""
        known = self._known
        while known and not key.startswith(known[-1]):
            known.pop()
        above = parent_of(key)
        at = len(known[-1]) if known else 0
        while at < len(above):
            at = above.index(b"/", at) + 1
            folder = above[:at]
            known.append(folder)
            if representable(folder):
                found.append(Entry(folder, Kind.FOLDER, metadata=None, implied=True))
        if key.endswith(b"/"):
            known.append(key)


def representable(folder: bytes) -> bool:
    """Whether a prefix can be a folder of a file system: no empty, `.` or `..` component."""
    return not any(part in (b"", b".", b"..") for part in folder[:-1].split(b"/"))
