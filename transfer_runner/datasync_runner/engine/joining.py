"""Objects that were names of one file become names of one file again, where a file system can.

Whoever moves names that state an inode tells of them; when all were moved, this process links those
that are one file (`core.restored`).  Each name was read and is a whole file by then: where no link
can be made, nothing is lost.

Memory: MEMORY_BYTES for the names; the rest is on disk (61 bytes, key and ETag for each).
"""

import asyncio
from itertools import islice
from typing import Final

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.restored import Joined, joined
from datasync_runner.engine.hard_links import MEMORY_BYTES
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.spool import Spool
from datasync_runner.storage.sorting import Sorter
from datasync_runner.storage.values import Link

_BATCH: Final = 1000
_CALL: Final = 32


async def join(records: Spool, destination: Patient) -> None:
    """Link what is one file.  Raises: StopError."""
    sorter = Sorter(MEMORY_BYTES)
    try:
        for batch in records.reversed_batches(_BATCH):
            await asyncio.to_thread(sorter.push_many, list(batch))
        found = joined(sorter.sorted())
        while some := await asyncio.to_thread(lambda: list(islice(found, _BATCH))):
            links = list(map(_link, some))
            parts = [links[at : at + _CALL] for at in range(0, len(links), _CALL)]
            await asyncio.gather(*map(destination.link, parts))
    finally:
        sorter.close()


def _link(one: Joined) -> Link:
    name, first = one
    return Link(
        Entry(name.key, Kind.FILE, name.size_bytes), first.key, None, kept=not first.written
    )
