"""Files, links and folders below a root: opening, metadata, removal, checking.  Synchronous."""

import contextlib
import errno
import os
import re
import stat
from typing import Final

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, HardLink, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.posix.folders import Folders, split_key
from datasync_runner.storage.posix.metadata import (
    NOTHING,
    apply,
    apply_to_name,
    difference,
    entry_of,
    path_of,
)
from datasync_runner.storage.threads import BUFFER_BYTES, buffer
from datasync_runner.storage.values import Content, Written

READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_STILL_OPEN: Final = re.compile(rb"\.nfs[0-9a-f]{24}")
"""What an NFS client of Linux calls a file that is removed while a process of the node has it open;
the last who closes it removes that name, and nobody can before."""


def inspect(folders: Folders, entry: Entry) -> Entry:
    """An entry with what stat tells of it, where its metadata is not known: its inode as well.

    Raises: OSError.
    """
    if entry.metadata is not None:
        return entry
    folder, name = split_key(entry.key)
    with folders.open(folder) as folder_fd:
        found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    known = entry_of(entry.key, found)
    if known.kind is Kind.FILE:
        return known._replace(node=HardLink(found.st_dev, found.st_ino, found.st_nlink))
    return known


def open_file(folders: Folders, key: bytes) -> int:
    """A regular file's descriptor.  Raises: OSError, Conflict when it is no regular file."""
    folder, name = split_key(key)
    with folders.open(folder) as folder_fd:
        fd = os.open(name, READ, dir_fd=folder_fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise errors.Conflict("it is no regular file any more", key)
    return fd


def read_link(folders: Folders, key: bytes) -> Content:
    """A link and its target.  Raises: OSError."""
    folder, name = split_key(key)
    with folders.open(folder) as folder_fd:
        found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        return Content(entry_of(key, found), os.readlink(name, dir_fd=folder_fd))


def write_all(fd: int, data: bytes) -> None:
    """Write everything.  Raises: OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def checksum_of(fd: int, size_bytes: int, offset_bytes: int = 0) -> int:
    """The checksum of a range of a file, read through the thread's buffer.  Raises: OSError.

    What is not there counts as nothing: the caller compares the size.
    """
    view = buffer()
    checksum = 0
    while size_bytes > 0:
        piece = view if size_bytes >= BUFFER_BYTES else view[:size_bytes]
        count = os.preadv(fd, [piece], offset_bytes)
        if not count:
            break
        checksum = crc64(piece[:count], checksum)
        offset_bytes, size_bytes = offset_bytes + count, size_bytes - count
    return checksum


def update_metadata(folders: Folders, entry: Entry) -> Entry:
    """Metadata of a file or link that is there already.  Raises: OSError, Conflict."""
    folder, name = split_key(entry.key)
    if entry.kind is Kind.SYMLINK:
        with folders.open(folder) as folder_fd:
            apply_to_name(folder_fd, name, entry)
        return entry
    with folders.open(folder) as folder_fd, path_of(folder_fd, name, entry.kind) as path:
        apply(path, entry, keeps_owners=folders.keeps_owners)
    return entry


def write_folder(folders: Folders, entry: Entry) -> Entry:
    """Make a folder where it is missing, and give it its metadata.  Raises: OSError."""
    with folders.open(entry.key, create=True) as fd:
        apply(fd, entry, keeps_owners=folders.keeps_owners)
    return entry


def delete(folders: Folders, key: bytes) -> bytes:
    """Remove a file, a link or an empty folder; what is gone already is fine.

    Raises: OSError, StillOpen.
    """
    folder, name = split_key(key)
    with contextlib.suppress(FileNotFoundError), folders.open(folder) as folder_fd:
        if key.endswith(b"/"):
            os.rmdir(name, dir_fd=folder_fd)
            folders.forget(key)
            return key
        try:
            os.unlink(name, dir_fd=folder_fd)
        except OSError as error:
            if error.errno == errno.EBUSY and _STILL_OPEN.fullmatch(name):
                raise errors.StillOpen("it was removed while somebody had it open", key) from error
            raise
    return key


def verify(folders: Folders, written: Written) -> Written:
    """Read a file back past the page cache, and compare it and its metadata.

    Raises: OSError, VerificationFailed.
    """
    entry = written.entry
    if entry.kind is Kind.SYMLINK:
        content = read_link(folders, entry.key)
        found, checksum = content.entry, crc64(content.body)
    elif entry.kind is Kind.DEVICE:
        found, checksum = inspect(folders, entry._replace(metadata=None)), written.checksum
        if found.node != entry.node:
            raise errors.VerificationFailed("it is another device than the one that was sent")
    else:
        fd = open_file(folders, entry.key)
        try:
            os.fdatasync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            found = entry_of(entry.key, os.fstat(fd))
            checksum = checksum_of(fd, entry.size_bytes)
        finally:
            os.close(fd)
    if found.size_bytes != entry.size_bytes or checksum != written.checksum:
        raise errors.VerificationFailed("its content differs from what was sent", entry.key)
    if problem := difference(entry.metadata or NOTHING, found.metadata or NOTHING, entry.kind):
        raise errors.VerificationFailed(problem, entry.key)
    return written
