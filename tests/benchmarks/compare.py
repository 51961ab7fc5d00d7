"""One workload: every tool in turn, some rounds of it, each run checked."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from benchmarks import ours
from benchmarks.check import check
from benchmarks.figures import OURS, UNVERIFIED, Figures, hopeless, medians, turns
from benchmarks.measure import WrongRun, measure
from benchmarks.peers import PEERS, Job, stated_rate_mib
from benchmarks.places import Bucket, Place
from benchmarks.stage import Stage
from benchmarks.workloads import Kind, Route, Workload

WRITES = ("Put", "Copy", "Delete", "UploadPart", "Create", "Complete")


@dataclass
class Comparison:
    """What came out of a workload."""

    workload: Workload
    tools: dict[str, Figures] = field(default_factory=dict[str, Figures])
    """The medians of every tool that did it right."""
    rounds: dict[str, int] = field(default_factory=dict[str, int])
    """How often each of them ran."""
    wrong: dict[str, str] = field(default_factory=dict[str, str])
    """Tools that failed or left something wrong, and how."""


Tell = Callable[[str], None]


def compare(stage: Stage, workload: Workload, *, rounds: int, tell: Tell) -> Comparison:
    """Run ours and its peers interleaved, in another order each round.

    A tool that was wrong once is not run again, nor, of small files, a peer that was hopeless.
    """
    found = Comparison(workload)
    source, destination = stage.places(workload)
    try:
        prepare(stage, workload, source, destination)
        warm_up(stage, workload, source, destination)
    except WrongRun as error:
        found.wrong["preparation"] = str(error)
        return found
    runs: dict[str, list[Figures]] = {name: [] for name in workload.tools}
    enough: set[str] = set()
    for number in range(1, min(rounds, workload.most_rounds or rounds) + 1):
        for name in turns(workload.tools, number):
            if name in found.wrong or name in enough:
                continue
            to = destination
            if workload.route is Route.SHARE and not name.startswith(OURS):
                to = stage.folder("destination")  # the peers know no S3
            try:
                figures = run_once(stage, workload, name, source, to)
            except WrongRun as error:
                found.wrong[name] = str(error)
                tell(f"{name}, round {number}: WRONG: {error}")
                continue
            runs[name].append(figures)
            tell(f"{name}, round {number}: {line(figures)}")
        found.tools = {n: medians(r) for n, r in runs.items() if r and n not in found.wrong}
        if not workload.large:  # there one run can be an outlier, and costs little
            enough = hopeless(found.tools, workload.goal)
    found.rounds = {name: len(runs[name]) for name in found.tools}
    return found


def prepare(stage: Stage, workload: Workload, source: Place, destination: Place) -> None:
    """Fill what has to be there before the first run.

    Raises: WrongRun.
    """
    if isinstance(source, Bucket):
        stage.fill(workload.tree, source)
    if workload.unchanged and isinstance(destination, Bucket):
        stage.fill(workload.tree, destination)
        # Ours also keeps folders, as empty objects; the run that writes them is not measured.
        ours.run(source, destination, stage.scratch, options=_options(workload, OURS))


def warm_up(stage: Stage, workload: Workload, source: Place, destination: Place) -> None:
    """One run of ours that is not measured, for the first row of a kind of work.

    It touches the memory of servers and destination: a virtual machine may have to ask its host for
    each page, once, which costs seconds for large files.  Raises: WrongRun.
    """
    kind = workload.route, workload.tree, workload.server
    if not workload.unchanged and kind not in stage.warm:
        stage.empty(destination)
        ours.run(source, destination, stage.scratch, options=_options(workload, OURS))
        stage.warm.add(kind)


def run_once(
    stage: Stage, workload: Workload, name: str, source: Place, destination: Place
) -> Figures:
    """One run of one tool, counted at the server and checked.

    Raises: WrongRun.
    """
    if not workload.unchanged:
        stage.empty(destination)
        ours.forget(stage.scratch)
    if workload.latency_ms:
        stage.server().delay(workload.latency_ms * 1000)
    stage.zero()
    servers_before = stage.servers_cpu_seconds()
    try:
        figures = _run(stage, workload, name, Job(source, destination, workload.large))
        servers = stage.servers_cpu_seconds() - servers_before
        requests = stage.requests()
    finally:
        if workload.latency_ms:
            stage.server().delay(0)
    written = {kind: n for kind, n in requests.items() if kind.startswith(WRITES)}
    if workload.unchanged and written:
        raise WrongRun(f"nothing had changed, but the server saw {written}")
    check(workload.tree, stage.tree(workload.tree), _plainly(stage, workload, destination))
    return figures._replace(requests=requests, servers_cpu_seconds=servers)


def _run(stage: Stage, workload: Workload, name: str, job: Job) -> Figures:
    if not name.startswith(OURS):
        measured = measure(PEERS[name](stage.programs, job), stage.scratch)
        return measured.figures._replace(rate_mib=stated_rate_mib(measured.messages))
    options = _options(workload, name)
    ran = ours.run(job.source, job.destination, stage.scratch, options=options)
    if workload.unchanged and ran.transferred:
        raise WrongRun(f"nothing had changed, but it says it transferred {ran.transferred}")
    return ran.figures


def _options(workload: Workload, name: str) -> dict[str, str]:
    kept = ours.NO_METADATA if workload.sizes_only else {}
    return {**kept, "verifyMode": "None"} if name == UNVERIFIED else kept


def _plainly(stage: Stage, workload: Workload, place: Place) -> Place:
    """Over http: the check has no need of TLS."""
    if workload.tls and workload.server is Kind.BENCH and isinstance(place, Bucket):
        return replace(place, endpoint=stage.server().endpoint, ca=None)
    return place


def line(figures: Figures) -> str:
    """A run in one line."""
    kinds = ", ".join(
        f"{count:,} {kind}"
        for kind, count in sorted(figures.requests.items(), key=lambda item: -item[1])
        if count and not kind.startswith("bytes")
    )
    return (
        f"{figures.wall_seconds:.2f} s, CPU {figures.cpu_seconds:.2f} s, "
        f"{figures.peak_mb:.0f} MB{f', {figures.rate_mib:,.0f} MiB/s' if figures.rate_mib else ''}"
        f"{f'; {kinds}' if kinds else ''}"
    )
