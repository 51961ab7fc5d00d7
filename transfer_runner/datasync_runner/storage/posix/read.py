"""Small files and links read whole, a batch in one thread call."""

import errno
import os
from collections.abc import Sequence
from typing import Final

from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.posix.device import read_device
from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.files import READ, open_file, read_link
from datasync_runner.storage.posix.folders import Borrowed, Folders
from datasync_runner.storage.posix.metadata import entry_of, stamp
from datasync_runner.storage.values import Content

TRIES: Final = 3
_REGULAR: Final = 0o100000


def read_batch(folders: Folders, entries: Sequence[Entry]) -> list[Content | errors.StorageError]:
    """Whole files and links' targets; a file that changes is read again, three times in all.

    Errors as values: any FileError, Unavailable.
    """
    answers: list[Content | errors.StorageError] = []
    add = answers.append
    with Borrowed(folders) as borrowed:
        for entry in entries:
            try:
                key = entry.key
                body = None
                if entry.kind is Kind.FILE and entry.metadata is not None:
                    body = _read(*borrowed.at(key), entry, entry.metadata)
                if body is not None:
                    add(Content(entry, body))
                elif entry.kind is Kind.SYMLINK:
                    add(read_link(folders, key))
                elif entry.kind is Kind.DEVICE:
                    add(read_device(folders, key))
                else:
                    add(_read_slowly(folders, key))
            except OSError as error:
                folders.lost(error)
                add(translate(error, entry.key, "read it"))
            except errors.StorageError as error:
                error.key = entry.key
                add(error)
    return answers


def _read(folder_fd: int, name: bytes, entry: Entry, metadata: PosixMetadata) -> bytes | None:
    """A file's bytes when it still is what was listed, else None.

    Its time and size say that it did not change since then, hence not while it was read: four
    calls are enough.
    """
    size_bytes = entry.size_bytes
    fd = os.open(name, READ, dir_fd=folder_fd)
    try:
        body = os.pread(fd, size_bytes + 1, 0)  # of a FIFO it would take nothing
        found = os.fstat(fd)
    except OSError as error:
        if error.errno != errno.ESPIPE:
            raise
        raise errors.Conflict("it is no regular file any more", entry.key) from error
    finally:
        os.close(fd)
    if (
        len(body) == size_bytes
        and found.st_mtime_ns == entry.mtime_ns
        and found.st_mode == _REGULAR | (metadata.mode or 0)
        and found.st_uid == metadata.uid
        and found.st_gid == metadata.gid
        and found.st_size == size_bytes
    ):
        return body
    return None


def _read_slowly(folders: Folders, key: bytes) -> Content:
    for _ in range(TRIES):
        fd = open_file(folders, key)
        try:
            before = os.fstat(fd)
            if before.st_size > SMALL_BYTES:
                break
            pieces: list[bytes] = []
            left = before.st_size + 1  # and no more of one that grows all the time
            while left and (piece := os.read(fd, left)):
                pieces.append(piece)
                left -= len(piece)
            same = stamp(before) == stamp(os.fstat(fd))
        finally:
            os.close(fd)
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if same and len(body) == before.st_size:
            return Content(entry_of(key, before), body)
    raise errors.ChangedDuringTransfer("it kept changing while it was read", key)
