"""One command, measured with all its descendants."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Figures

DEADLINE_SECONDS = 900.0
_REAPER = Path(__file__).parent / "reaper.py"


class WrongRun(Exception):
    """A tool failed, or what it left is not what it should have left."""

    def __init__(self, why: str, output: str = "") -> None:
        super().__init__(why)
        self.output = output
        """What the tool wrote to its standard output."""


@dataclass(frozen=True)
class Command:
    """What to start, and what its environment has beside PATH and HOME."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def full_environment(self) -> dict[str, str]:
        """Nothing of this machine's AWS or proxy settings reaches a tool."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "NO_PROXY": "*", "no_proxy": "*", **self.environment}


@dataclass(frozen=True)
class Measured:
    """A run that ended with 0; requests are not known here."""

    figures: Figures
    output: str
    messages: str
    """What it wrote to its standard error."""


def measure(
    command: Command, scratch: Path, *, deadline_seconds: float = DEADLINE_SECONDS
) -> Measured:
    """Run it to its end.

    Raises: WrongRun when it fails or is not done at the deadline; the end of its output is told.
    """
    result, out, err = (scratch / name for name in ("measured.json", "stdout", "stderr"))
    result.unlink(missing_ok=True)
    with out.open("wb") as stdout, err.open("wb") as stderr:
        subprocess.run(
            [sys.executable, "-I", _REAPER, result, str(deadline_seconds), *command.argv],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=command.full_environment(),
            check=False,
        )
    if not result.exists():
        raise WrongRun(f"{command.argv[0]} was not measured: {_end(err)}")
    told: dict[str, Any] = json.loads(result.read_text())
    if told["late"]:
        raise WrongRun(f"not done after {deadline_seconds:g} s: {_end(err)}")
    if told["exit"]:
        words = f"exit code {told['exit']}: {_end(err) or _end(out)}"
        raise WrongRun(words, out.read_text(errors="replace"))
    figures = Figures(told["wall"], told["cpu"], told["peak_mb"], told["total_mb"], {})
    return Measured(figures, *(path.read_text(errors="replace") for path in (out, err)))


def _end(path: Path) -> str:
    return " ".join(path.read_text(errors="replace").split())[-600:]
