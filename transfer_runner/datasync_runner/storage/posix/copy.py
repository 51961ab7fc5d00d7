"""A large file from one file system to another, without its bytes passing through our memory twice.

Where the file systems can share or copy blocks themselves (btrfs, XFS; NFS 4.2 and CIFS at the
server) copy_file_range does it, and the source is read for the checksum alone.  Everywhere else the
bytes go through one buffer a thread: one read gives both the copy and its checksum, as fast as a
copy in the kernel with a read beside it.  Holes stay holes.
"""

import errno
import os
from typing import TYPE_CHECKING, Final

from datasync_runner.checksums import combine, crc64, crc64_of_zeros
from datasync_runner.core.parts import MIB
from datasync_runner.storage import errors
from datasync_runner.storage.posix.files import checksum_of
from datasync_runner.storage.posix.holes import data_ranges
from datasync_runner.storage.posix.reader import FileReader
from datasync_runner.storage.posix.target import Target
from datasync_runner.storage.threads import BUFFER_BYTES, buffer

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_BYTES: Final = 32 * MIB
_SHARES: Final = frozenset({"btrfs", "xfs", "nfs4", "cifs", "smb3", "ocfs2", "bcachefs", "zfs"})
_CANNOT: Final = (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ETXTBSY)


def shares_blocks(file_system_type: str) -> bool:
    """Whether copy_file_range may save the bytes' way through this machine."""
    return file_system_type in _SHARES


class Copy:
    """One file's copy; blocking, in steps between which the caller may wait or stop."""

    def __init__(self, reader: FileReader, target: Target, *, in_kernel: bool) -> None:
        self.checksum = 0
        self._reader, self._target, self._in_kernel = reader, target, in_kernel
        self._size_bytes = target.entry.size_bytes
        self._at = 0
        self._ranges: Iterator[tuple[int, int]] = iter([(0, self._size_bytes)])
        self._start = self._end = 0

    def begin(self) -> None:
        """Make the target's space.  Raises: OSError."""
        target = self._target
        os.posix_fadvise(self._reader.fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        if self._reader.sparse:
            target.sparse = True
            os.ftruncate(target.fd, self._size_bytes)
            self._ranges = data_ranges(self._reader.fd, self._size_bytes)
        elif not self._in_kernel:
            target.allocate()

    def step(self, most_bytes: int) -> int:
        """Copy at most that many bytes; how many it was, 0 at the end.

        Raises: OSError, ChangedDuringTransfer.
        """
        if self._start >= self._end and not self._next():
            return 0
        count = min(most_bytes, self._end - self._start)
        if self._in_kernel:
            self._clone(self._start, count)
        else:
            self._pump(self._start, count)
        # Starts the writing, so that the sync at the end waits for little.
        os.posix_fadvise(self._target.fd, self._start, count, os.POSIX_FADV_DONTNEED)
        self._start += count
        self._at = self._start
        return count

    def _next(self) -> bool:
        self._start, self._end = next(self._ranges, (self._size_bytes, self._size_bytes))
        hole = self._start - self._at
        if hole:
            self.checksum = combine(self.checksum, crc64_of_zeros(hole), hole)
            self._at = self._start
        return self._start < self._end

    def _clone(self, start: int, count: int) -> None:
        source, target = self._reader.fd, self._target.fd
        at, end = start, start + count
        while at < end:
            try:
                copied = os.copy_file_range(source, target, end - at, at, at)
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
                self._in_kernel = False
                self._pump(start, count)
                return
            if not copied:
                raise self._short()
            at += copied
        self.checksum = combine(self.checksum, checksum_of(source, count, start), count)

    def _pump(self, start: int, count: int) -> None:
        source, target = self._reader.fd, self._target.fd
        view = buffer()
        checksum, end = self.checksum, start + count
        while start < end:
            piece = view if end - start >= BUFFER_BYTES else view[: end - start]
            got = os.preadv(source, [piece], start)
            if not got:
                raise self._short()
            left = piece[:got]
            checksum = crc64(left, checksum)
            while left:
                written = os.pwrite(target, left, start)
                left, start = left[written:], start + written
        self.checksum = checksum

    def _short(self) -> errors.ChangedDuringTransfer:
        return errors.ChangedDuringTransfer("it has another size now", self._reader.entry.key)
