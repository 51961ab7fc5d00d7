"""How many worker processes a run has: what the container may use, not what the node has."""

import os
from pathlib import Path
from typing import Final

MOST: Final = 8
WORKER_BYTES: Final = 200 * 1024 * 1024
"""What a worker takes at its peak (`core/parts.py`)."""
_CGROUP: Final = Path("/sys/fs/cgroup")


def worker_count(*, cpus: float, memory_bytes: int | None) -> int:
    """One process per core, as far as memory goes: the run itself needs as much as a worker.

    | CPUs | memory | workers |
    |---|---|---|
    | 0.5 | any | 1 |
    | 2 | unlimited | 2 |
    | 4 | 1 GiB | 4 |
    | 4 | 512 MiB | 1 |
    | 64 | unlimited | 8 |
    """
    by_memory = MOST if memory_bytes is None else memory_bytes // WORKER_BYTES - 1
    return max(1, min(MOST, round(cpus), by_memory))


def usable_cpus() -> float:
    """CPUs that this process may use, by affinity and by the cgroup's quota."""
    cpus = float(len(os.sched_getaffinity(0)))
    quota, _, period = _read("cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(period):
        cpus = min(cpus, int(quota) / int(period))
    return cpus


def usable_memory_bytes() -> int | None:
    """The cgroup's limit, None without one."""
    limit = _read("memory.max")
    return int(limit) if limit.isdecimal() else None


def _read(name: str) -> str:
    try:
        return (_CGROUP / name).read_text("ascii").strip()
    except OSError:
        return ""
