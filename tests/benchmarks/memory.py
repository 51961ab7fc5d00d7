"""Peak memory of comparing 1,000,000 entries on each side, in 1,000 folders and all in one.

Empty files, because only the entries count.  Size and time from the listings decide.
"""

from collections.abc import Callable

from benchmarks import ours
from benchmarks.compare import line
from benchmarks.data import Tree
from benchmarks.figures import PEAK_MB, Limit
from benchmarks.measure import WrongRun
from benchmarks.places import Bucket, Folder
from benchmarks.plant import plant
from benchmarks.stage import Stage

ENTRIES = 1_000_000


def memory(stage: Stage, *, folders: int, by: int, tell: Callable[[str], None]) -> list[Limit]:
    """One run that finds nothing changed; by: so many times fewer entries.

    Raises: WrongRun.
    """
    tree = Tree(ENTRIES // by, 0, folders // by)
    where = f"in {tree.folders:,} folders" if folders else "in one folder"
    title = f"nothing changed, {tree.files:,} entries {where}"
    source, server = stage.tree(tree), stage.server()
    server.clear("bench1")
    plant(server.endpoint, "bench1", tree.paths())
    ends = Folder(source), Bucket.of(server, "bench1")
    if folders:
        ours.run(*ends, stage.scratch, options=ours.NO_METADATA)  # writes the folders' markers
    stage.zero()
    ran = ours.run(*ends, stage.scratch, options=ours.NO_METADATA)
    if ran.transferred:
        raise WrongRun(f"nothing had changed, but it says it transferred {ran.transferred}")
    figures = ran.figures._replace(requests=stage.requests())
    tell(line(figures))
    return [
        Limit(f"{title}: largest process", figures.peak_mb, "MB", PEAK_MB),
        Limit(f"{title}: all processes", figures.total_mb, "MB"),
        Limit(f"{title}: time", figures.wall_seconds, "s"),
        Limit(f"{title}: CPU", figures.cpu_seconds, "s CPU"),
    ]
