"""`make bench`: figures with their goals; exits with 1 when a goal is missed.

run.py [decisions] [unchanged]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import decisions, unchanged


def judge(figure: float, goal: float) -> str:
    """The goal beside the figure."""
    return f"goal < {goal:g}: {'met' if figure < goal else 'MISSED'}"


def main(wanted: list[str]) -> int:
    """Measure what is wanted, everything by default."""
    met = True
    if not wanted or "decisions" in wanted:
        one = decisions.measure()
        met &= one.us_per_pair < decisions.GOAL_US
        print(
            f"pairing and decision: {one.us_per_pair:.2f} us CPU a pair, {one.pairs} pairs "
            f"({judge(one.us_per_pair, decisions.GOAL_US)})"
        )
    if not wanted or "unchanged" in wanted:
        for run in unchanged.measure():
            met &= run.peak_mb < unchanged.GOAL_MB
            print(
                f"{run.what}: {run.files_transferred} transferred, {run.files_skipped} skipped, "
                f"{run.seconds:.1f} s, {run.cpu_seconds:.1f} s CPU, peak {run.peak_mb:.0f} MB "
                f"({judge(run.peak_mb, unchanged.GOAL_MB)})"
            )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
