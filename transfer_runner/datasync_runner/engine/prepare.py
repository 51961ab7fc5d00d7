"""List both sides, pair, decide: what becomes work, what is kept for the end.

Both listings run at once, a few batches ahead (`AHEAD`).  Pairs whose decision needs metadata that
no listing tells are handed on to be inspected by who moves them, so that listing goes on meanwhile.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from datasync_api.patterns import Filter
from datasync_runner.core.actions import SPECIAL, UNCHANGED, Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind, folder_key
from datasync_runner.core.file_conditions import Bounds
from datasync_runner.core.hard_links import Name, has_several_names, name_of
from datasync_runner.core.listed import settled_by
from datasync_runner.core.names import FULL_MARKER, odd_entries, problem
from datasync_runner.core.pair import MergeJoin, Pair, UnsortedListingError
from datasync_runner.engine.failures import record, record_listing, skipped
from datasync_runner.engine.in_the_way import InTheWay
from datasync_runner.engine.kept import Kept
from datasync_runner.engine.manifest import Side
from datasync_runner.engine.placing import place
from datasync_runner.engine.progress import Board
from datasync_runner.engine.spool import FolderWork, pack_folder
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.errors import ConfigurationInvalid, NameNotRepresentable
from datasync_runner.storage.values import Batch

_log = logging.getLogger(__name__)
AHEAD: Final = 4


async def list_ahead(side: Side, chosen: Filter, batches: "asyncio.Queue[Batch | None]") -> None:
    """A side's listing into a queue, None at its end.  Raises: StopError."""
    async for batch in side.listing(chosen):
        await batches.put(batch)
    await batches.put(None)


