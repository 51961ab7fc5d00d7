"""Work off the queue: inspect what is not decided yet, copy files and links, update metadata.

`WORKERS` batches at once.  Each batch of small files holds its share of the process's byte budget
from before it is read until it is written; a large file holds what its destination needs.
"""

import asyncio
from typing import Final

from datasync_runner.core import links
from datasync_runner.core.actions import Action
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import LARGE_AT_ONCE, SMALL_BYTES, restore_cost_bytes
from datasync_runner.core.restored import State, record_of
from datasync_runner.core.wanted import wanted
from datasync_runner.engine.failures import record
from datasync_runner.engine.inspection import Inspection
from datasync_runner.engine.large import LargeFiles
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.placing import batches_of
from datasync_runner.engine.progress import Board
from datasync_runner.engine.sharing import Sharing
from datasync_runner.engine.verify import Verify
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.errors import (
    Denied,
    FileError,
    StorageError,
    SymlinkEscapes,
    Unavailable,
)
from datasync_runner.storage.values import Content, Written

WORKERS: Final = 8


class Transfer:
    """The stage that moves bytes."""

    def __init__(
        self,
        source: Patient,
        destination: Patient,
        *,
        options: CompareOptions,
        board: Board,
        queue: WorkQueue,
        verify: Verify,
        budget: ByteBudget,
    ) -> None:
        self._source, self._destination = source, destination
        self._options, self._board, self._tally = options, board, board.tally
        self._files = board.files
        self._queue, self._verify = queue, verify
        self._restores = source.objects and not destination.objects
        self._copies = options.keeps_everything and destination.copies_from(source)
        self._budget = budget
        self._inspection = Inspection(
            source,
            destination,
            options=options,
            tally=board.tally,
            budget=budget,
            files=board.files,
            board=board,
        )
        self._large = LargeFiles(
            source, destination, options=options, tally=board.tally, restores=self._restores
        )
        self._large_at_once = asyncio.Semaphore(LARGE_AT_ONCE)
        self._sharing = Sharing(destination, options, self._written)

    async def run(self) -> None:
        """Until the queue is closed and empty.  Raises: StopError."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._worker())
        self._board.transferred()
        await self._verify.close()

    async def _worker(self) -> None:
        while batch := await self._queue.take():
            self._board.transferring()
            await self._do(batch)
            self._queue.done(batch)

    async def _do(self, batch: list[Work]) -> None:
        action = batch[0].action
        if self._files is not None and action is Action.COPY:
            works = [one for work in batch for one in (work, *work.others)]
            self._files.replacing([work.source.key for work in works if work.replaces])
        if action is Action.INSPECT:
            await self._inspect(batch)
        elif action is Action.UPDATE_METADATA:
            await self._update([work.source for work in batch])
        elif self._copies:
            await self._copy_inside([work.source for work in batch])
        else:
            await self._copy(batch)

    async def _copy(self, batch: list[Work]) -> None:
        """Send content; further names of what is at the destination get theirs there."""
        shared = any(work.others or work.origin for work in batch)
        if not shared:
            await self._send([work.source for work in batch])
            return
        written: list[Written] = []
        batch = await self._sharing.from_origins(batch)
        for some in batches_of(batch):
            written += await self._send([work.source for work in some])
        left = await self._sharing.further(batch, written)
        for some in batches_of([Work(Action.COPY, name) for name in left]):
            await self._send([work.source for work in some])

    async def _inspect(self, batch: list[Work]) -> None:
        """Ask for what the decision needs, decide, and do it."""
        works = await self._inspection.works(batch)
        self._queue.settled(len(batch))
        for some in batches_of(works):
            await self._do(some)

    async def _send(self, sources: list[Entry]) -> list[Written]:
        """Through here: one large file, or a batch of small ones.  What is there now."""
        if not sources:
            return []
        if sources[0].size_bytes > SMALL_BYTES:
            return await self._copy_large(sources[0])
        return await self._copy_small(sources)

    async def _copy_small(self, sources: list[Entry]) -> list[Written]:
        async with self._budget.hold(sum([source.size_bytes for source in sources])):
            contents: list[Content] = []
            moved_bytes = 0
            for source, read in zip(sources, await self._source.read_small(sources), strict=True):
                if isinstance(read, StorageError):
                    record(self._tally, "transfer", read, source)
                    continue
                moved_bytes += len(read.body)
                if self._restores and (escapes := _escapes(read)):
                    record(self._tally, "transfer", SymlinkEscapes(escapes), source)
                    continue
                entry = wanted(read.entry, self._options)
                if entry.storage_class != source.storage_class:
                    entry = entry._replace(storage_class=source.storage_class)
                contents.append(Content(entry, read.body))
            self._tally.bytes_transferred += moved_bytes
            answers = await self._destination.write_small(contents)
        sent = [content.entry for content in contents]
        del contents
        return await self._written(sent, answers)

    async def _copy_inside(self, sources: list[Entry]) -> None:
        """The storage copies by itself; what it may not read itself travels through here."""
        answers = await self._destination.copy(sources, self._source)
        refused = [
            source
            for source, answer in zip(sources, answers, strict=True)
            if isinstance(answer, Denied)
        ]
        kept = [
            (source, answer)
            for source, answer in zip(sources, answers, strict=True)
            if not isinstance(answer, Denied)
        ]
        for _, answer in kept:
            if isinstance(answer, Written):
                self._tally.bytes_transferred += answer.entry.size_bytes
        await self._written([source for source, _ in kept], [answer for _, answer in kept])
        for some in batches_of([Work(Action.COPY, source) for source in refused]):
            await self._send([work.source for work in some])

    async def _written(
        self, sent: list[Entry], answers: list[Written | StorageError]
    ) -> list[Written]:
        done: list[Written] = []
        for entry, answer in zip(sent, answers, strict=True):
            if isinstance(answer, StorageError):
                record(self._tally, "transfer", answer, entry)
            else:
                done.append(answer)
        self._count(done)
        self._tell_restored(done)
        if self._files is not None:
            self._files.transferred(done)
        await self._verify.put(done)
        return done

    def _tell_restored(self, done: list[Written]) -> None:
        tell = self._board.restored
        if tell is None or not self._restores:
            return
        several = [one for one in done if one.entry.node is not None]
        records = [record_of(one.entry, one.checksum, State.WRITTEN) for one in several]
        if found := [record for record in records if record is not None]:
            tell(found)

    def _count(self, done: list[Written]) -> None:
        self._tally.files_transferred += len(done)
        self._tally.bytes_written += sum([one.entry.size_bytes for one in done])

    async def _copy_large(self, source: Entry) -> list[Written]:
        cost = 0 if self._destination.objects else restore_cost_bytes(source.size_bytes)
        async with self._large_at_once, self._budget.hold(cost):
            try:
                written = await self._source.retry(lambda: self._large.copy(source))
            except Unavailable as error:
                await self._source.still_there()
                await self._destination.still_there()
                record(self._tally, "transfer", error, source)
                return []
            except FileError as error:
                record(self._tally, "transfer", error, source)
                return []
        self._count([written])
        self._tell_restored([written])
        if self._files is not None:
            self._files.transferred([written])
        await self._verify.put([written])
        return [written]

    async def _update(self, sources: list[Entry]) -> None:
        entries = [wanted(source, self._options) for source in sources]
        answers = await self._destination.update_metadata(entries)
        for entry, answer in zip(entries, answers, strict=True):
            if isinstance(answer, StorageError):
                record(self._tally, "transfer", answer, entry)
            else:
                self._tally.files_metadata_updated += 1
        if self._files is not None:
            self._files.updated([a for a in answers if not isinstance(a, StorageError)])


def _escapes(content: Content) -> str | None:
    if content.entry.kind is not Kind.SYMLINK:
        return None
    return links.problem(content.entry.key, content.body)
