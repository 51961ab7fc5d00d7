"""verifyMode PointInTimeConsistent: at the end both sides are listed again and compared whole.

It believes nothing that the run or an earlier one has found out.  What differs is a failure of its
own class: added, removed, other content, other metadata.  What the task leaves alone on purpose
(filters, conditions, what no manifest lists, overwriteMode Never, what it does not delete) is left
alone here too.

Memory: AHEAD batches of each listing, 2 * WORKERS batches of BATCH_FILES pairs, and what `contents`
holds of the budget.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

from datasync_api.patterns import Filter
from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import ARCHIVES, Entry, Kind, folder_key
from datasync_runner.core.file_conditions import Bounds
from datasync_runner.core.pair import MergeJoin, Pair, UnsortedListingError
from datasync_runner.core.parts import BATCH_FILES
from datasync_runner.core.tally import Tally
from datasync_runner.core.wanted import wanted
from datasync_runner.engine.contents import Both, Contents
from datasync_runner.engine.differences import (
    ContentDiffers,
    MetadataDiffers,
    difference,
    metadata_words,
    other_content,
)
from datasync_runner.engine.failures import record, record_listing
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.manifest import Side
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.prepare import AHEAD, list_ahead
from datasync_runner.storage.errors import ConfigurationInvalid, StorageError
from datasync_runner.storage.values import Batch

WORKERS: Final = 8


class Consistency:
    """The comparison of two whole sides."""

    def __init__(
        self,
        source: Patient,
        destination: Patient,
        *,
        chosen: Filter,
        bounds: Bounds | None,
        options: CompareOptions,
        tally: Tally,
        files: FileEvents | None,
        contents: Contents,
    ) -> None:
        self._source, self._destination = source, destination
        self._chosen, self._bounds, self._tally = chosen, bounds, tally
        self._files = files
        self._options = replace(options, compare=True, checksum=True)
        self._contents = contents
        self._unlisted: list[bytes] = []
        self._batches: asyncio.Queue[list[tuple[Entry, Entry]] | None] = asyncio.Queue(WORKERS)

    async def run(self, ours: Side, theirs: Side) -> None:
        """List, compare, and count what is verified.  Raises: StopError."""
        sources: asyncio.Queue[Batch | None] = asyncio.Queue(AHEAD)
        destinations: asyncio.Queue[Batch | None] = asyncio.Queue(AHEAD)
        async with asyncio.TaskGroup() as group:
            group.create_task(list_ahead(ours, self._chosen, sources))
            group.create_task(list_ahead(theirs, self._chosen, destinations))
            for _ in range(WORKERS):
                group.create_task(self._worker())
            await self._compare(sources, destinations)
            for _ in range(WORKERS):
                await self._batches.put(None)

    async def _compare(
        self, sources: "asyncio.Queue[Batch | None]", destinations: "asyncio.Queue[Batch | None]"
    ) -> None:
        batch: list[tuple[Entry, Entry]] = []
        async for pairs in self._pairs(sources, destinations):
            for source, destination in pairs:
                if both := self._to_be_examined(source, destination):
                    batch.append(both)
                if len(batch) >= BATCH_FILES:
                    await self._batches.put(batch)
                    batch = []
        await self._batches.put(batch)

    async def _pairs(
        self, sources: "asyncio.Queue[Batch | None]", destinations: "asyncio.Queue[Batch | None]"
    ) -> AsyncIterator[list[Pair]]:
        join = MergeJoin()
        try:
            while not join.done:
                while join.wants_source:
                    batch = await sources.get()
                    if batch is None:
                        join.close_source()
                    else:
                        join.feed_source(self._seen(batch))
                while join.wants_destination:
                    batch = await destinations.get()
                    if batch is None:
                        join.close_destination()
                    else:
                        join.feed_destination(self._seen(batch))
                pairs = join.take()
                yield pairs if self._bounds is None else self._bounds.chosen(pairs)
        except UnsortedListingError as error:
            raise ConfigurationInvalid(
                f"the two sides cannot be compared: {error}; report this, please"
            ) from error

    def _seen(self, batch: Batch) -> Sequence[Entry]:
        for error in batch.errors:
            self._unlisted.append(error.key)
            record_listing(self._tally, "verify", error, batch)
        return batch.entries

    def _to_be_examined(
        self, source: Entry | None, destination: Entry | None
    ) -> tuple[Entry, Entry] | None:
        """The pair, where the listings do not tell enough of it."""
        entry = source or destination
        if entry is None or (self._unlisted and self._hidden(entry.key)):
            return None
        decision = decide(source, destination, self._options)
        if decision.reason in _LEFT_ALONE:
            return None
        error = difference(decision)
        if error is not None and source is not None and source.storage_class in ARCHIVES:
            return None  # it could not be read, and is told as skipped
        if error is not None:
            record(self._tally, "verify", error, entry.key)
        elif source is not None and destination is not None:
            if decision.action is not Action.SKIP:
                return source, destination
            if source.kind is Kind.FOLDER:
                self._tally.folders_verified += 1
            else:
                self._verified([source])
        return None

    def _hidden(self, key: bytes) -> bool:
        """Whether it, or the folder that it is in, could not be listed at one end."""
        return any(key == unseen or key.startswith(folder_key(unseen)) for unseen in self._unlisted)

    def _verified(self, entries: Sequence[Entry]) -> None:
        self._tally.files_verified += len(entries)
        if self._files is not None:
            self._files.verified(entries)

    async def _worker(self) -> None:
        while (batch := await self._batches.get()) is not None:
            await self._examine(batch)

    async def _examine(self, batch: list[tuple[Entry, Entry]]) -> None:
        ours, theirs = await asyncio.gather(
            self._source.examine([source for source, _ in batch]),
            self._destination.examine([destination for _, destination in batch]),
        )
        files: list[Both] = []
        for (source, _), one, other in zip(batch, ours, theirs, strict=True):
            if isinstance(one, StorageError):
                record(self._tally, "verify", one, source.key)
            elif isinstance(other, StorageError):
                record(self._tally, "verify", other, source.key)
            elif source.kind in _WITHOUT_CONTENT:
                if self._judge(Both(one, other), same=True) and source.kind is Kind.FOLDER:
                    self._tally.folders_verified += 1
            elif error := other_content(decide(one.entry, other.entry, self._options)):
                record(self._tally, "verify", error, source.key)
            else:
                files.append(Both(one, other))
        equal: list[Entry] = []
        for both, same in zip(files, await self._contents.same(files), strict=True):
            if isinstance(same, StorageError):
                record(self._tally, "verify", same, both.source.entry.key)
            elif self._judge(both, same=same):
                equal.append(both.source.entry)
        self._verified(equal)

    def _judge(self, both: Both, *, same: bool) -> bool:
        """Whether all is equal; if not that is a failure."""
        source, destination = both.source.entry, both.destination.entry
        action = decide(source, destination, self._options, same=same).action
        if action is Action.SKIP:
            return True
        error = (
            MetadataDiffers(metadata_words(wanted(source, self._options), destination))
            if same
            else ContentDiffers("its content is not the source's")
        )
        record(self._tally, "verify", error, source.key)
        return False


_WITHOUT_CONTENT: Final = frozenset({Kind.FOLDER, Kind.DEVICE})
_LEFT_ALONE: Final = frozenset({"SpecialFile", "ImpliedFolder", "OverwriteNever"})
