"""List both sides, pair, decide: what becomes work, what is kept for the end.

Both listings run at once, a few batches ahead (`AHEAD`).  Metadata that a decision needs is asked
for in batches by inspectors of their own, so that listing goes on meanwhile.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from datasync_api.patterns import Filter
from datasync_runner.core.compare import Action, CompareOptions, Decision, decide
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.pair import MergeJoin, Pair, UnsortedListingError
from datasync_runner.core.parts import COPY_LIMIT_BYTES
from datasync_runner.engine.failures import record
from datasync_runner.engine.progress import Board
from datasync_runner.engine.spool import FolderWork, Spool, pack_folder
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.errors import ConfigurationInvalid, Conflict, Missing, StorageError
from datasync_runner.storage.port import Batch, Destination, Source

_log = logging.getLogger(__name__)
AHEAD: Final = 4
INSPECTORS: Final = 2
INSPECT_BATCH: Final = 512


@dataclass
class Kept:
    """What waits for the end of the run."""

    deletes: Spool
    folders: Spool
    """Folders to be made, whose metadata differs or is not known yet; on a file system those that
    are right too, as our own writes change their times.  In the order of their keys."""
    new_folders: bool = False
    source_unlisted: bool = False
    """Part of the source could not be listed: nothing may be deleted."""


class Prepare:
    """The first stage."""

    def __init__(
        self,
        source: Source,
        destination: Destination,
        *,
        chosen: Filter,
        options: CompareOptions,
        board: Board,
        queue: WorkQueue,
        kept: Kept,
    ) -> None:
        self._source, self._destination = source, destination
        self._chosen, self._options = chosen, options
        self._board, self._tally = board, board.tally
        self._queue, self._kept = queue, kept
        self._join = MergeJoin()
        self._unlisted: list[bytes] = []
        self._inspect: asyncio.Queue[list[Pair] | None] = asyncio.Queue(AHEAD)
        # With transferMode All the destination matters only to leave alone what is there.
        self._lists_destination = options.compare or not options.overwrite

    async def run(self) -> None:
        """Go through both listings.  Raises: StopError."""
        sources: asyncio.Queue[Batch | None] = asyncio.Queue(AHEAD)
        destinations: asyncio.Queue[Batch | None] = asyncio.Queue(AHEAD)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._list(self._source, sources))
            if self._lists_destination:
                group.create_task(self._list(self._destination, destinations))
            else:
                self._join.close_destination()
            for _ in range(INSPECTORS):
                group.create_task(self._inspector())
            await self._compare(sources, destinations)
            for _ in range(INSPECTORS):
                await self._inspect.put(None)
        self._board.prepared()
        await self._queue.close()

    async def _list(self, storage: Source, batches: "asyncio.Queue[Batch | None]") -> None:
        async for batch in storage.listing(self._chosen):
            await batches.put(batch)
        await batches.put(None)

    async def _compare(
        self,
        sources: "asyncio.Queue[Batch | None]",
        destinations: "asyncio.Queue[Batch | None]",
    ) -> None:
        join = self._join
        unknown: list[Pair] = []
        try:
            while not join.done:
                while join.wants_source:
                    self._from_source(await sources.get())
                while join.wants_destination:
                    self._from_destination(await destinations.get())
                unknown += await self._sort_out(join.take())
                while len(unknown) >= INSPECT_BATCH:
                    await self._inspect.put(unknown[:INSPECT_BATCH])
                    unknown = unknown[INSPECT_BATCH:]
        except UnsortedListingError as error:
            raise ConfigurationInvalid(
                f"the two sides cannot be compared: {error}; report this, please"
            ) from error
        if unknown:
            await self._inspect.put(unknown)

    def _from_source(self, batch: Batch | None) -> None:
        if batch is None:
            self._join.close_source()
            return
        self._join.feed_source(batch.entries)
        folders = sum(entry.kind is Kind.FOLDER for entry in batch.entries)
        self._tally.folders_listed_at_source += folders
        self._tally.files_listed_at_source += len(batch.entries) - folders
        for error in batch.errors:
            self._kept.source_unlisted = True
            record(self._tally, "prepare", error)

    def _from_destination(self, batch: Batch | None) -> None:
        if batch is None:
            self._join.close_destination()
            return
        self._join.feed_destination(batch.entries)
        folders = sum(entry.kind is Kind.FOLDER for entry in batch.entries)
        self._tally.folders_listed_at_destination += folders
        self._tally.files_listed_at_destination += len(batch.entries) - folders
        for error in batch.errors:
            self._unlisted.append(error.key)
            record(self._tally, "prepare", error)

    async def _sort_out(self, pairs: list[Pair]) -> list[Pair]:
        """Decide all; what needs to be inspected first comes back."""
        unknown: list[Pair] = []
        works: list[Work] = []
        options = self._options
        for pair in pairs:
            source, destination = pair
            decision = decide(source, destination, options)
            if source is None:
                self._only_at_destination(destination, decision)
            elif decision.action is Action.INSPECT and source.kind is not Kind.FOLDER:
                unknown.append(pair)
            elif destination is not None or not self._hidden(source.key):
                self._place(source, destination, decision, works)
        if works:
            await self._queue.put(works)
        return unknown

    def _hidden(self, key: bytes) -> bool:
        """Whether the destination's folder could not be listed: then nobody knows what is there."""
        return any(key.startswith(folder) for folder in self._unlisted)

    def _only_at_destination(self, destination: Entry | None, decision: Decision) -> None:
        if destination is not None and decision.action is Action.DELETE:
            self._kept.deletes.push(destination.key)
            self._tally.estimated_files_to_delete += destination.kind is not Kind.FOLDER

    def _place(
        self, source: Entry, destination: Entry | None, decision: Decision, works: list[Work]
    ) -> None:
        action = decision.action
        if action is Action.CONFLICT:
            record(self._tally, "prepare", Conflict("a special file is in its place"), source.key)
        elif source.kind is Kind.FOLDER:
            self._place_folder(source, destination, action)
        elif action is Action.SKIP:
            self._tally.files_skipped += 1
        else:
            if action is Action.UPDATE_METADATA and source.size_bytes > COPY_LIMIT_BYTES:
                action = Action.COPY if self._destination.objects else action
            if action is Action.COPY:
                self._tally.estimated_files_to_transfer += 1
                self._tally.estimated_bytes_to_transfer += source.size_bytes
            works.append(Work(action, source))

    def _place_folder(self, source: Entry, destination: Entry | None, action: Action) -> None:
        right = action is Action.SKIP
        if right and (destination is None or source.implied or self._destination.objects):
            return
        self._kept.folders.push(pack_folder(FolderWork(action, source, destination)))
        self._kept.new_folders |= action is Action.COPY

    async def _inspector(self) -> None:
        while (pairs := await self._inspect.get()) is not None:
            sources, destinations = await asyncio.gather(
                self._source.inspect([s for s, _ in pairs if s is not None]),
                self._destination.inspect([d for _, d in pairs if d is not None]),
            )
            works: list[Work] = []
            for source, destination in zip(sources, destinations, strict=True):
                self._decide_again(source, destination, works)
            if works:
                await self._queue.put(works)

    def _decide_again(
        self,
        source: Entry | StorageError,
        destination: Entry | StorageError,
        works: list[Work],
    ) -> None:
        if isinstance(source, StorageError):
            record(self._tally, "prepare", source)
            return
        there = None if isinstance(destination, Missing) else destination
        if isinstance(there, StorageError):
            record(self._tally, "prepare", there)
            return
        decision = decide(source, there, self._options)
        if decision.action is Action.INSPECT:
            raise RuntimeError(f"{source.key!r}: still not known after it was inspected")
        self._place(source, there, decision, works)
