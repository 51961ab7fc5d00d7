"""A large file of a share being read, in order or by ranges.

It has a connection of its own, because an open file belongs to one.  Memory: what was asked for,
once; of a range `WINDOW` pieces are on their way at a time.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.smb import requests
from datasync_runner.storage.smb.describing import open_described
from datasync_runner.storage.smb.share import Root, pieces, stamp, state_of
from datasync_runner.storage.smb.times import entry_of
from datasync_runner.storage.smb.wires import Wires
from datasync_runner.storage.threads import Threads

if TYPE_CHECKING:
    from datasync_runner.storage.smb.wire import Wire

R = TypeVar("R")


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
        return await self._alone(partial(self._read_at, offset_bytes, size_bytes))

    async def settle(self) -> None:
        """Raises: ChangedDuringTransfer when it is another file than the one that was opened."""
        await self._alone(self._check)

    async def close(self) -> None:
        """Close the file, and give the connection back."""
        async with self._turn:
            await self._threads.run(self._close)

    async def _alone(self, call: Callable[[], R]) -> R:
        async with self._turn:
            return await self._threads.run(call)

    def _read_at(self, offset_bytes: int, size_bytes: int) -> list[bytes]:
        found = list(
            pieces(self._wire, self._file, start=offset_bytes, size_bytes=size_bytes, key=self._key)
        )
        if sum(map(len, found)) != size_bytes:
            raise self._changed()
        return found

    def _check(self) -> None:
        try:
            now = state_of(self._wire, self._root, self._key)
        except errors.Missing as error:
            raise self._changed() from error
        if stamp(now) != stamp(self._before):
            raise self._changed()

    def _close(self) -> None:
        with contextlib.suppress(errors.Unavailable):
            if not self._wire.broken:
                self._wire.ask(requests.close(self._file))
        self._wires.give_back(self._wire)

    def _changed(self) -> errors.ChangedDuringTransfer:
        return errors.ChangedDuringTransfer("it changed while it was read", self._key)
