"""`make bench`: DataSync beside s5cmd, rclone, rsync, cp and smbclient, in one run, with goals.

Exit codes: 0 every goal is met, 1 a goal is missed, 2 a run was wrong (or this machine lacks
something).  The figures go to stdout as Markdown, progress to stderr.
"""

import argparse
import signal
import sys
import time
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import decisions
from benchmarks.compare import compare
from benchmarks.faults import costs
from benchmarks.figures import Limit
from benchmarks.install import MissingProgram, build, install
from benchmarks.listing import listing
from benchmarks.machine import describe
from benchmarks.measure import WrongRun
from benchmarks.memory import memory
from benchmarks.results import Results
from benchmarks.stage import Stage, stage
from benchmarks.startup import idle, startup
from benchmarks.table import insert
from benchmarks.throttle import throttle
from benchmarks.workloads import WORKLOADS, Kind
from fixtures.testbed import TestbedError

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
QUICK = 10
MEMORY = {"memory-folders": 1000, "memory-flat": 0}
NAMES = (
    "decisions",
    "startup",
    *(w.name for w in WORKLOADS),
    "smb-listing",
    "throttle",
    "faults",
    *MEMORY,
)


class Progress:
    """A line for every run, as it ends."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._number = 0
        self._name = ""
        self._began = time.monotonic()

    def start(self, name: str) -> None:
        """The next row begins."""
        self._number += 1
        self._name = name

    def tell(self, text: str) -> None:
        """Something of this row."""
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        where = f"{minutes:3}:{seconds:02} [{self._number}/{self._count}] {self._name}"
        print(f"{where}: {text}", file=sys.stderr, flush=True)


def main(argv: list[str]) -> int:
    """Measure what is wanted, everything by default."""
    arguments = _arguments(argv)
    names = [n for n in NAMES if _any(n, arguments.only) and not _any(n, arguments.skip)]
    if arguments.list or not names:
        print("\n".join(NAMES))
        return 0 if arguments.list else 2
    signal.signal(signal.SIGTERM, _terminated)
    by = QUICK if arguments.quick else 1
    results, progress = Results(), Progress(len(names))
    try:
        programs = install()
        minio = {w.name for w in WORKLOADS if w.server is Kind.MINIO}
        build(minio=not minio.isdisjoint(names), faults="faults" in names)
        machine = describe(programs)
        with stage(programs) as place:
            for name in names:
                progress.start(name)
                _row(name, place, results, progress, rounds=arguments.rounds, by=by)
    except (MissingProgram, TestbedError) as error:
        print(f"make bench: {error}", file=sys.stderr)
        return 2
    how = f"{arguments.rounds} rounds, medians" + (
        ", a tenth of the data, for which no goal is meant" if by > 1 else ""
    )
    when = f"{datetime.now(UTC):%Y-%m-%d}, {how}"
    text = results.markdown([*machine, when])
    print(text)
    if arguments.write:
        DOCUMENT.write_text(insert(DOCUMENT.read_text(), text))
    wrong, missed = results.wrong(), results.missed()
    for title, lines in (("WRONG", wrong), ("MISSED", missed)):
        for line in lines:
            print(f"{title}: {line}", file=sys.stderr)
    return 2 if wrong else 1 if missed else 0


def _any(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _terminated(number: int, frame: object) -> NoReturn:
    """End as after an error, so that servers and memory are given back."""
    del frame
    sys.exit(128 + number)


def _row(
    name: str, place: Stage, results: Results, progress: Progress, *, rounds: int, by: int
) -> None:
    """One row; what goes wrong in it is its result."""
    try:
        if name == "decisions":
            one = decisions.measure()
            what = f"pairing and decision together, {one.pairs:,} synthetic pairs, each"
            results.limits.append(Limit(what, one.us_per_pair, "µs CPU", decisions.GOAL_US))
        elif name == "startup":
            results.limits += startup(place.scratch)
            nothing = idle(place)
            results.idle_cpu_seconds = nothing.cpu_seconds
            results.limits += [
                Limit("datasync run of an empty folder", nothing.wall_seconds, "s"),
                Limit("datasync run of an empty folder, CPU", nothing.cpu_seconds, "s CPU"),
            ]
        elif name in MEMORY:
            results.limits += memory(place, folders=MEMORY[name], by=by, tell=progress.tell)
        elif name == "smb-listing":
            results.limits += listing(place, by=by)
        elif name == "throttle":
            results.limits += throttle(place, tell=progress.tell)
        elif name == "faults":
            results.costs += costs(place, by=by, tell=progress.tell)
        else:
            workload = next(w for w in WORKLOADS if w.name == name)
            if by > 1:
                workload = workload.shrunk(by)
            found = compare(place, workload, rounds=rounds, tell=progress.tell)
            results.comparisons.append(found)
    except (WrongRun, TestbedError, OSError) as error:  # what was measured before is not lost
        results.broken[name] = str(error)
        progress.tell(f"WRONG: {error}")
    for kind in (Kind.MINIO, Kind.SEAWEEDFS):
        place.stop(kind)
    place.forget()


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of every tool (3)")
    parser.add_argument(
        "--only", action="extend", nargs="+", metavar="NAME", help="rows, with * and ? as in shells"
    )
    parser.add_argument(
        "--skip", action="extend", nargs="+", metavar="NAME", default=[], help="all rows but these"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    parser.add_argument("--write", action="store_true", help=f"the results into {DOCUMENT.name}")
    parser.add_argument("--list", action="store_true", help="the names of all rows")
    arguments = parser.parse_args(argv)
    arguments.only = arguments.only or ["*"]
    return arguments


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
