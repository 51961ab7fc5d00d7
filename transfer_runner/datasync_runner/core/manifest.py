"""A manifest's text to its items: AWS DataSync's rules for CSV, read by Python's csv module.

Source: DataSync user guide, "Transferring specific files or objects by using a manifest".  UTF-8,
no header, one item a line that ends in LF, CR or CRLF: a path relative to the source location and,
of an object, its version id.  A path with a comma, a quote or a line break is quoted, and quotes in
it are doubled.  Beyond AWS, blank lines and a byte order mark mean nothing.

What breaks a rule makes the whole manifest invalid: nothing is guessed.  Memory: one record, at
most MAX_RECORD characters.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

MAX_PATH_CHARACTERS: Final = 4096
MAX_VERSION_BYTES: Final = 1024
MAX_RECORD: Final = 32 * 1024
"""Every character of a path may be a quote, which is doubled."""
_FIELD: Final = r'(?:"(?:[^"]|"")*"|[^",\r\n]*)'
_QUOTED_RIGHT: Final = re.compile(rf"{_FIELD}(?:,{_FIELD})?(?:\r\n|\r|\n)?")
_END: Final = b"\0"


class ManifestError(Exception):
    """A line that breaks a rule: which, what, and how to fix it."""


class Item(NamedTuple):
    """One file or object to transfer."""

    key: bytes
    version_id: str = ""
    """Empty: the current one."""


def read_items(file: BinaryIO, *, versions: bool) -> Iterator[Item]:
    """The items of a manifest in its own order; `versions`: the source has versions of objects.

    Raises: ManifestError, and what reading the file raises.
    """
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        yield from _items(_Lines(text), versions=versions)
    finally:
        text.detach()  # the file is its owner's to close


def _items(lines: "_Lines", *, versions: bool) -> Iterator[Item]:
    rows = csv.reader(lines, strict=True)
    while True:
        lines.record = ""
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise lines.error(
                f"is not CSV ({error}): quote a path, and double its quotes"
            ) from None
        except UnicodeDecodeError as error:
            raise lines.error(f"is not UTF-8 ({error.reason}): write the file anew in it") from None
        if row is None:
            return
        if row:
            yield _item(row, lines, versions=versions)


def _item(row: list[str], lines: "_Lines", *, versions: bool) -> Item:
    path, version_id = (row[0], row[1]) if len(row) > 1 else (row[0], "")
    if len(row) > 2:
        raise lines.error(
            f"has {len(row)} fields, not a path and a version id: quote a path with a comma"
        )
    if '"' in path + version_id and not _QUOTED_RIGHT.fullmatch(lines.record):
        raise lines.error("has a quote inside: quote the whole path, double its quotes, no spaces")
    if problem := _problem(path):
        raise lines.error(problem)
    if version_id and not versions:
        raise lines.error("has a version id, which only objects have: remove it")
    if len(version_id.encode()) > MAX_VERSION_BYTES or "\0" in version_id:
        raise lines.error("has a version id that is none: write what the storage calls it")
    return Item(path.encode(), version_id)


def _problem(path: str) -> str | None:
    """Why this is no path of a file, or None.

    | path | problem |
    |---|---|
    | a/b | - |
    | (empty) | no path |
    | /a | begins with a slash |
    | a/ | a folder |
    """
    if not path:
        return "has no path: write one, or remove the line"
    if path.startswith("/"):
        return "begins with '/': write the path relative to the source location"
    if path.endswith("/"):
        return "names a folder: list the files in it, or use includes instead of a manifest"
    if "\0" in path:
        return "holds a NUL, which no file's name does: write the name as it is"
    if len(path) > MAX_PATH_CHARACTERS:
        return f"has a path of more than {MAX_PATH_CHARACTERS} characters: leave it out"
    return None


class _Lines:
    """Lines of bounded length; those of the current record are kept for a second look."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._number = 0
        self.record = ""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_RECORD)
        if not line:
            raise StopIteration
        self._number += 1
        self.record += line
        if len(self.record) >= MAX_RECORD:
            raise self.error("is longer than any path may be: close its quotes, or end the line")
        return line

    def error(self, problem: str) -> ManifestError:
        return ManifestError(f"line {max(1, self._number)} {problem}")


def packed(item: Item) -> bytes:
    """A record that sorts by the key: neither key nor version holds a NUL."""
    return item.key + _END + item.version_id.encode()


def unpacked(record: bytes) -> Item:
    """The item that `packed` made a record of."""
    key, _, version_id = record.partition(_END)
    return Item(key, version_id.decode())


def refuse_twins(records: Iterator[bytes]) -> None:
    """Raises: ManifestError when two sorted records have one key."""
    before = b""
    for record in records:
        key = record[: record.index(_END)]
        if key == before:
            name = key.decode()[:200]
            raise ManifestError(f"lists {name!r} more than once: list every path once")
        before = key
