"""Runs the `datasync` command as a user does, as a process, with a runner of the test's choice."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FAKE_RUNNER = (sys.executable, str(ROOT / "tests" / "fakes" / "runner.py"))
_CALL = "import sys; from datasync_cli.__main__ import main; sys.exit(main({}, runner={}))"


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str


def start(
    *arguments: str | Path,
    runner: Sequence[str] | None = FAKE_RUNNER,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    before: str = "",
    **environment: str,
) -> subprocess.Popen[str]:
    """Start the command; the caller ends it.  Without a `runner` it is the real one.

    `before`: Python that its process runs first.
    """
    argv = [str(argument) for argument in arguments]
    command = list(runner) if runner is not None else None
    return subprocess.Popen(
        [sys.executable, "-c", before + _CALL.format(argv, command)],
        env={**os.environ, "COLUMNS": "100", **environment},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Answer:
    """Wait for its end."""
    try:
        out, err = process.communicate(timeout=18)
    finally:
        process.kill()
    return Answer(process.returncode, out or "", err or "")


def datasync(
    *arguments: str | Path, runner: Sequence[str] | None = FAKE_RUNNER, **environment: str
) -> Answer:
    """Run the command to its end."""
    return finish(start(*arguments, runner=runner, **environment))
