"""Peak memory, and CPU of a pair, of comparing 1,000,000 entries on each side that are the same.

In 1,000 folders and all in one; empty files, because only the entries count.  Without the baseline
size and time from the listings decide, with it the change stamps do as well.
"""

from collections.abc import Callable

from benchmarks import ours
from benchmarks.compare import line
from benchmarks.data import Tree
from benchmarks.figures import PEAK_MB, Figures, Limit
from benchmarks.measure import WrongRun
from benchmarks.places import Bucket, Folder, Place
from benchmarks.plant import plant
from benchmarks.stage import Stage

ENTRIES = 1_000_000


def memory(stage: Stage, *, folders: int, by: int, tell: Callable[[str], None]) -> list[Limit]:
    """Two runs that find nothing changed, after one that may; by: so many times fewer entries.

    Raises: WrongRun.
    """
    tree = Tree(ENTRIES // by, 0, folders // by)
    where = f"in {tree.folders:,} folders" if folders else "in one folder"
    title = f"nothing changed, {tree.files:,} entries {where}"
    source, server = stage.tree(tree), stage.server()
    server.clear("bench1")
    plant(server.endpoint, "bench1", tree.paths())
    ends = Folder(source), Bucket.of(server, "bench1")
    ours.forget(stage.scratch)
    ours.run(*ends, stage.scratch, options=ours.NO_METADATA)  # writes the folders' markers
    figures, limits = _compared(stage, ends, tell), list[Limit]()
    ours.forget(stage.scratch)
    first = _compared(stage, ends, tell)
    for how, cpu in (("with", figures.cpu_seconds), ("without", first.cpu_seconds)):
        each = cpu / tree.files * 1e6
        limits.append(Limit(f"{title}: CPU of a pair, {how} the baseline", each, "µs CPU"))
    return [
        Limit(f"{title}: largest process", max(figures.peak_mb, first.peak_mb), "MB", PEAK_MB),
        Limit(f"{title}: all processes", max(figures.total_mb, first.total_mb), "MB"),
        Limit(f"{title}: time", figures.wall_seconds, "s"),
        Limit(f"{title}: CPU", figures.cpu_seconds, "s CPU"),
        *limits,
    ]


def _compared(stage: Stage, ends: tuple[Place, Place], tell: Callable[[str], None]) -> Figures:
    stage.zero()
    ran = ours.run(*ends, stage.scratch, options=ours.NO_METADATA)
    if ran.transferred:
        raise WrongRun(f"nothing had changed, but it says it transferred {ran.transferred}")
    figures = ran.figures._replace(requests=stage.requests())
    tell(line(figures))
    return figures
