"""Start-up: `datasync --version`, and from the start of `datasync run` to its first request."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from statistics import median

from benchmarks import ours
from benchmarks.figures import Figures, Limit, medians
from benchmarks.measure import Command, WrongRun, measure
from benchmarks.places import Bucket, Folder
from benchmarks.reaper import descendants
from benchmarks.stage import Stage

REPEATS = 5
VERSION_SECONDS, FIRST_REQUEST_CPU_SECONDS = 0.15, 0.4
_PATIENCE_SECONDS = 30.0


def idle(stage: Stage) -> Figures:
    """Medians of runs that find an empty folder and an empty bucket.

    Raises: WrongRun.
    """
    source, bucket = stage.folder("empty"), Bucket.of(stage.server(), "bench1")
    stage.empty(bucket)
    return medians([ours.run(source, bucket, stage.scratch).figures for _ in range(REPEATS)])


def startup(scratch: Path) -> list[Limit]:
    """Medians of some starts, the first of which only warms the caches.

    Raises: WrongRun when no request comes.
    """
    version = Command((str(ours.DATASYNC), "--version"))
    versions = [measure(version, scratch).figures for _ in range(REPEATS + 1)][1:]
    firsts = [first_request(scratch) for _ in range(REPEATS + 1)][1:]
    return [
        Limit("datasync --version", median(f.wall_seconds for f in versions), "s", VERSION_SECONDS),
        Limit("datasync --version, CPU", median(f.cpu_seconds for f in versions), "s CPU"),
        Limit("datasync run to its first request", median(wall for wall, _ in firsts), "s"),
        Limit(
            "datasync run to its first request, CPU of all processes",
            median(cpu for _, cpu in firsts),
            "s CPU",
            FIRST_REQUEST_CPU_SECONDS,
        ),
    ]


def first_request(scratch: Path) -> tuple[float, float]:
    """Seconds and CPU seconds until a listener of ours sees the first connection; then it ends."""
    folder = scratch / "empty"
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_PATIENCE_SECONDS)
        bucket = Bucket(
            endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}",
            name="bench1",
            access_key="key",
            secret_key="secret",
            region="us-east-1",
        )
        command = ours.command(Folder(folder), bucket, scratch)
        began = time.monotonic()
        process = subprocess.Popen(
            command.argv,
            env=command.full_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            connection, _ = listener.accept()
            with connection:
                tree = [process.pid, *descendants(process.pid)]
                wall, cpu = time.monotonic() - began, sum(map(_cpu_seconds, tree))
        except TimeoutError:
            raise WrongRun("datasync run made no request") from None
        finally:
            for pid in (*descendants(process.pid), process.pid):
                os.kill(pid, signal.SIGKILL)
            process.communicate()
    return wall, cpu


def _cpu_seconds(pid: int) -> float:
    """What a process and its ended threads and children have used so far, in clock ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
