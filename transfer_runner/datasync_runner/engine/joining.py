"""Objects that become names of one file again, where a file system can.

Whoever moves names that state an inode tells of them; when all were moved, this process links those
that are one file (`core.restored`).  Where a name was read, it is a whole file by then: where no
link can be made, nothing is lost; one line of the log tells how many there are, and the first of
them.  A name that was not read is linked to what is there of its content, or read after all.

Memory: MEMORY_BYTES for the names; the rest is on disk (61 bytes, key and ETag for each).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Final

from datasync_runner.core.actions import Action
from datasync_runner.core.entry import Entry, path_of
from datasync_runner.core.restored import Restored, State, joined
from datasync_runner.core.tally import printable
from datasync_runner.engine.collected_names import MEMORY_BYTES
from datasync_runner.engine.delete import write_late
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.engine.spool import Spool, pack_work
from datasync_runner.engine.unread import Unread
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.sorting import Sorter
from datasync_runner.storage.values import Link

_log = logging.getLogger(__name__)
_BATCH: Final = 1000
_CALL: Final = 32

Move = Callable[[Callable[[WorkQueue], Coroutine[Any, Any, None]]], Coroutine[Any, Any, None]]
"""Has all moved that the one that it is given puts into a queue."""


class Joining:
    """Makes names of one file again of what is at the destination, and of what is to be there."""

    def __init__(
        self,
        destination: Patient,
        board: Board,
        unread: Unread | None,
        *,
        verifies: bool,
        move: Move,
    ) -> None:
        """`unread`: who knows of what nobody has looked at."""
        self._unread = unread
        self._destination, self._board, self._tally = destination, board, board.tally
        self._verifies, self._move = verifies, move
        self._refused: tuple[Link, StorageError] | None = None
        self._refusals = 0

    async def run(self, records: Spool) -> None:
        """Link what is one file, and have moved what has to be read.  Raises: StopError."""
        if self._unread is not None:
            await self._unread.recall(records)
        await self._link_and_read(records, patient=True)
        self._board.restored = None
        if self._refused is not None:
            _tell(self._refusals, *self._refused)

    async def _link_and_read(self, records: Spool, *, patient: bool) -> None:
        """`patient`: of one content one name is read, and the others wait for it, once."""
        with Spool() as read, Spool() as again:
            self._board.restored = again.push_all  # also by who reads them
            with Sorter(MEMORY_BYTES) as sorter:
                for batch in records.reversed_batches(_BATCH):
                    await asyncio.to_thread(sorter.push_many, list(batch))
                await self._link_all(sorter, read=read, again=again, patient=patient)
            if read.count:
                await self._move(partial(write_late, read))
                await self._link_and_read(again, patient=False)

    async def _link_all(self, sorter: Sorter, *, read: Spool, again: Spool, patient: bool) -> None:
        """`read`: takes what has to be read; `again`: what follows a name that has to be."""
        found = joined(sorter.sorted())
        while some := await asyncio.to_thread(lambda: list(islice(found, _BATCH))):
            names: list[Restored] = []
            links: list[Link] = []
            for name, first, beside in some:
                if first is None:
                    self._read(name, read)
                    # They stay what they are, for others are linked to them by now.
                    again.push_all([one._replace(state=State.RIGHT).record for one in beside])
                elif first.state is State.UNREAD and patient:
                    again.push(name.record)
                elif first.state is State.UNREAD:
                    self._read(name, read)
                else:
                    names.append(name)
                    kept = first.state is State.RIGHT
                    links.append(Link(name.entry, first.key, None, kept=kept))
            parts = [links[at : at + _CALL] for at in range(0, len(links), _CALL)]
            answers = chain.from_iterable(await asyncio.gather(*map(self._destination.link, parts)))
            self._note(names, links, list(answers), read)

    def _note(
        self,
        names: Sequence[Restored],
        links: Sequence[Link],
        answers: Sequence[Entry | StorageError],
        read: Spool,
    ) -> None:
        linked: list[Entry] = []
        for name, link, answer in zip(names, links, answers, strict=True):
            if not isinstance(answer, StorageError):
                if name.state is State.UNREAD:
                    linked.append(answer)
            elif name.state is State.UNREAD:
                self._read(name, read)
            else:
                self._refused = self._refused or (link, answer)
                self._refusals += 1
        self._tally.files_transferred += len(linked)
        self._tally.files_verified += len(linked) * self._verifies
        if self._board.files is not None:
            self._board.files.linked(linked, verified=self._verifies)

    def _read(self, name: Restored, read: Spool) -> None:
        self._tally.estimated_bytes_to_transfer += name.size_bytes
        read.push(pack_work(Work(Action.COPY, name.entry._replace(metadata=None))))


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
