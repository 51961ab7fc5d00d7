"""Large files onto a share: from a stream, or by ranges where the source can give them.

Memory of a file: at most RANGES_AT_ONCE ranges of RANGE_BYTES, and what of one is on its way to the
server.  A file that was interrupted is written anew: its temporary file is removed.
"""

from collections.abc import Awaitable, Sequence
from functools import partial

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry
from datasync_runner.storage.charge import Charge
from datasync_runner.storage.large import check_size, write_ranges, write_stream
from datasync_runner.storage.port import Moved, RangedReader, Reader
from datasync_runner.storage.smb.folders import Folders
from datasync_runner.storage.smb.share import Root
from datasync_runner.storage.smb.target import Target
from datasync_runner.storage.smb.wires import Wires
from datasync_runner.storage.threads import Threads
from datasync_runner.storage.values import Written


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
            checksum = await self._fill(target, reader, moved)
            commit = partial(target.commit, checksum, verifies=self._verifies)
            return await self._threads.run(commit)
        finally:
            await self._threads.run(partial(self._end, target))

    def _end(self, target: Target) -> None:
        target.discard()
        self._wires.give_back(target.wire)

    async def _fill(self, target: Target, reader: Reader, moved: Moved) -> int:
        """Write all of it; its checksum."""
        entry, charge = target.entry, self._charge

        def write(pieces: Sequence[bytes], at: int) -> Awaitable[int]:
            return self._threads.run(partial(_write, target, pieces, at))

        if not isinstance(reader, RangedReader):
            return await write_stream(entry, reader, moved, charge=charge, write=write)
        check_size(entry, reader)
        return await write_ranges(entry, reader, moved, charge=charge, write=write, known={})


def _write(target: Target, pieces: Sequence[bytes], start: int) -> int:
    """Write a range; its checksum."""
    target.write(pieces, start)
    checksum = 0
    for piece in pieces:
        checksum = crc64(piece, checksum)
    return checksum
