"""Runs one command and tells what its whole process tree took; a program of its own.

The CPU time that wait4 gives holds only those descendants that were waited for.  So this process
adopts what its command leaves behind (PR_SET_CHILD_SUBREAPER) and waits for all of it.

reaper.py RESULT DEADLINE_SECONDS COMMAND…: writes {exit, wall, cpu, peak_mb, total_mb, late} to RESULT.
"""

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.2


def main(result: str, deadline_seconds: str, *command: str) -> None:
    """Run it to the end of its last descendant, or to the deadline."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    began = time.monotonic()
    first = os.posix_spawnp(command[0], command, os.environ, setsigmask=[])
    told = {"exit": -1, "wall": 0.0, "cpu": 0.0, "peak_mb": 0.0, "total_mb": 0.0, "late": False}
    peaks: dict[int, float] = {}
    try:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid:
                told["cpu"] += usage.ru_utime + usage.ru_stime
                told["peak_mb"] = max(told["peak_mb"], usage.ru_maxrss * 1024 / 1e6)
                if pid == first:
                    told["wall"] = time.monotonic() - began
                    told["exit"] = os.waitstatus_to_exitcode(status)
                continue
            for process in descendants(os.getpid()):
                peaks[process] = max(peaks.get(process, 0.0), high_water_mb(process))
            if time.monotonic() - began > float(deadline_seconds):
                told["late"] = True
                end()
            signal.sigtimedwait({signal.SIGCHLD}, SAMPLE_SECONDS)
    finally:
        end()
    told["total_mb"] = max(told["peak_mb"], sum(peaks.values()))
    Path(result).write_text(json.dumps(told))


def descendants(pid: int) -> list[int]:
    """The processes below pid, by the kernel's word; what ends meanwhile is left out."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [
            int(child) for thread in threads for child in (thread / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [*children, *(below for child in children for below in descendants(child))]


def high_water_mb(pid: int) -> float:
    """The peak resident memory of a process so far; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next(
        (int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0
    )


def end() -> None:
    """Kill all that is still there."""
    for pid in descendants(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
