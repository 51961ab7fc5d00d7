"""Objects that were names of one file become names of one file again, where a file system can.

Whoever moves names that state an inode tells of them; when all were moved, this process links those
that are one file (`core.restored`).  Each name was read and is a whole file by then: where no link
can be made, nothing is lost; one line of the log tells how many there are, and the first of them.

Memory: MEMORY_BYTES for the names; the rest is on disk (61 bytes, key and ETag for each).
"""

import asyncio
import logging
from itertools import chain, islice
from typing import Final

from datasync_runner.core.entry import Entry, Kind, path_of
from datasync_runner.core.restored import Joined, joined
from datasync_runner.core.tally import printable
from datasync_runner.engine.collected_names import MEMORY_BYTES
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.spool import Spool
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.sorting import Sorter
from datasync_runner.storage.values import Link

_log = logging.getLogger(__name__)
_BATCH: Final = 1000
_CALL: Final = 32


async def join(records: Spool, destination: Patient) -> None:
    """Link what is one file.  Raises: StopError."""
    sorter = Sorter(MEMORY_BYTES)
    refused: tuple[Link, StorageError] | None = None
    count = 0
    try:
        for batch in records.reversed_batches(_BATCH):
            await asyncio.to_thread(sorter.push_many, list(batch))
        found = joined(sorter.sorted())
        while some := await asyncio.to_thread(lambda: list(islice(found, _BATCH))):
            links = list(map(_link, some))
            parts = [links[at : at + _CALL] for at in range(0, len(links), _CALL)]
            answers = chain.from_iterable(await asyncio.gather(*map(destination.link, parts)))
            for link, answer in zip(links, answers, strict=True):
                if isinstance(answer, StorageError):
                    refused = refused or (link, answer)
                    count += 1
    finally:
        sorter.close()
    if refused is not None:
        _tell(count, *refused)


def _tell(count: int, link: Link, error: StorageError) -> None:
    """One line for all: a file system without links refuses each of millions."""
    _log.warning(
        "notLinked",
        extra={
            "fields": {
                "count": count,
                "samplePath": printable(path_of(link.entry.key)),
                "code": error.code,
                "message": printable(error.message),
            }
        },
    )


def _link(one: Joined) -> Link:
    name, first = one
    return Link(
        Entry(name.key, Kind.FILE, name.size_bytes), first.key, None, kept=not first.written
    )
