"""What all writers of large files share: a stream or ranges to their end, and how they fail."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from datasync_runner.checksums import combine
from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import RANGE_BYTES, RANGES_AT_ONCE
from datasync_runner.storage.charge import Charge
from datasync_runner.storage.errors import ChangedDuringTransfer, StopError, Unavailable
from datasync_runner.storage.port import Moved, PouringReader, RangedReader, Reader, Sink

Write = Callable[[Sequence[bytes], int], Awaitable[int]]
"""Writes pieces one behind the other from an offset on, and answers with their checksum."""


class RangeSink(Sink, Protocol):
    """Writes a range in the event loop, as far as that is quick."""

    def close(self) -> None:
        """Whatever comes now is lost: the file may be closed."""
        ...

    async def finish(self) -> int:
        """The range is there, all of it: its checksum.  Raises: FileError, Unavailable."""
        ...


def no_sink(offset_bytes: int, size_bytes: int) -> RangeSink | None:
    """A writer that has none."""


async def write_stream(
    entry: Entry, reader: Reader, moved: Moved, *, charge: Charge, write: Write
) -> int:
    """Write all that a reader gives, chunk by chunk; the whole's checksum.

    Raises: ChangedDuringTransfer when it is not as long as the entry says; what `read` and `write`
    raise.
    """
    checksum = at = 0
    while chunk := await reader.read():
        if at + len(chunk) > entry.size_bytes:
            raise resized(entry)
        await charge.pay(len(chunk))
        piece = await write([chunk], at)
        checksum, at = combine(checksum, piece, len(chunk)), at + len(chunk)
        moved(len(chunk))
    if at != entry.size_bytes:
        raise resized(entry)
    return checksum


async def write_ranges(
    entry: Entry,
    reader: RangedReader,
    moved: Moved,
    *,
    charge: Charge,
    write: Write,
    known: Mapping[int, int],
    sink_at: Callable[[int, int], RangeSink | None] = no_sink,
) -> int:
    """Write all that a reader gives, RANGES_AT_ONCE ranges at a time; the whole's checksum.

    `known`: the checksums of ranges that are there already, by their offsets.  `sink_at` has one
    for a range, by its offset and size, that may be written in the loop as it comes.  All else is
    written one range at a time: writers of one file only spin on its lock in the kernel, and a
    connection has one.
    Raises: Unavailable when it arrives damaged; what `read_at`, `settle` and `write` raise.
    """
    starts = range(0, entry.size_bytes, RANGE_BYTES)
    found = dict(known)
    missing = iter([start for start in starts if start not in found])
    turn = asyncio.Lock()

    def size_of(start: int) -> int:
        return min(RANGE_BYTES, entry.size_bytes - start)

    if known:
        moved(sum(map(size_of, known)), resumed=True)

    async def fetch() -> None:
        for start in missing:
            size_bytes = size_of(start)
            if isinstance(reader, PouringReader) and (sink := sink_at(start, size_bytes)):
                await _pour(reader, start, size_bytes, sink)
                async with turn:
                    found[start] = await sink.finish()
                await charge.pay(size_bytes)
                moved(size_bytes)
                continue
            pieces = await reader.read_at(start, size_bytes)
            if sum(map(len, pieces)) != size_bytes:
                raise Unavailable("a part of it arrived with another size", entry.key)
            await charge.pay(size_bytes)
            async with turn:
                found[start] = await write(pieces, start)
            del pieces
            moved(size_bytes)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(RANGES_AT_ONCE):
                group.create_task(fetch())
    except BaseExceptionGroup as failed:
        raise first_failure(failed) from None
    await reader.settle()
    checksum = 0
    for start in starts:
        checksum = combine(checksum, found[start], size_of(start))
    if reader.checksum not in (None, checksum):
        raise Unavailable("it arrived damaged", entry.key)
    return checksum


async def _pour(reader: PouringReader, start: int, size_bytes: int, sink: RangeSink) -> None:
    try:
        await reader.pour(start, size_bytes, sink)
    finally:
        sink.close()


def check_size(entry: Entry, reader: RangedReader) -> None:
    """Raises ChangedDuringTransfer when what was opened is not as long as what was listed."""
    if reader.entry.size_bytes != entry.size_bytes:
        raise resized(entry)


def resized(entry: Entry) -> ChangedDuringTransfer:
    """The error for a file that ends elsewhere than was said."""
    return ChangedDuringTransfer("it has another size now", entry.key)


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What the caller is told of several failures at once: what stops the run, else the first."""
    for error in group.exceptions:
        if isinstance(error, StopError):
            return error
    return group.exceptions[0]
