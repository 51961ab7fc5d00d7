"""How long this process has been busy: running, or ready to run and waiting for a core.

CPU time alone would call a process idle that shares its core with the server it talks to.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_SCHEDSTAT: Final = Path("/proc/self/schedstat")  # the main thread: ns on a core, ns ready, slices


def busy_seconds() -> float:
    """Seconds so far; where the kernel does not tell of the waiting, of the running alone."""
    ready_ns = 0
    with suppress(OSError, ValueError, IndexError):
        ready_ns = int(_SCHEDSTAT.read_bytes().split()[1])
    return time.process_time() + ready_ns / 1e9
