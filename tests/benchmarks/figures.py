"""What the figures of several runs say: medians, ratios to the best peer, goals met and missed.

Pure: nothing here runs, measures or prints.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

OURS = "datasync"
UNVERIFIED = "datasync, verifyMode None"
"""Ours doing what the peers do: it reads nothing back.  Shown beside; goals are for OURS."""
HOPELESS = 1.5
PEAK_MB = 200.0
"""What no process of ours may reach, whatever the work."""


class Figures(NamedTuple):
    """What one run took, or the medians of several."""

    wall_seconds: float
    cpu_seconds: float
    """User and system time of the whole process tree."""
    peak_mb: float
    """Peak resident memory of the largest process of the tree."""
    total_mb: float
    """The sum of the peaks of all its processes: what they share counts several times."""
    requests: Mapping[str, int]
    servers_cpu_seconds: float = 0.0
    """What the benchmark's servers took meanwhile; 0 where none of them ran.  With all cores busy,
    no tool's wall time can be less than its own share and this one, divided by the cores."""
    rate_mib: float = 0.0
    """MiB a second while data move, as the tool itself states it; 0: it does not."""


class Goal(NamedTuple):
    """How many times better than the best peer; None: no goal."""

    wall: float | None = None
    cpu: float | None = None
    against: str = ""
    """Only peers whose name starts so; empty: all."""
    engine_cpu: float | None = None
    """As cpu, of what a run takes beyond one that has nothing to do."""
    rate: float | None = None
    """As wall, of the rates that the tools state."""


NO_GOAL = Goal()


class Limit(NamedTuple):
    """A figure that has to stay below a value; None: shown only."""

    what: str
    figure: float
    unit: str
    below: float | None = None

    @property
    def met(self) -> bool:
        """Whether it did."""
        return self.below is None or self.figure < self.below


class Ratios(NamedTuple):
    """Best peer divided by ours: above 1, ours is better."""

    wall: float
    cpu: float
    wall_peer: str
    cpu_peer: str
    engine_cpu: float | None = None
    """None when the run that has nothing to do was not measured."""
    rate: float | None = None
    """None when not all state one."""


def medians(runs: Sequence[Figures]) -> Figures:
    """The median of each figure by itself; a kind of request that a run lacks counts as none."""
    kinds = sorted({kind for run in runs for kind in run.requests})
    return Figures(
        median(run.wall_seconds for run in runs),
        median(run.cpu_seconds for run in runs),
        median(run.peak_mb for run in runs),
        median(run.total_mb for run in runs),
        {kind: int(median(run.requests.get(kind, 0) for run in runs)) for kind in kinds},
        median(run.servers_cpu_seconds for run in runs),
        median(run.rate_mib for run in runs),
    )


def ratios(
    tools: Mapping[str, Figures], goal: Goal, *, idle_cpu_seconds: float | None = None
) -> Ratios | None:
    """Ours against the fastest and against the thriftiest peer, which may be two.

    idle_cpu_seconds is the CPU time of a run of ours that has nothing to do.  None when ours or every peer is missing.
    """
    peers = {
        n: f for n, f in tools.items() if not n.startswith(OURS) and n.startswith(goal.against)
    }
    if OURS not in tools or not peers:
        return None
    ours = tools[OURS]
    fast = min(peers, key=lambda name: peers[name].wall_seconds)
    thrifty = min(peers, key=lambda name: peers[name].cpu_seconds)
    rates_mib = [figures.rate_mib for figures in peers.values()]
    return Ratios(
        peers[fast].wall_seconds / ours.wall_seconds,
        peers[thrifty].cpu_seconds / ours.cpu_seconds,
        fast,
        thrifty,
        None
        if idle_cpu_seconds is None or ours.cpu_seconds <= idle_cpu_seconds
        else peers[thrifty].cpu_seconds / (ours.cpu_seconds - idle_cpu_seconds),
        ours.rate_mib / max(rates_mib) if ours.rate_mib and all(rates_mib) else None,
    )


def hopeless(tools: Mapping[str, Figures], goal: Goal) -> set[str]:
    """Peers that take more than HOPELESS times the best peer's wall and CPU time, both.

    No further round can make them the best, so they need none.
    """
    best = ratios(tools, goal)
    if best is None:
        return set()
    wall = HOPELESS * tools[best.wall_peer].wall_seconds
    cpu = HOPELESS * tools[best.cpu_peer].cpu_seconds
    return {
        name
        for name, figures in tools.items()
        if not name.startswith(OURS) and figures.wall_seconds > wall and figures.cpu_seconds > cpu
    }


def turns(names: Sequence[str], number: int) -> list[str]:
    """The order of round `number`, from 1: who was first goes to the end."""
    first = (number - 1) % len(names)
    return [*names[first:], *names[:first]]


def missed(goal: Goal, found: Ratios, ours: Figures) -> list[str]:
    """What was not reached, in words; empty when all was."""
    peak = f"largest process {ours.peak_mb:.0f} MB, goal below {PEAK_MB:g} MB"
    ratios_missed = [
        f"{what} {figure:.2f}x, goal {wanted:g}x"
        for what, figure, wanted in (
            ("wall", found.wall, goal.wall),
            ("CPU", found.cpu, goal.cpu),
            ("CPU of the engine alone", found.engine_cpu, goal.engine_cpu),
            ("rate", found.rate, goal.rate),
        )
        if wanted is not None and figure is not None and figure < wanted
    ]
    if goal.rate is not None and found.rate is None:
        ratios_missed.append("not every tool states its rate")
    return ratios_missed if ours.peak_mb < PEAK_MB else [*ratios_missed, peak]
