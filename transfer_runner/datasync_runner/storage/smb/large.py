"""Large files onto a share: from a stream, or by ranges where the source can give them.

Memory of a file: at most RANGES_AT_ONCE ranges of RANGE_BYTES, and what of one is on its way to the
server.  A file that was interrupted is written anew: its temporary file is removed.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial

from datasync_runner.checksums import combine, crc64
from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import RANGE_BYTES, RANGES_AT_ONCE
from datasync_runner.storage import errors
from datasync_runner.storage.large import first_failure, resized, write_stream
from datasync_runner.storage.port import Moved, RangedReader, Reader, Written
from datasync_runner.storage.posix_charge import Charge
from datasync_runner.storage.smb.folders import Folders
from datasync_runner.storage.smb.share import Root
from datasync_runner.storage.smb.target import Target
from datasync_runner.storage.smb.wires import Wires
from datasync_runner.storage.threads import Threads


class LargeWriter:
    """Writes large files below one root, each over a connection of its own."""

    def __init__(self, threads: Threads, wires: Wires, charge: Charge, *, verifies: bool) -> None:
        self._threads, self._wires, self._charge = threads, wires, charge
        self._verifies = verifies

    async def write(
        self, root: Root, folders: Folders, entry: Entry, reader: Reader, moved: Moved
    ) -> Written:
        """Write one file; whatever goes wrong, nothing of it is left.

        Raises: any FileError, Unavailable.
        """
        wire = await self._threads.run(self._wires.take)
        target = Target(wire, root, folders, entry)
        try:
            await self._threads.run(target.begin)
            if isinstance(reader, RangedReader):
                checksum = await self._ranges(target, reader, moved)
            else:
                checksum = await self._stream(target, reader, moved)
            commit = partial(target.commit, checksum, verifies=self._verifies)
            return await self._threads.run(commit)
        finally:
            await self._threads.run(partial(self._end, target))

    def _end(self, target: Target) -> None:
        target.discard()
        self._wires.give_back(target.wire)

    async def _stream(self, target: Target, reader: Reader, moved: Moved) -> int:
        def write(pieces: Sequence[bytes], at: int) -> Awaitable[int]:
            return self._threads.run(partial(_write, target, pieces, at))

        return await write_stream(target.entry, reader, moved, charge=self._charge, write=write)

    async def _ranges(self, target: Target, reader: RangedReader, moved: Moved) -> int:
        entry = target.entry
        if reader.entry.size_bytes != entry.size_bytes:
            raise resized(entry)
        starts = range(0, entry.size_bytes, RANGE_BYTES)
        found: dict[int, int] = {}
        missing, turn = iter(starts), asyncio.Lock()

        async def fetch() -> None:
            for start in missing:
                count = min(RANGE_BYTES, entry.size_bytes - start)
                pieces = await reader.read_at(start, count)
                if sum(map(len, pieces)) != count:
                    raise errors.Unavailable("a part of it arrived with another size", entry.key)
                await self._charge.pay(count)
                write = partial(_write, target, pieces, start)
                del pieces
                async with turn:  # one connection, one writer
                    found[start] = await self._threads.run(write)
                moved(count)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(RANGES_AT_ONCE):
                    group.create_task(fetch())
        except BaseExceptionGroup as failed:
            raise first_failure(failed) from None
        await reader.settle()
        checksum = 0
        for start in starts:
            checksum = combine(checksum, found[start], min(RANGE_BYTES, entry.size_bytes - start))
        if reader.checksum not in (None, checksum):
            raise errors.Unavailable("it arrived damaged", entry.key)
        return checksum


def _write(target: Target, pieces: Sequence[bytes], start: int) -> int:
    """Write a range; its checksum."""
    target.write(pieces, start)
    checksum = 0
    for piece in pieces:
        checksum = crc64(piece, checksum)
    return checksum
