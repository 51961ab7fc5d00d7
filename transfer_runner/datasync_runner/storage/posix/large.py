"""Large files into a file system: from a stream, from ranges, from another file system.

Memory of a file: at most RANGES_AT_ONCE ranges of RANGE_BYTES, and little where they are written
as they come; a copy between file systems needs a thread's buffer alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from datasync_runner.core.entry import Entry
from datasync_runner.storage.charge import Charge
from datasync_runner.storage.large import check_size, write_ranges, write_stream
from datasync_runner.storage.port import Moved, RangedReader, Reader
from datasync_runner.storage.posix.calls import Calls
from datasync_runner.storage.posix.copy import STEP_BYTES, Copy
from datasync_runner.storage.posix.folders import Folders
from datasync_runner.storage.posix.nearby import Nearby
from datasync_runner.storage.posix.pouring import PouredRange
from datasync_runner.storage.posix.reader import FileReader
from datasync_runner.storage.posix.resume import identity_of
from datasync_runner.storage.posix.target import Target, write_at
from datasync_runner.storage.values import Written


@dataclass(frozen=True, slots=True)
class Place:
    """Where large files go."""

    folders: Folders
    allocates: bool
    """Asking for the space at once pays: on a disk, where the kernel does it.  On a network file
    system the C library would write into every block instead."""
    copies: Callable[[FileReader], bool]
    """Whether it may copy this file without its bytes passing here."""
    nearby: Nearby
    """Whether ranges are written in the loop."""


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
                checksum = await self._ranges(target, place.nearby, reader, moved)
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

    async def _ranges(
        self, target: Target, nearby: Nearby, reader: RangedReader, moved: Moved
    ) -> int:
        entry = target.entry
        check_size(entry, reader)
        about = partial(self._calls.about, entry.key, "write it")
        await about(target.allocate)

        def write(pieces: Sequence[bytes], at: int) -> Awaitable[int]:
            return about(partial(nearby.timed, partial(target.write_range, pieces, at)))

        def sink_at(start: int, size_bytes: int) -> PouredRange | None:
            if not nearby.quick:
                return None
            return PouredRange(self._calls, target, nearby, start, size_bytes)

        return await write_ranges(
            entry,
            reader,
            moved,
            charge=self._charge,
            write=write,
            known=target.done,
            sink_at=sink_at,
        )

    async def _copy(
        self, target: Target, reader: FileReader, moved: Moved, *, in_kernel: bool
    ) -> int:
        entry = target.entry
        check_size(entry, reader)
        copy = Copy(reader, target, in_kernel=in_kernel)
        about = partial(self._calls.about, entry.key, "copy it")
        await about(copy.begin)
        while count := await about(partial(copy.step, self._charge.grain_bytes or STEP_BYTES)):
            moved(count)
            await self._charge.pay(count)
        await about(reader.check)
        return copy.checksum
