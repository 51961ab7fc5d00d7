"""Work off the queue: copy files and links, update metadata.

`WORKERS` at once; each batch of small files and each large file holds its share of the byte budget
from before it is read until it is written.
"""

import asyncio
from typing import Final

from datasync_runner.core import links
from datasync_runner.core.compare import Action, CompareOptions, wanted
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import BUDGET_BYTES, restore_cost_bytes
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.engine.failures import record
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.engine.verify import Verify
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.errors import (
    ChangedDuringTransfer,
    FileError,
    StorageError,
    SymlinkEscapes,
    Unavailable,
)
from datasync_runner.storage.port import Content, Written

WORKERS: Final = 8
TRIES_WHILE_CHANGING: Final = 3


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
    ) -> None:
        self._source, self._destination = source, destination
        self._options, self._board, self._tally = options, board, board.tally
        self._queue, self._verify = queue, verify
        self._restores = source.objects and not destination.objects
        self._budget = ByteBudget(BUDGET_BYTES)

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
            if batch[0].action is Action.UPDATE_METADATA:
                await self._update(batch)
            elif batch[0].large:
                await self._copy_large(batch[0].source)
            else:
                await self._copy_small(batch)

    async def _copy_small(self, batch: list[Work]) -> None:
        sources = [work.source for work in batch]
        async with self._budget.hold(sum(source.size_bytes for source in sources)):
            contents: list[Content] = []
            for source, read in zip(sources, await self._source.read_small(sources), strict=True):
                if isinstance(read, StorageError):
                    record(self._tally, "transfer", read, source.key)
                    continue
                self._tally.bytes_transferred += len(read.body)
                if escapes := self._escapes(read):
                    record(self._tally, "transfer", SymlinkEscapes(escapes), source.key)
                    continue
                contents.append(read._replace(entry=wanted(read.entry, self._options)))
            answers = await self._destination.write_small(contents)
        keys = [content.entry.key for content in contents]
        del contents
        done: list[Written] = []
        for key, answer in zip(keys, answers, strict=True):
            if isinstance(answer, StorageError):
                record(self._tally, "transfer", answer, key)
            else:
                self._count(answer)
                done.append(answer)
        await self._verify.put(done)

    def _escapes(self, content: Content) -> str | None:
        if content.entry.kind is not Kind.SYMLINK or not self._restores:
            return None
        return links.problem(content.entry.key, content.body)

    def _count(self, written: Written) -> None:
        self._tally.files_transferred += 1
        self._tally.bytes_written += written.entry.size_bytes

    async def _copy_large(self, source: Entry) -> None:
        async with self._budget.hold(restore_cost_bytes(source.size_bytes)):
            try:
                written = await self._source.retry(lambda: self._while_changing(source))
            except Unavailable as error:
                await self._source.still_there()
                await self._destination.still_there()
                record(self._tally, "transfer", error, source.key)
                return
            except FileError as error:
                record(self._tally, "transfer", error, source.key)
                return
        self._count(written)
        await self._verify.put([written])

    async def _while_changing(self, source: Entry) -> Written:
        for _ in range(TRIES_WHILE_CHANGING - 1):
            try:
                return await self._once(source)
            except ChangedDuringTransfer:
                if source.etag:  # the object that was listed is gone for good
                    raise
        return await self._once(source)

    async def _once(self, source: Entry) -> Written:
        reader = await self._source.open(source)
        try:
            written = await self._destination.write(wanted(reader.entry, self._options), reader)
        finally:
            await reader.close()
        self._tally.bytes_transferred += written.entry.size_bytes
        return written

    async def _update(self, batch: list[Work]) -> None:
        entries = [wanted(work.source, self._options) for work in batch]
        for entry, answer in zip(
            entries, await self._destination.update_metadata(entries), strict=True
        ):
            if isinstance(answer, StorageError):
                record(self._tally, "transfer", answer, entry.key)
            else:
                self._tally.files_metadata_updated += 1
