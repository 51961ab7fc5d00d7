"""Large files into a file system: from a stream, from ranges, from another file system.

Memory of a file: at most RANGES_AT_ONCE ranges of RANGE_BYTES; a copy between file systems needs a
thread's buffer alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import RANGE_BYTES, RANGES_AT_ONCE
from datasync_runner.storage import errors
from datasync_runner.storage.large import first_failure, resized, write_stream
from datasync_runner.storage.port import Moved, RangedReader, Reader, Written
from datasync_runner.storage.posix_calls import Calls
from datasync_runner.storage.posix_charge import Charge
from datasync_runner.storage.posix_copy import STEP_BYTES, Copy
from datasync_runner.storage.posix_folders import Folders
from datasync_runner.storage.posix_reader import FileReader
from datasync_runner.storage.posix_resume import identity_of
from datasync_runner.storage.posix_target import Target, write_at


@dataclass(frozen=True, slots=True)
class Place:
    """Where large files go."""

    folders: Folders
    allocates: bool
    """Asking for the space at once pays: on a disk, where the kernel does it.  On a network file
    system the C library would write into every block instead."""
    copies: Callable[[FileReader], bool]
    """Whether it may copy this file without its bytes passing here."""


class LargeWriter:
    """Writes large files below one root."""

    def __init__(self, calls: Calls, charge: Charge, *, verifies: bool) -> None:
        self._calls, self._charge, self._verifies = calls, charge, verifies

    async def write(self, place: Place, entry: Entry, reader: Reader, moved: Moved) -> Written:
        """Write one file.

        A caller that is cancelled leaves what can be continued; every other end leaves nothing.
        Raises: any FileError, Unavailable.
        """
        target = Target(place.folders, entry, allocates=place.allocates)
        about = partial(self._calls.about, entry.key, "write it")
        ranged = isinstance(reader, RangedReader)
        local = isinstance(reader, FileReader)
        identity = identity_of(reader.entry) if ranged and not local else None
        try:
            await about(partial(target.begin, identity))
            if local:
                checksum = await self._copy(target, reader, moved, in_kernel=place.copies(reader))
            elif ranged:
                checksum = await self._ranges(target, reader, moved)
            else:
                checksum = await self._stream(target, reader, moved)
            return await about(partial(target.commit, checksum, verifies=self._verifies))
        except asyncio.CancelledError:
            await self._calls.threads.run(target.leave)
            raise
        except BaseException:
            await self._calls.threads.run(target.discard)
            raise

    async def _stream(self, target: Target, reader: Reader, moved: Moved) -> int:
        def write(pieces: Sequence[bytes], at: int) -> Awaitable[int]:
            call = partial(write_at, target.fd, pieces, at)
            return self._calls.about(target.entry.key, "write it", call)

        return await write_stream(target.entry, reader, moved, charge=self._charge, write=write)

    async def _ranges(self, target: Target, reader: RangedReader, moved: Moved) -> int:
        entry = target.entry
        if reader.entry.size_bytes != entry.size_bytes:
            raise resized(entry)
        await self._calls.about(entry.key, "write it", target.allocate)
        numbers = -(-entry.size_bytes // RANGE_BYTES)
        missing = iter([number for number in range(numbers) if number not in target.done])
        turn = asyncio.Lock()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(RANGES_AT_ONCE):
                    group.create_task(self._fetch(target, reader, missing, turn, moved))
        except BaseExceptionGroup as failed:
            raise first_failure(failed) from None
        await reader.settle()
        checksum = target.checksum()
        if reader.checksum not in (None, checksum):
            raise errors.Unavailable("it arrived damaged", entry.key)
        return checksum

    async def _fetch(
        self,
        target: Target,
        reader: RangedReader,
        missing: Iterator[int],
        turn: asyncio.Lock,
        moved: Moved,
    ) -> None:
        for number in missing:
            start, count = target.range(number)
            pieces = await reader.read_at(start, count)
            await self._charge.pay(count)
            write = partial(target.write_range, number, pieces)
            del pieces
            async with turn:  # writers of one file only spin on its lock in the kernel
                await self._calls.about(target.entry.key, "write it", write)
            moved(count)

    async def _copy(
        self, target: Target, reader: FileReader, moved: Moved, *, in_kernel: bool
    ) -> int:
        entry = target.entry
        if reader.entry.size_bytes != entry.size_bytes:
            raise resized(entry)
        copy = Copy(reader, target, in_kernel=in_kernel)
        about = partial(self._calls.about, entry.key, "copy it")
        await about(copy.begin)
        while count := await about(partial(copy.step, self._charge.grain_bytes or STEP_BYTES)):
            moved(count)
            await self._charge.pay(count)
        await about(reader.check)
        return copy.checksum
