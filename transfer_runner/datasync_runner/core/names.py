"""Names that one side has and the other cannot: of objects, on their way to any destination.

AWS DataSync cannot transfer keys with empty parts, `.` or `..` (user guide, "Considerations for
Amazon S3").  On a file system they are other names for something else; and servers differ in what
they make of them, so that such a key might end up outside of a prefix.  To SMB and SeaweedFS a
backslash is a slash.  Nothing is renamed to fit: two names could then meet.
"""

import re
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from datasync_runner.core.entry import Entry, Kind

T = TypeVar("T")
_NO_NAMES: Final = frozenset({b"", b".", b".."})
_SUSPECT: Final = re.compile(rb"/\.{0,2}/|/\.{1,2}\n|\.\.\\|\\\.\.")
_PARTS: Final = re.compile(rb"[/\\]")
_SLASH: Final = ord("/")


FULL_MARKER: Final = "its key ends in '/', so that it is a folder, but it has content: rename it"


def is_full_marker(entry: Entry) -> bool:
    """Whether an object is listed as a folder and has content, which no folder can keep."""
    return entry.kind is Kind.FOLDER and entry.size_bytes > 0


def problem(key: bytes) -> str | None:
    """Why no destination can have this name, or None.

    | key | problem |
    |---|---|
    | a/b, a/, .a, a.. | - |
    | a//b, /a, a// | an empty part |
    | a/./b, .. | a part that is '.' or '..' |
    | ..\\a | '..' beside a backslash |
    """
    path = key[:-1] if key.endswith(b"/") else key
    if not _NO_NAMES.isdisjoint(path.split(b"/")):
        return "a part of its name is empty, '.' or '..', which no path can have"
    if b"\\" in path and b".." in _PARTS.split(path):
        return "'..' beside a backslash leads out where that is read as a slash"
    return None


def odd_keys(keys: Sequence[bytes]) -> set[bytes]:
    """Those of the keys that have a problem: one look at all of them, as hardly any has."""
    if not _SUSPECT.search(b"/" + b"\n/".join(keys) + b"\n"):
        return set()
    return {key for key in keys if problem(key)}


def odd_entries(entries: Sequence[Entry]) -> set[bytes]:
    """The keys of a bucket's entries that have a problem, or are a folder that has content."""
    odd = odd_keys([entry[0] for entry in entries])
    if Kind.FOLDER in [entry[1] for entry in entries]:
        odd |= {entry.key for entry in entries if is_full_marker(entry)}
    return odd


class Twins(Generic[T]):
    """Holds files back until it is sure that no folder has the same name: then the folder wins.

    A bucket may have `a` and `a/b`; a file system may not.  Keys come in rising order, so that `a`
    is sure as soon as one comes that is behind `a/`.  Memory: files of which each key is the
    beginning of the next one's, hence fewer than a key has bytes.
    """

    def __init__(self) -> None:
        self._held: list[tuple[bytes, T]] = []

    def __bool__(self) -> bool:
        """Whether any is held back."""
        return bool(self._held)

    def reach(self, key: bytes) -> tuple[list[T], list[T]]:
        """The next key, of a file or a folder: which of the held are free, which have a twin.

        | held | key | |
        |---|---|---|
        | a | a-b | held on: a/ may still come |
        | a | a/b | a has a twin |
        | a | b | a is free |
        """
        held = self._held
        free: list[T] = []
        twins: list[T] = []
        while held:
            name, item = held[-1]
            inside = key.startswith(name)
            if inside and key[len(name)] < _SLASH:
                break
            held.pop()
            (twins if inside and key[len(name)] == _SLASH else free).append(item)
        return free, twins

    def hold(self, key: bytes, item: T) -> None:
        """Hold the file back whose key was reached last."""
        self._held.append((key, item))

    def rest(self) -> list[T]:
        """No more keys come: what is held is free."""
        items = [item for _, item in self._held]
        self._held.clear()
        return items
