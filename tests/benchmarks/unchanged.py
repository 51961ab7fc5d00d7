"""100,000 small files from a folder to S3, then again with nothing changed: time and memory.

The server is SeaweedFS on this machine, so the figures hold its share of the CPU too.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures import s3 as servers

FILES = 100_000
FOLDERS = 100
GOAL_MB = 150.0
PORT = 21800
NAME = "benchmark-s3"


@dataclass(frozen=True)
class Figures:
    """One run of the runner's process."""

    what: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    files_transferred: int
    files_skipped: int


def measure() -> list[Figures]:
    """The first run, and the one that finds nothing changed."""
    with tempfile.TemporaryDirectory(prefix="datasync-benchmark-") as folder:
        root = Path(folder)
        grow(root / "tree")
        server = servers.start("--port", str(PORT), name=NAME)
        try:
            client = server.client()
            client.create_bucket(Bucket="benchmark")
            client.close()
            plan = write_plan(root, server)
            return [run(root, plan, what) for what in ("first run", "nothing changed")]
        finally:
            servers.stop(NAME)


def grow(tree: Path) -> None:
    """Small files, evenly in folders."""
    for folder in range(FOLDERS):
        (tree / f"folder-{folder:03}").mkdir(parents=True)
        for number in range(FILES // FOLDERS):
            (tree / f"folder-{folder:03}" / f"file-{number:06}").write_bytes(b"x" * 100)


def write_plan(root: Path, server: Any) -> Path:
    """The plan, and a Secret's folder."""
    (root / "secret").mkdir()
    (root / "secret" / "AWS_ACCESS_KEY_ID").write_text(server.access_key)
    (root / "secret" / "AWS_SECRET_ACCESS_KEY").write_text(server.secret_key)
    plan = {
        "execution": {"namespace": "benchmark", "name": "unchanged", "uid": "u"},
        "source": {"kind": "Posix", "uri": "nfs://here/tree/", "root": str(root / "tree")},
        "destination": {
            "kind": "S3",
            "uri": "s3://benchmark/",
            "bucket": "benchmark",
            "region": server.region,
            "endpoint": server.endpoint,
            "addressingStyle": "Path",
            "credentialsPath": str(root / "secret"),
        },
        "options": {},
    }
    path = root / "plan.json"
    path.write_text(json.dumps(plan))
    return path


def run(root: Path, plan: Path, what: str) -> Figures:
    """Run it once, as an operator would."""
    result = root / "result.json"
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "datasync_runner", "--plan", plan, "--result", result],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    told = json.loads(result.read_text())
    if process.returncode or told["outcome"] != "Success":
        raise RuntimeError(f"the run failed: {told}")
    counters = told["counters"]
    return Figures(
        what,
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1000,
        counters.get("filesTransferred", 0),
        counters.get("filesSkipped", 0),
    )
