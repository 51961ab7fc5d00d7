"""A large file of a file system being read, in order or by ranges."""

import contextlib
import os

from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.posix.calls import Calls
from datasync_runner.storage.posix.metadata import entry_of, stamp


class FileReader:
    """A RangedReader; at its end it must be the file that was opened.

    Memory: what was asked for, one copy.  The page cache is left without the file.
    """

    checksum: int | None = None
    """A file system states none."""

    def __init__(self, calls: Calls, key: bytes, fd: int) -> None:
        self.fd = fd
        self._calls = calls
        self._before = os.fstat(fd)
        self._at = 0
        self.entry = entry_of(key, self._before)

    @property
    def sparse(self) -> bool:
        """Whether the file occupies less than its size: it may have holes."""
        return self._before.st_blocks * 512 < self._before.st_size

    @property
    def device(self) -> int:
        """The number of its file system."""
        return self._before.st_dev

    async def read(self) -> bytes:
        """The next bytes.  Raises: ChangedDuringTransfer, Unavailable and others."""
        left = self.entry.size_bytes - self._at
        if not left:
            await self.settle()
            return b""
        (piece,) = await self.read_at(self._at, min(left, RANGE_BYTES))
        self._at += len(piece)
        return piece

    async def read_at(self, offset_bytes: int, size_bytes: int) -> list[bytes]:
        """That range.  Raises: ChangedDuringTransfer, Unavailable and others."""
        return [
            await self._calls.about(
                self.entry.key, "read it", lambda: self._read_at(offset_bytes, size_bytes)
            )
        ]

    def _read_at(self, offset_bytes: int, size_bytes: int) -> bytes:
        found = os.pread(self.fd, size_bytes, offset_bytes)
        while len(found) < size_bytes:
            more = os.pread(self.fd, size_bytes - len(found), offset_bytes + len(found))
            if not more:
                raise self._changed()
            found += more
        return found

    async def settle(self) -> None:
        """Raises: ChangedDuringTransfer when it is another file than the one that was opened."""
        await self._calls.about(self.entry.key, "read it", self.check)

    def check(self) -> None:
        """The same, blocking."""
        now = os.fstat(self.fd)
        if stamp(now) != stamp(self._before):
            raise self._changed()

    def _changed(self) -> errors.ChangedDuringTransfer:
        return errors.ChangedDuringTransfer("it changed while it was read", self.entry.key)

    async def close(self) -> None:
        """Close the file."""
        await self._calls.threads.run(self._close)

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        with contextlib.suppress(OSError):
            os.close(self.fd)
