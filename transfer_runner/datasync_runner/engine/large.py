"""A large file on its way, piece by piece, and from its beginning when it changes meanwhile.

It counts the bytes as they travel and nothing else: what became of the file is told by its caller,
who also says how many travel at once.
"""

from typing import Final

from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.tally import Tally
from datasync_runner.core.wanted import wanted
from datasync_runner.engine.patient import Patient
from datasync_runner.storage.errors import ChangedDuringTransfer, NameNotRepresentable
from datasync_runner.storage.values import Written

TRIES_WHILE_CHANGING: Final = 3


class LargeFiles:
    """The way from one side to the other."""

    def __init__(
        self,
        source: Patient,
        destination: Patient,
        *,
        options: CompareOptions,
        tally: Tally,
        restores: bool,
    ) -> None:
        self._source, self._destination = source, destination
        self._options, self._tally, self._restores = options, tally, restores

    async def copy(self, source: Entry) -> Written:
        """From its beginning, as often as it changes meanwhile.  Raises: any StorageError."""
        for _ in range(TRIES_WHILE_CHANGING - 1):
            try:
                return await self._once(source)
            except ChangedDuringTransfer:
                continue  # from its beginning, as it is now
        return await self._once(source)

    async def _once(self, source: Entry) -> Written:
        reader = await self._source.open(source)
        moved = _Moved(self._tally)
        try:
            if self._restores and reader.entry.kind is Kind.SYMLINK:
                raise NameNotRepresentable("no link has such a long target", source.key)
            entry = wanted(reader.entry, self._options)
            entry = entry._replace(storage_class=source.storage_class)
            return await self._destination.write(entry, reader, moved)
        except BaseException:
            moved.take_back()
            raise
        finally:
            await reader.close()


class _Moved:
    """Counts a large file's bytes as they travel, so that its progress can be seen."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._travelled = self._resumed = 0

    def __call__(self, size_bytes: int, *, resumed: bool = False) -> None:
        if resumed:
            self._resumed += size_bytes
            self._tally.bytes_resumed += size_bytes
        else:
            self._travelled += size_bytes
            self._tally.bytes_transferred += size_bytes

    def take_back(self) -> None:
        """They travelled, or were there, for nothing."""
        self(-self._travelled)
        self(-self._resumed, resumed=True)
