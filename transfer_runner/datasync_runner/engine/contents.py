"""Whether two files hold the same bytes: by checksums that the storages vouch for, else by reading.

Memory: a batch's files of one turn (BATCH_BYTES a side, or one range of a large file a side), all
out of the process's byte budget.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import BATCH_BYTES, RANGE_BYTES, SMALL_BYTES
from datasync_runner.engine.patient import Patient
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.errors import FileError, StorageError, Unavailable
from datasync_runner.storage.values import Examined

NO_BYTES: Final = 0
"""The checksum of an empty file."""


class Both(NamedTuple):
    """A file at both ends; both have one size."""

    source: Examined
    destination: Examined


class Contents:
    """Compares what is at both ends."""

    def __init__(self, source: Patient, destination: Patient, budget: ByteBudget) -> None:
        self._source, self._destination = source, destination
        self._budget = budget

    async def same(self, files: Sequence[Both]) -> list[bool | StorageError]:
        """Whether the bytes are the same, for each; FileError and Unavailable as values.

        Raises: StopError.
        """
        answers: list[bool | StorageError] = []
        for some in turns(files):
            async with self._budget.hold(sum(map(_cost_bytes, some))):
                ours, theirs = await asyncio.gather(
                    _checksums(self._source, [both.source for both in some]),
                    _checksums(self._destination, [both.destination for both in some]),
                )
            answers += map(_judge, ours, theirs)
        return answers


def turns(files: Sequence[Both]) -> Iterator[list[Both]]:
    """The files cut so that what has to be read of a turn is a batch at most; large ones alone."""
    turn: list[Both] = []
    size_bytes = 0
    for both in files:
        wish = sum(_unknown_bytes(end) for end in both)
        if turn and size_bytes + wish > BATCH_BYTES:
            yield turn
            turn, size_bytes = [], 0
        turn.append(both)
        size_bytes += wish
    if turn:
        yield turn


def _unknown_bytes(end: Examined) -> int:
    return end.entry.size_bytes if end.checksum is None else 0


def _cost_bytes(both: Both) -> int:
    return sum(min(_unknown_bytes(end), RANGE_BYTES) for end in both)


def _judge(ours: int | StorageError, theirs: int | StorageError) -> bool | StorageError:
    if isinstance(ours, StorageError):
        return ours
    return theirs if isinstance(theirs, StorageError) else ours == theirs


async def _checksums(storage: Patient, ends: Sequence[Examined]) -> list[int | StorageError]:
    found: list[int | StorageError] = [
        NO_BYTES if end.checksum is None else end.checksum for end in ends
    ]
    unknown = [at for at, end in enumerate(ends) if _unknown_bytes(end)]
    small = [at for at in unknown if ends[at].entry.size_bytes <= SMALL_BYTES]
    contents = await storage.read_small([ends[at].entry for at in small])
    for at, content in zip(small, contents, strict=True):
        found[at] = content if isinstance(content, StorageError) else crc64(content.body)
    for at in unknown:
        if ends[at].entry.size_bytes > SMALL_BYTES:
            found[at] = await _checksum_of_large(storage, ends[at].entry)
    return found


async def _checksum_of_large(storage: Patient, entry: Entry) -> int | StorageError:
    async def read() -> int:
        checksum = NO_BYTES
        reader = await storage.open(entry)
        try:
            while chunk := await reader.read():
                checksum = crc64(chunk, checksum)
        finally:
            await reader.close()
        return checksum

    try:
        return await storage.retry(read)
    except (FileError, Unavailable) as error:
        error.key = error.key or entry.key
        return error