class Prepare:
    """The first stage."""

    def __init__(
        self,
        source: Side,
        destination: Side,
        *,
        chosen: Filter,
        bounds: Bounds | None,
        options: CompareOptions,
        board: Board,
        queue: WorkQueue,
        kept: Kept,
    ) -> None:
        self._source, self._destination = source, destination
        self._chosen, self._bounds, self._options = chosen, bounds, options
        self._settled = settled_by(options)
        self._board, self._tally = board, board.tally
        self._queue, self._kept = queue, kept
        self._join = MergeJoin()
        self._unlisted: list[bytes] = []
        self._odd: set[bytes] = set()  # keys that nobody can have, of batches not yet decided
        restores = source.objects and not destination.objects
        self._way: InTheWay | None = None
        if restores or kept.late is not None:
            self._way = InTheWay(kept.late, board.tally, restores=restores, deletes=options.delete)
        # With transferMode All the destination matters only to leave alone what is there.
        self._lists_destination = options.compare or not options.overwrite

    async def run(self) -> None:
        """Go through both listings.  Raises: StopError."""
        sources: asyncio.Queue[Batch | None] = asyncio.Queue(AHEAD)
        destinations: asyncio.Queue[Batch | None] = asyncio.Queue(AHEAD)
        async with asyncio.TaskGroup() as group:
            group.create_task(list_ahead(self._source, self._chosen, sources))
            if self._lists_destination:
                group.create_task(list_ahead(self._destination, self._chosen, destinations))
            else:
                self._join.close_destination()
            await self._compare(sources, destinations)
        if self._way is not None:
            await self._hand_on(self._way.rest())
        if self._kept.names is not None:
            await self._kept.names.settle(self._queue, self._tally, self._board.files)
        if self._kept.unread is not None:
            await self._kept.unread.settle(self._queue)
        await self._queue.close()
        await self._queue.decided()
        self._board.prepared()

    async def _compare(
        self,
        sources: "asyncio.Queue[Batch | None]",
        destinations: "asyncio.Queue[Batch | None]",
    ) -> None:
        join = self._join
        try:
            while not join.done:
                while join.wants_source:
                    self._from_source(await sources.get())
                while join.wants_destination:
                    self._from_destination(await destinations.get())
                await self._sort_out(join.take())
        except UnsortedListingError as error:
            raise ConfigurationInvalid(
                f"the two sides cannot be compared: {error}; report this, please"
            ) from error

    def _from_source(self, batch: Batch | None) -> None:
        if batch is None:
            self._join.close_source()
            return
        self._join.feed_source(batch.entries)
        folders = [entry[1] for entry in batch.entries].count(Kind.FOLDER)
        if self._source.objects and batch.entries:
            self._odd |= odd_entries(batch.entries)
        self._tally.folders_listed_at_source += folders
        self._tally.files_listed_at_source += len(batch.entries) - folders
        for error in batch.errors:
            self._kept.source_unlisted = True
            record_listing(self._tally, "prepare", error, batch)

    def _from_destination(self, batch: Batch | None) -> None:
        if batch is None:
            self._join.close_destination()
            return
        self._join.feed_destination(batch.entries)
        folders = [entry[1] for entry in batch.entries].count(Kind.FOLDER)
        self._tally.folders_listed_at_destination += folders
        self._tally.files_listed_at_destination += len(batch.entries) - folders
        for error in batch.errors:
            self._unlisted.append(error.key)
            record_listing(self._tally, "prepare", error, batch)

    async def _sort_out(self, pairs: list[Pair]) -> None:
        """Decide all; what needs to be inspected first is decided by who moves it."""
        if self._bounds is not None:
            pairs = self._bounds.chosen(pairs)
        found: list[Work | Name] = []
        undecided: list[tuple[Entry, Entry]] = []
        options, tally = self._options, self._tally
        keeps_links = self._kept.names is not None
        way = self._way
        to_objects = self._destination.objects
        settled, unread = self._settled, self._kept.unread
        files = self._board.files
        left: list[tuple[Entry, str]] | None = [] if files and files.reports_skips else None
        for source, destination in pairs:
            if way is not None and (source is None or source.key not in self._odd):
                found += way.reach(source, destination)
            several = (
                keeps_links
                and source is not None
                and source.node is not None
                and has_several_names(source)
            )
            if settled is not None and not several and settled(source, destination):
                tally.files_skipped += 1
                if unread and source and destination and destination.node is not None:
                    unread.proven(source, destination)
                if left is not None and source is not None:
                    left.append((source, UNCHANGED.reason))
                continue
            decision = decide(source, destination, options)
            action = decision.action
            if decision is SPECIAL and source is not None:
                skipped(source, decision.reason)
            if left is not None and not several and source is not None and _is_left(source, action):
                left.append((source, decision.reason))
            if source is None:
                self._only_at_destination(destination, action)
            elif destination is None and self._unlisted and self._hidden(source.key):
                continue
            elif self._odd and source.key in self._odd:
                self._odd.remove(source.key)
                reason = problem(source.key) or FULL_MARKER
                record(tally, "prepare", NameNotRepresentable(reason, source.key))
            elif several and destination is not None and action is Action.INSPECT:
                undecided.append((source, destination))
            elif several:
                name = name_of(source, destination, decision)
                found += (name,) if way is None else way.add(name, destination)
            elif source.kind is Kind.FOLDER:
                self._place_folder(source, destination, action)
            else:
                work = (
                    Work(action, source, destination)
                    if action is Action.INSPECT
                    else place(tally, source, destination, action=action, to_objects=to_objects)
                )
                if work is not None:
                    found += (work,) if way is None else way.add(work, destination)
        if undecided and self._kept.names is not None:
            found += await self._kept.names.inquire(undecided, options=options, tally=tally)
        if left and files is not None:
            files.skipped(left)
        await self._hand_on(found)

    async def _hand_on(self, found: Sequence[Work | Name]) -> None:
        names = [one for one in found if isinstance(one, Name)]
        if names and self._kept.names is not None:
            await self._kept.names.push(names)
        works = [one for one in found if isinstance(one, Work)]
        if self._kept.unread is not None:
            works = await self._kept.unread.put_aside(works)
        if works:
            await self._queue.put(works)

    def _hidden(self, key: bytes) -> bool:
        """Whether the destination could not list it, or its folder: nobody knows what is there."""
        return any(key == unseen or key.startswith(folder_key(unseen)) for unseen in self._unlisted)

    def _only_at_destination(self, destination: Entry | None, action: Action) -> None:
        if destination is not None and action is Action.DELETE:
            self._kept.deletes.push(destination.key)
            tally = self._tally
            if destination.kind is Kind.FOLDER:
                tally.estimated_folders_to_delete += 1
            else:
                tally.estimated_files_to_delete += 1
                if self._way is not None:
                    self._way.goes(destination)

    def _place_folder(self, source: Entry, destination: Entry | None, action: Action) -> None:
        if action is Action.CONFLICT:
            to_objects = self._destination.objects
            place(self._tally, source, destination, action=action, to_objects=to_objects)
            return
        right = action is Action.SKIP
        if right and (destination is None or source.implied or self._destination.objects):
            self._tally.folders_skipped += 1
            return
        if right and destination is not None and source.metadata is None:
            # Not known, and not asked for: what the destination has is right.
            has = destination.metadata
            source = source._replace(metadata=has, mtime_ns=destination.mtime_ns)
        self._kept.folders.push(pack_folder(FolderWork(action, source, destination)))
        self._kept.new_folders |= action is Action.COPY
        if action in (Action.COPY, Action.UPDATE_METADATA):
            self._tally.estimated_folders_to_transfer += 1


def _is_left(source: Entry, action: Action) -> bool:
    """Whether a file or link stays as it is; folders are looked at again at the end."""
    return action is Action.SKIP and source.kind is not Kind.FOLDER
