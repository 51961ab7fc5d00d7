"""What a runner process asks of the system and of Python before it begins.

Each of these was measured: without them a transfer of many small files spends a tenth of its time
in the garbage collector, and one of large files holds a freed buffer in the heap of every thread.
"""

import ctypes
import gc
import resource
import sys
from typing import Final

MAX_FILES: Final = 65_536
SWITCH_SECONDS: Final = 0.05
"""Threads that read and write files give way at every system call anyway; to be interrupted more
often than that costs a twentieth of a run of small files."""
HEAP_KEPT_BYTES: Final = 128 * 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # <malloc.h>
_MMAP_THRESHOLD_BYTES: Final = 32 * 1024 * 1024  # the most that glibc takes


def tune() -> None:
    """To be called once, before workers are forked."""
    _raise_file_limit()
    _share_one_heap()
    _collect_seldom()
    sys.setswitchinterval(SWITCH_SECONDS)


def _raise_file_limit() -> None:
    """Deep trees keep a descriptor a level."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MAX_FILES), hard))


def _share_one_heap() -> None:
    """Buffers of 16 MiB are used again, whichever thread made them, instead of being mapped anew.

    Where the C library is not glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        mallopt(_M_TRIM_THRESHOLD, HEAP_KEPT_BYTES)


def _collect_seldom() -> None:
    """Entries are tuples without cycles, so most collections look at everything for nothing."""
    gc.set_threshold(200_000, 20, 100)
