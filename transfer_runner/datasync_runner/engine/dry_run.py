"""A run that writes nothing: everything is listed, compared and decided, and then counted.

It stands where a mover does: it takes the work off the queue, inspects what is not decided yet, and
does nothing else.  Of the destination it asks only what reads.
"""

import asyncio
from collections import Counter

from datasync_api.plan import TransferPlan
from datasync_runner.core.actions import Action
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.forecast import Ends, for_duplicate, for_file, for_the_end
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.core.tally import Tally
from datasync_runner.engine.delete import BATCH, held, inspected
from datasync_runner.engine.failures import record
from datasync_runner.engine.inspection import Inspection
from datasync_runner.engine.kept import Kept
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.engine.spool import unpack_folder
from datasync_runner.engine.transfer import WORKERS
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.errors import NotSupported


class DryRun:
    """The stages behind the comparison, as far as they can be foreseen."""

    def __init__(
        self, source: Patient, destination: Patient, *, options: CompareOptions, tally: Tally
    ) -> None:
        self._source, self._destination = source, destination
        self._options, self._tally = options, tally
        self._ends = Ends(
            source.objects,
            destination.objects,
            copies=options.keeps_everything and destination.copies_from(source),
            tags=options.copies_tags,
        )
        self._inspection = Inspection(
            source, destination, options=options, tally=tally, budget=ByteBudget(BUDGET_BYTES)
        )
        self._requests: Counter[str] = Counter()

    async def move(self, *, queue: WorkQueue, board: Board) -> None:
        """As a mover: take everything off the queue.  Raises: StopError."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._worker(queue))

    async def _worker(self, queue: WorkQueue) -> None:
        while batch := await queue.take():
            works = batch
            if batch[0].action is Action.INSPECT:
                works = await self._inspection.works(batch)
                queue.settled(len(batch))
            for work in works:
                try:
                    asked = for_work(work, self._ends)
                except ValueError as error:
                    record(self._tally, "transfer", NotSupported(str(error)), work.source.key)
                else:
                    self._requests.update(asked)
            queue.done(batch)

    async def end(self, kept: Kept, plan: TransferPlan, board: Board, *, replaced: bool) -> None:
        """Look at folders and deletions, and put what was found on the board."""
        folders = 0
        for records in kept.folders.reversed_batches(BATCH):
            failed = self._tally.failed_folders["transfer"]
            works = await inspected(
                [unpack_folder(packed) for packed in records],
                self._source,
                self._destination,
                tally=self._tally,
                options=self._options,
            )
            due = sum([work.action is not Action.SKIP for work in works])
            failed = self._tally.failed_folders["transfer"] - failed
            self._tally.folders_skipped += len(records) - due - failed
            folders += due
        stop = held(kept, self._tally, plan, replaced=replaced)
        board.hold = stop.hold if stop is not None else None
        deletions = 0 if kept.source_unlisted else kept.deletes.count
        board.requests = self._requests + for_the_end(folders, deletions, self._ends)


def for_work(work: Work, ends: Ends) -> Counter[str]:
    """The requests for one piece of work.  Raises: ValueError for what no object can hold."""
    size_bytes = work.source.size_bytes
    copies = len(work.others) + (work.origin is not None)
    asked = Counter[str]()
    if work.origin is None:
        asked += for_file(work.action, size_bytes, ends)
    there = work.origin.etag if work.origin is not None else ""
    for _ in range(copies):
        asked += for_duplicate(size_bytes, there=there)
    return asked
