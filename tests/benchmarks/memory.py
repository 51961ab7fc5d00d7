"""Peak memory, and CPU of a pair, of comparing 1,000,000 entries on each side that are the same.

In 1,000 folders and all in one; empty files, because only the entries count.  With all metadata, as
by default, twice: in a first run, which asks for the metadata of each object, and in the next one,
which has the first one's baseline.  And by size and time from the listings, without a baseline.
"""

import time
from collections.abc import Callable, Mapping

from benchmarks import ours
from benchmarks.compare import WRITES, line
from benchmarks.data import Tree, metadata
from benchmarks.figures import PEAK_MB, Figures, Limit
from benchmarks.measure import WrongRun
from benchmarks.places import Bucket, Folder, Place
from benchmarks.plant import plant
from benchmarks.stage import Stage
from datasync_runner.storage.posix.clock import LOCAL_MARGIN_SECONDS

ENTRIES = 1_000_000
_PROBES = 9
"""A process that writes sends one wrong checksum first: at most 8 workers, and who leads them."""


def memory(stage: Stage, *, folders: int, by: int, tell: Callable[[str], None]) -> list[Limit]:
    """Three runs in which no file has changed; by: so many times fewer entries.

    Raises: WrongRun.
    """
    tree = Tree(ENTRIES // by, 0, folders // by)
    where = f"in {tree.folders:,} folders" if folders else "in one folder"
    title = f"nothing changed, {tree.files:,} entries {where}"
    source, server = stage.tree(tree), stage.server()
    server.clear("bench1")
    plant(server.endpoint, "bench1", tree.paths(), metadata())
    time.sleep(LOCAL_MARGIN_SECONDS + 1)  # what is younger when a run begins is not proven by it
    ends = Folder(source), Bucket.of(server, "bench1")
    ours.forget(stage.scratch)
    # The first one also writes the folders' markers, with their metadata.
    first = _compared(stage, ends, tell, options={}, folders=tree.folders)
    if first.requests.get("HeadObject", 0) < tree.files:
        raise WrongRun("the first run has not asked about every object")
    figures = _compared(stage, ends, tell, options={})
    if figures.requests.get("HeadObject", 0):
        raise WrongRun("the baseline has not proven the files")
    ours.forget(stage.scratch)
    listed = _compared(stage, ends, tell, options=ours.NO_METADATA)
    runs = {
        "all metadata, with the baseline": figures,
        "all metadata, without the baseline": first,
        "size and time from the listings, without the baseline": listed,
    }
    return [
        Limit(f"{title}: largest process", max(r.peak_mb for r in runs.values()), "MB", PEAK_MB),
        Limit(f"{title}: all processes", max(r.total_mb for r in runs.values()), "MB"),
        Limit(f"{title}: time, with the baseline", figures.wall_seconds, "s"),
        *(
            Limit(f"{title}: CPU of a pair, {how}", run.cpu_seconds / tree.files * 1e6, "µs CPU")
            for how, run in runs.items()
        ),
    ]


def _compared(
    stage: Stage,
    ends: tuple[Place, Place],
    tell: Callable[[str], None],
    *,
    options: Mapping[str, str],
    folders: int = 0,
) -> Figures:
    """One run, which may write so many folders and nothing else.  Raises: WrongRun."""
    stage.zero()
    ran = ours.run(*ends, stage.scratch, options=options)
    figures = ran.figures._replace(requests=stage.requests())
    written = sum(n for kind, n in figures.requests.items() if kind.startswith(WRITES))
    if ran.transferred > folders or written > (folders + _PROBES if folders else 0):
        raise WrongRun(f"nothing had changed, but {ran.transferred} files, {written} writes")
    tell(line(figures))
    return figures
