"""The time that a listing of a share takes, with all that it tells of each entry."""

import asyncio
import time
from pathlib import Path

from benchmarks.data import Tree
from benchmarks.figures import Limit
from benchmarks.measure import WrongRun
from benchmarks.places import Protection, Share
from benchmarks.stage import Stage
from datasync_api.patterns import Filter
from datasync_api.sides import SmbSide
from datasync_runner.storage.smb.storage import SmbStorage

TREE = Tree(100_000, 0, 100)
BELOW_SECONDS = 3.0
ROUNDS = 3


def listing(stage: Stage, *, by: int) -> list[Limit]:
    """The best of some rounds, logging on included.  Raises: WrongRun."""
    tree = TREE.shrunk(by)
    stage.tree(tree)
    share = stage.samba().share(stage.source_name, Protection.SIGNED)
    secret = stage.scratch / "login"
    secret.mkdir(exist_ok=True)
    (secret / "username").write_text(share.username)
    (secret / "password").write_text(share.password)
    seconds = min(asyncio.run(_seconds(share, secret, tree)) for _ in range(ROUNDS))
    what = f"listing {tree.files:,} files of a share, with metadata, sorted"
    return [Limit(what, seconds, "s", BELOW_SECONDS)]


async def _seconds(share: Share, secret: Path, tree: Tree) -> float:
    side = SmbSide(
        uri=f"smb://{share.host}:{share.port}/{share.name}/{share.path}/",
        server=share.host,
        port=share.port,
        share=share.name,
        path=f"{share.path}/",
        encryption=share.encryption,
        credentials_path=str(secret),
    )
    storage = SmbStorage(side, writes=False, started_ns=0)
    began, found = time.perf_counter(), 0
    try:
        async for batch in storage.listing(Filter.parse([], [])):
            found += len(batch.entries)
        seconds = time.perf_counter() - began
    finally:
        await storage.close()
    if found != tree.files + tree.folders:
        raise WrongRun(f"the listing has {found} entries, not {tree.files + tree.folders}")
    return seconds
