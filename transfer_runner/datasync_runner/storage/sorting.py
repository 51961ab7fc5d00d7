"""Sorting more names than memory should hold: sorted runs in one temporary file, merged.

A folder may hold millions of names, and a storage tells them in an order of its own.  This module
knows bytes alone; what a record means is the caller's.  It blocks on the disk: call it from a
thread where a loop runs.
"""

import heapq
import os
import tempfile
from array import array
from collections.abc import Iterator
from itertools import accumulate, chain, islice, pairwise
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

BUDGET_BYTES: Final = 16 * 1024 * 1024
RECORD_BYTES: Final = 56
"""What a record takes in memory beside its bytes: the object's head (33), what the allocator rounds
up (8 on average), its place in the list (8) and in the half copy that a sort may need (4), spare
places of a growing list."""
BLOCK: Final = 256
MAX_RUNS: Final = 64


class _Run(NamedTuple):
    """Where in the file a run's blocks begin and end."""

    start: int
    end: int


class Sorter:
    """Records in any order in, in the order of their bytes out; equal ones stay as many.

    Memory: `budget_bytes`, where a record counts with its length and RECORD_BYTES; while records
    come back from the disk, in addition at most 256 records of each of at most 64 runs.  On disk:
    each record with four bytes, once, and once more for every 64 runs that are merged into one.
    Raises OSError where the disk is full.
    """

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._records: list[bytes] = []
        self._used_bytes = 0
        self._runs: list[_Run] = []
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def on_disk(self) -> bool:
        """Whether the budget was not enough."""
        return bool(self._runs)

    def push(self, record: bytes) -> None:
        """Add a record."""
        self.push_many([record])

    def push_many(self, records: list[bytes]) -> None:
        """Add records; they are in memory together already, so the budget may be passed by them."""
        self._records += records
        self._used_bytes += sum(map(len, records)) + RECORD_BYTES * len(records)
        if self._used_bytes > self._budget_bytes:
            self._spill()

    def sorted(self) -> Iterator[bytes]:
        """All records in order; nothing may be pushed, nor closed, until they are through."""
        self._records.sort()
        if not self._runs:
            return iter(self._records)
        return heapq.merge(*map(self._read, self._runs), self._records)

    def close(self) -> None:
        """Forget the records, and give the disk's space back."""
        self._records, self._runs, self._used_bytes = [], [], 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        self._records.sort()
        run = self._write(iter(self._records))
        self._records, self._used_bytes = [], 0
        self._runs.append(run)
        if len(self._runs) >= MAX_RUNS:
            self._runs = [self._write(heapq.merge(*map(self._read, self._runs)))]

    def _write(self, records: Iterator[bytes]) -> _Run:
        """A block is the number of its records, their lengths, their bytes."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        file = self._file
        start = file.seek(0, os.SEEK_END)
        while block := list(islice(records, BLOCK)):
            lengths = array("I", map(len, block))
            file.write(array("I", [len(block), sum(lengths)]).tobytes())
            file.write(lengths.tobytes())
            file.write(b"".join(block))
        end = file.tell()
        file.flush()
        return _Run(start, end)

    def _read(self, run: _Run) -> Iterator[bytes]:
        return chain.from_iterable(self._blocks(run))

    def _blocks(self, run: _Run) -> Iterator[list[bytes]]:
        assert self._file is not None  # noqa: S101 - a run is in the file
        fd, at = self._file.fileno(), run.start
        head = array("I", [0, 0])
        width = head.itemsize
        while at < run.end:
            count, size_bytes = array("I", _read_at(fd, at, 2 * width))
            at += 2 * width
            whole = _read_at(fd, at, count * width + size_bytes)
            at += len(whole)
            lengths = array("I", whole[: count * width])
            places = accumulate(lengths, initial=count * width)
            yield [whole[one:other] for one, other in pairwise(places)]


def _read_at(fd: int, offset: int, size_bytes: int) -> bytes:
    """Exactly that many bytes.  Raises OSError where the file has become shorter."""
    found = os.pread(fd, size_bytes, offset)
    if len(found) != size_bytes:
        raise OSError(f"a temporary file ended early: {len(found)} of {size_bytes} bytes read")
    return found
