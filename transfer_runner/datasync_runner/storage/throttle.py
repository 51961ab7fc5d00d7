"""The ceiling of a run's rate, shared by all of its processes.

A token bucket kept as one moment, the time at which the next byte is free (GCRA, the "virtual
scheduling algorithm" of ITU-T I.371): nobody has to fill it.  It lies in memory that is made before
the workers are forked.  The lock is a record lock of the kernel (fcntl), which a process that dies
gives back; each of the two numbers is stored whole, so the dead leave nothing half done.  Record
locks do not tell threads of one process apart: one thread of a process takes.

Waiting is for who takes; nothing here sleeps.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from datasync_api.rate import UNLIMITED

BURST_NS: Final = 100_000_000
"""What may be made up for after idling."""

_GRAINS_PER_SECOND: Final = 20
_MIN_GRAIN_BYTES: Final = 16 * 1024
_MAX_GRAIN_BYTES: Final = 1024 * 1024
_RATE, _FREE_NS = 0, 1


class Throttle:
    """A ceiling of bytes per second; -1: none.

    In any span of t seconds at most `bytes_per_second` · (t + 0.1) bytes may be sent, or
    `bytes_per_second` · t and one `take`, whichever is more.  Who waits holds bytes back from all
    others, so a process has one `take` outstanding at a time, of `grain_bytes` at most.  The clock,
    in seconds, is the same for all processes of a machine.
    Raises: ValueError for a rate that is neither positive nor -1.
    """

    def __init__(
        self, bytes_per_second: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._file = os.memfd_create("throttle")
        os.ftruncate(self._file, mmap.PAGESIZE)
        self._memory = mmap.mmap(self._file, mmap.PAGESIZE)
        self._numbers = memoryview(self._memory).cast("q")
        self._numbers[_RATE] = _valid(bytes_per_second)
        self._numbers[_FREE_NS] = self._now_ns()

    @property
    def bytes_per_second(self) -> int:
        """The ceiling; set in one process, it holds in all, for all that is taken from then on."""
        return self._numbers[_RATE]

    @bytes_per_second.setter
    def bytes_per_second(self, rate: int) -> None:
        _valid(rate)
        with self._lock():
            before, now = self._numbers[_RATE], self._now_ns()
            ahead_ns = self._numbers[_FREE_NS] - now
            if before != UNLIMITED and rate != UNLIMITED and ahead_ns > 0:
                # bytes that were taken and wait stay as many, so they last otherwise
                self._numbers[_FREE_NS] = now + ahead_ns * before // rate
            self._numbers[_RATE] = rate

    @property
    def grain_bytes(self) -> int:
        """How much to take at once: 50 ms of the rate, between 16 KiB and 1 MiB."""
        rate = self._numbers[_RATE]
        if rate == UNLIMITED:
            return _MAX_GRAIN_BYTES
        return min(max(rate // _GRAINS_PER_SECOND, _MIN_GRAIN_BYTES), _MAX_GRAIN_BYTES)

    def take(self, size_bytes: int) -> float:
        """Seconds to wait before these bytes may be sent; they count as sent from now on."""
        if self._numbers[_RATE] == UNLIMITED:
            return 0.0
        with self._lock():
            rate = self._numbers[_RATE]
            if rate == UNLIMITED:
                return 0.0
            now = self._now_ns()
            free = max(self._numbers[_FREE_NS], now - BURST_NS) + size_bytes * 10**9 // rate
            self._numbers[_FREE_NS] = free
        return max(free - now, 0) / 1e9

    def close(self) -> None:
        """Give the memory back, in this process."""
        self._numbers.release()
        self._memory.close()
        os.close(self._file)

    def _now_ns(self) -> int:
        return int(self._clock() * 1e9)

    @contextmanager
    def _lock(self) -> Generator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)


def _valid(rate: int) -> int:
    if rate <= 0 and rate != UNLIMITED:
        raise ValueError(f"{rate} bytes per second is no rate: it is positive, or -1 for no limit")
    return rate
