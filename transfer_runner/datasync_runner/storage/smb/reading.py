"""Small files read whole: opened, read and closed in one message each, many on their way at once.

Blocking.  Memory: the files of a batch, once.
"""

from collections.abc import Sequence
from typing import Final

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.smb import requests, responses, statuses
from datasync_runner.storage.smb.describing import open_described
from datasync_runner.storage.smb.requests import Access, Options, Request
from datasync_runner.storage.smb.responses import Answer
from datasync_runner.storage.smb.security import queries, told
from datasync_runner.storage.smb.share import Root, failure, pieces, stamp
from datasync_runner.storage.smb.times import entry_of
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.values import Content

TRIES: Final = 3


def read_batch(
    wire: Wire, root: Root, entries: Sequence[Entry]
) -> list[Content | errors.StorageError]:
    """Whole files; one that changes is read again, three times in all.

    Errors as values: any FileError, Unavailable.  Raises: Unavailable, when the connection is lost.
    """
    quick = [entry for entry in entries if entry.size_bytes < wire.chunk_bytes]
    found: dict[bytes, Content | errors.StorageError | None] = {}
    answered = wire.exchange(_chain(root, entry) for entry in quick)
    for entry, answers in zip(quick, answered, strict=True):
        try:
            found[entry.key] = _content(root, entry, answers)
        except errors.StorageError as error:
            found[entry.key] = error
    return [found.get(entry.key) or _read_slowly(wire, root, entry) for entry in entries]


def _chain(root: Root, entry: Entry) -> list[Request]:
    """One byte more than was listed: a file that has grown is seen."""
    return [
        root.create(entry.key, access=Access.READ | root.parts.to_read, options=Options.FILE),
        *queries(root.parts),
        requests.read(0, entry.size_bytes + 1),
        requests.close(),
    ]


def _content(root: Root, entry: Entry, answers: Sequence[Answer]) -> Content | None:
    """The file, when it was the same before and after; None to have it read again.

    Raises: StorageError.
    """
    opening, *asked, reading, closing = answers
    if reading.status == statuses.END_OF_FILE:
        reading = Answer(statuses.OK, b"")
    if error := failure((opening, reading, closing), entry.key, "read it"):
        raise error
    descriptor = told(asked, root.parts, entry.key)
    before, after = responses.opened(opening.body).state, responses.closed(closing.body)
    body = responses.data_of(reading) if reading.body else b""
    if len(body) == before.size_bytes and stamp(before) == stamp(after):
        return Content(entry_of(entry.key, Kind.FILE, before, descriptor=descriptor), body)
    return None


def _read_slowly(wire: Wire, root: Root, entry: Entry) -> Content | errors.StorageError:
    try:
        for _ in range(TRIES):
            if content := _read_once(wire, root, entry):
                return content
    except errors.FileError as error:
        return error
    return errors.ChangedDuringTransfer("it kept changing while it was read", entry.key)


def _read_once(wire: Wire, root: Root, entry: Entry) -> Content | None:
    (file, before), descriptor = open_described(wire, root, entry.key)
    try:
        if before.size_bytes > SMALL_BYTES:
            return None
        size_bytes = before.size_bytes + 1
        body = b"".join(pieces(wire, file, start=0, size_bytes=size_bytes, key=entry.key))
    finally:
        (closing,) = wire.ask(requests.close(file))
    if closing.status != statuses.OK:
        raise statuses.error_of(closing.status, entry.key, "read it")
    if len(body) != before.size_bytes or stamp(before) != stamp(responses.closed(closing.body)):
        return None
    return Content(entry_of(entry.key, Kind.FILE, before, descriptor=descriptor), body)
