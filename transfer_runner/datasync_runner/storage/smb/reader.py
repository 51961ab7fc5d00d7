"""A large file of a share being read, in order or by ranges.

It has a connection of its own, because an open file belongs to one.  Memory: what was asked for.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.smb import requests
from datasync_runner.storage.smb.describing import open_described
from datasync_runner.storage.smb.ranges import Ranges, changed
from datasync_runner.storage.smb.share import Root, stamp, state_of
from datasync_runner.storage.smb.times import entry_of
from datasync_runner.storage.smb.wires import Wires
from datasync_runner.storage.threads import Threads

if TYPE_CHECKING:
    from datasync_runner.storage.smb.wire import Wire


class ShareReader:
    """A RangedReader; at its end it must be the file that was opened."""

    checksum: int | None = None
    """A share states none."""

    def __init__(self, threads: Threads, wires: Wires, root: Root, key: bytes) -> None:
        """Blocks, and opens the file.  Raises: any FileError, Unavailable, StopErrors."""
        self._threads, self._wires, self._root, self._key = threads, wires, root, key
        self._turn = asyncio.Lock()
        self._at = 0
        self._wire: Wire = wires.take()
        try:
            (self._file, self._before), descriptor = open_described(self._wire, root, key)
        except BaseException:
            wires.give_back(self._wire)
            raise
        self.entry: Entry = entry_of(key, Kind.FILE, self._before, descriptor=descriptor)
        self._ranges = Ranges(threads, self._wire, self._file, key=key, turn=self._turn)

    async def read(self) -> bytes:
        """The next bytes.  Raises: ChangedDuringTransfer, Unavailable and others."""
        left = self.entry.size_bytes - self._at
        if not left:
            await self.settle()
            return b""
        piece = b"".join(await self.read_at(self._at, min(left, RANGE_BYTES)))
        self._at += len(piece)
        return piece

    async def read_at(self, offset_bytes: int, size_bytes: int) -> list[bytes]:
        """That range.  Raises: ChangedDuringTransfer, Unavailable and others."""
        return await self._ranges.read(offset_bytes, size_bytes)

    async def settle(self) -> None:
        """Raises: ChangedDuringTransfer when it is another file than the one that was opened."""
        async with self._turn:
            await self._threads.run(self._check)

    async def close(self) -> None:
        """Close the file, and give the connection back."""
        async with self._turn:
            await self._threads.run(self._close)

    def _check(self) -> None:
        try:
            now = state_of(self._wire, self._root, self._key)
        except errors.Missing as error:
            raise changed(self._key) from error
        if stamp(now) != stamp(self._before):
            raise changed(self._key)

    def _close(self) -> None:
        with contextlib.suppress(errors.Unavailable):
            if not self._wire.broken:
                self._wire.ask(requests.close(self._file))
        self._wires.give_back(self._wire)
