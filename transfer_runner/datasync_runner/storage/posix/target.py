"""The temporary file of a large file: begun or continued, filled by ranges, proven, renamed.

Blocking.  Durability is that of small files: a file that is verified is on the disk (fdatasync)
before it is read back past the page cache.  Either way the page cache is left without it.

A file that an earlier run left is continued only when nobody else can have made it: a regular file
of ours with one name, locked by nobody, whose record names the same state of the source.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Sequence
from typing import Final

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.posix import resume as posix_resume
from datasync_runner.storage.posix.files import checksum_of
from datasync_runner.storage.posix.folders import Borrowed, Folders
from datasync_runner.storage.posix.holes import checksum_of_sparse
from datasync_runner.storage.posix.metadata import (
    NOTHING,
    difference,
    entry_of,
    settle_owner_and_mode,
    times,
    usual_mode,
)
from datasync_runner.storage.posix.temporary_files import create, refuse_taken
from datasync_runner.storage.temporary_names import temporary_name
from datasync_runner.storage.values import Written

_CONTINUE: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_PIECES: Final = 64
"""What libcurl delivers are pieces of 16 KiB.  A system call for each hands the interpreter's lock
over twice; all of a range at once would have left the core's cache between checksum and write."""


class Target:
    """One large file on its way; `begin` first, then `commit`, `discard` or `leave`."""

    def __init__(self, folders: Folders, entry: Entry, *, allocates: bool) -> None:
        self.entry = entry
        self.done: dict[int, int] = {}
        """The checksums of ranges that are there, by offset; more are added as they are written."""
        self.fd = -1
        self.sparse = False
        """Written with holes."""
        self._allocates = allocates
        self._borrowed = Borrowed(folders, create=True)
        self._identity: bytes | None = None
        self._folder_fd, self._name, self._path = -1, b"", b""

    def begin(self, identity: bytes | None) -> None:
        """Open the file; `identity`: it may continue an earlier one, and be continued itself.

        Raises: OSError, NameNotRepresentable; nothing is open then.
        """
        self._identity = identity
        try:
            self._folder_fd, self._name = self._borrowed.at(self.entry.key)
            self._path = temporary_name(self._name)
            if identity is None or not self._continues(identity):
                self.fd = create(self._folder_fd, self._path)
                self._lock()
                if identity is not None:
                    posix_resume.begin(self.fd, self.entry.size_bytes, identity)
        except BaseException:
            self.discard()
            raise

    def _lock(self) -> bool:
        """False: somebody else writes to it, or locks do not work here."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _continues(self, identity: bytes) -> bool:
        try:
            self.fd = os.open(self._path, _CONTINUE, dir_fd=self._folder_fd)
        except OSError:
            return False
        found = os.fstat(self.fd)
        size_bytes = self.entry.size_bytes
        if (
            not stat.S_ISREG(found.st_mode)
            or found.st_uid != os.geteuid()
            or found.st_nlink != 1
            or not self._lock()
            or not posix_resume.is_of(self.fd, size_bytes, identity)
        ):
            os.close(self.fd)
            self.fd = -1
            return False
        for number, checksum in posix_resume.noted(self.fd, size_bytes):
            start = number * RANGE_BYTES
            count = min(RANGE_BYTES, size_bytes - start)
            if checksum_of(self.fd, count, start) == checksum:
                self.done[start] = checksum
        return True

    def allocate(self) -> None:
        """Ask for the space at once, where the file system can do that itself.  Raises: OSError."""
        size_bytes = self.entry.size_bytes
        if self._allocates and size_bytes:
            try:
                os.posix_fallocate(self.fd, 0, size_bytes)
            except OSError as error:
                if error.errno in _NO_SPACE:
                    raise
            else:
                return
        if os.fstat(self.fd).st_size < size_bytes:
            os.ftruncate(self.fd, size_bytes)

    def write_range(self, pieces: Sequence[bytes], start: int) -> int:
        """Write a whole range, and note that it is there; its checksum.  Raises: OSError."""
        checksum = write_at(self.fd, pieces, start)
        self.note_range(start, sum(map(len, pieces)), checksum)
        return checksum

    def note_range(self, start: int, count: int, checksum: int) -> None:
        """A whole range is written.  Raises: OSError."""
        os.posix_fadvise(self.fd, start, count, os.POSIX_FADV_DONTNEED)  # starts the writing
        if self._identity is not None:
            number = start // RANGE_BYTES
            posix_resume.note(self.fd, self.entry.size_bytes, number, checksum)
        self.done[start] = checksum

    def commit(self, checksum: int, *, verifies: bool) -> Written:
        """Metadata, proof, then the final name.  Raises: OSError, VerificationFailed, Overtaken."""
        entry, fd = self.entry, self.fd
        if os.fstat(fd).st_size != entry.size_bytes:
            os.ftruncate(fd, entry.size_bytes)
        wanted = entry.metadata or NOTHING
        mode = wanted.mode
        if mode is None:
            mode = usual_mode(self._folder_fd, self._name)
        settle_owner_and_mode(fd, wanted, mode, os.fstat(fd))
        if wanted.mtime_ns is not None:
            os.utime(fd, ns=times(wanted, wanted.mtime_ns))
        if verifies:
            self._prove(checksum)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        self._refuse_taken()
        self.fd = -1
        os.close(fd)  # where a network file system tells at last that it could not write
        os.rename(self._path, self._name, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)
        self._borrowed.close()
        return Written(entry, checksum, verifies)

    def _refuse_taken(self) -> None:
        try:
            refuse_taken(self._folder_fd, self._path, self.fd)
        except errors.Overtaken as error:
            self._path = b""  # the other run's, not to be removed
            error.key = self.entry.key
            raise

    def _prove(self, checksum: int) -> None:
        entry, fd = self.entry, self.fd
        os.fdatasync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        found = entry_of(entry.key, os.fstat(fd))
        size_bytes = found.size_bytes
        read_back = checksum_of_sparse if self.sparse else checksum_of
        if size_bytes != entry.size_bytes or read_back(fd, size_bytes) != checksum:
            raise errors.VerificationFailed("its content differs from what was sent", entry.key)
        if problem := difference(entry.metadata or NOTHING, found.metadata or NOTHING, Kind.FILE):
            raise errors.VerificationFailed(problem, entry.key)

    def discard(self) -> None:
        """Close and remove it; raises nothing."""
        self._close()
        if self._path:
            with contextlib.suppress(OSError):
                os.unlink(self._path, dir_fd=self._folder_fd)
        self._borrowed.close()

    def leave(self) -> None:
        """Close it, and keep it for the next run when that can go on with it; raises nothing."""
        if self._identity is None or not self.done:
            self.discard()
            return
        self._close()
        self._borrowed.close()

    def _close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def write_at(
    fd: int, pieces: Sequence[bytes | memoryview], offset_bytes: int, checksum: int = 0
) -> int:
    """Write the pieces one behind the other; the checksum, which goes on from the one before.

    Raises: OSError.
    """
    for first in range(0, len(pieces), _PIECES):
        some = list(pieces[first : first + _PIECES])
        for piece in some:
            checksum = crc64(piece, checksum)
        while some:
            count = os.pwritev(fd, some, offset_bytes)
            offset_bytes += count
            while some and count >= len(some[0]):
                count -= len(some.pop(0))
            if some:  # the system took less: go on within the piece
                some[0] = memoryview(some[0])[count:]
    return checksum
