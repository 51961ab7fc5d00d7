"""What faults in 5 % of all requests cost a run, in time and requests; ours alone.

Between the runner and SeaweedFS, which checks signatures and checksums, stands the proxy of
tests/fixtures/faults.py: once letting all pass, once resetting, stalling, lying and refusing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import ours
from benchmarks.check import check
from benchmarks.figures import Figures, medians
from benchmarks.measure import WrongRun
from benchmarks.places import Bucket, Folder, Place
from benchmarks.stage import Stage
from benchmarks.workloads import FEW, Kind, Route, Workload
from fixtures.faults import FaultProxy

PERMILLE = 50
ROUNDS = 1
"""Thousands of requests are an average already."""


@dataclass
class Cost:
    """One direction, without and with faults; wrong: what failed."""

    title: str
    without: Figures | None = None
    with_faults: Figures | None = None
    faults: int = 0
    """So many were made in the last run."""
    wrong: str = ""


def costs(stage: Stage, *, by: int, tell: Callable[[str], None]) -> list[Cost]:
    """Both directions."""
    found: list[Cost] = []
    for route, way in ((Route.UP, "up"), (Route.DOWN, "down")):
        tree = FEW.shrunk(by) if by > 1 else FEW
        workload = Workload(
            name=f"faults-{way}", route=route, tree=tree, peers=(), server=Kind.SEAWEEDFS
        )
        cost = Cost(workload.title)
        try:
            _measure(stage, workload, cost, tell=tell)
        except WrongRun as error:
            cost.wrong = str(error)
            tell(f"{workload.title}: WRONG: {error}")
        found.append(cost)
    return found


def _measure(stage: Stage, workload: Workload, cost: Cost, *, tell: Callable[[str], None]) -> None:
    source, destination = stage.places(workload)
    if isinstance(source, Bucket):
        # By ours: an object that was stored without a checksum can't be told from a changed one.
        stage.empty(source)
        ours.run(Folder(stage.tree(workload.tree)), source, stage.scratch)
    runs: dict[int, list[Figures]] = {0: [], PERMILLE: []}
    for number in range(1, ROUNDS + 1):
        for permille, done in runs.items():
            stage.empty(destination)
            proxy = FaultProxy.start(
                stage.server(workload.server).endpoint, permille=permille, seed=number
            )
            try:
                ends = [_through(place, proxy.endpoint) for place in (source, destination)]
                figures = ours.run(ends[0], ends[1], stage.scratch).figures
                stats = proxy.stats()
            finally:
                proxy.stop()
            check(workload.tree, stage.tree(workload.tree), destination)
            done.append(figures._replace(requests={"requests": stats.requests}))
            if permille:
                cost.faults = sum(stats.faults.values())
            tell(
                f"{workload.title}, {permille / 10:g} % faults, round {number}: "
                f"{figures.wall_seconds:.2f} s, {stats.requests:,} requests"
            )
    cost.without, cost.with_faults = medians(runs[0]), medians(runs[PERMILLE])


def _through(place: Place, endpoint: str) -> Place:
    return place.by(endpoint) if isinstance(place, Bucket) else place
