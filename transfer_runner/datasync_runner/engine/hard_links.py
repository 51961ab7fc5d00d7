"""Hard links between file systems: one name of an inode is copied, the others are linked to it.

While both sides are listed, pairs whose source has several names are only collected.  When all are
known they are sorted by inode: the first name of each becomes ordinary work, and the others wait
until everything was moved; then this process links them.  So workers never need to know of each
other, and a name outside of the location is never waited for.

Where no link can be made (another file system below the root, one without links, a first name that
failed), the name gets what its own pair asked for: it is copied, or is right as it is.

A name that something is in the way of until the deletions is written or linked after them.

Memory: MEMORY_BYTES for the names of files with several, the rest is on disk (84 bytes, its
key, ETag and reason for each); what is to be linked waits in a spool.
"""

import asyncio
import json
from collections.abc import Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.hard_links import (
    Fate,
    Inode,
    Name,
    fate,
    inode_of,
    name_of,
    packed,
    stays,
    unpacked,
    with_more,
)
from datasync_runner.core.tally import Tally
from datasync_runner.core.wanted import wanted
from datasync_runner.engine.collected_names import CollectedNames
from datasync_runner.engine.contents import Both, Contents
from datasync_runner.engine.failures import record
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.placing import place
from datasync_runner.engine.spool import Spool, pack_work
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.errors import StorageError, Unavailable
from datasync_runner.storage.values import Examined, Link

_BLOCK: Final = 1000
_AT_ONCE: Final = 8
_CALL: Final = 32


class _Order(NamedTuple):
    """A name to be linked."""

    name: Name
    first: bytes
    inode: Inode | None
    """Of the first name at the destination, before this run."""
    kept: bool


class HardLinks(CollectedNames):
    """The files of one run that have several names."""

    def __init__(
        self,
        destination: Patient,
        contents: Contents,
        *,
        orders: Spool,
        late: Spool | None,
        late_orders: Spool,
    ) -> None:
        """Where it puts what is to be linked, and, to be done after the deletions, what is to be
        written and what is to be linked; `late`: None where nothing is deleted."""
        super().__init__()
        self._destination, self._contents = destination, contents
        self._orders, self._late, self._late_orders = orders, late, late_orders

    async def inquire(
        self, pairs: Sequence[tuple[Entry, Entry]], *, options: CompareOptions, tally: Tally
    ) -> list[Name]:
        """Names whose pairs only their contents decide; what cannot be read is a failure.

        Raises: StopError.
        """
        names: list[Name] = []
        both = [Both(Examined(source), Examined(there)) for source, there in pairs]
        for (source, there), same in zip(pairs, await self._contents.same(both), strict=True):
            if isinstance(same, StorageError):
                record(tally, "prepare", same, source.key)
            else:
                decision = decide(source, there, options, same=same)
                names.append(name_of(source, there, decision))
        return names

    async def settle(self, queue: WorkQueue, tally: Tally, files: FileEvents | None = None) -> None:
        """All are collected: decide, hand out what is ordinary work, keep what is to be linked."""
        names = with_more(self._sorter.sorted())
        first: Name | None = None
        while some := await asyncio.to_thread(lambda: list(islice(names, _BLOCK))):
            works: list[Work] = []
            for name, more in some:
                if first is not None and first.inode != name.inode:
                    first = None
                what = fate(name, first)
                if what is Fate.SAME:
                    tally.files_skipped += 1
                    if files is not None:
                        files.skipped([(name.source, name.reason)])
                elif what is Fate.LINK and first is not None:
                    self._keep(_Order(name, first.source.key, first.there, stays(first)))
                    tally.estimated_files_to_transfer += 1
                else:
                    leads = more and first is None
                    first = await self._known(name) if leads else first
                    work = place(tally, name.source, None, action=name.action, to_objects=False)
                    if work is not None and name.waits and self._late is not None:
                        self._late.push(pack_work(work))
                    elif work is not None:
                        works.append(work._replace(replaces=name.replaces))
                    elif files is not None and name.action is Action.SKIP:
                        files.skipped([(name.source, name.reason)])
            if works:
                await queue.put(works)
        self._sorter.close()

    async def _known(self, name: Name) -> Name:
        """A first name with its inode at the destination, before anything is done to it.

        A listing tells the inodes of files with several names alone, and there may be none.
        """
        if name.there is not None or name.waits:
            return name
        asked = Entry(name.source.key, Kind.FILE)
        (found,) = await self._destination.inspect([asked])
        if not isinstance(found, Entry):
            return name
        return name._replace(there=inode_of(found))

    def _keep(self, order: _Order) -> None:
        name, first, inode, kept = order
        text = [packed(name).decode("latin-1"), first.decode("latin-1"), inode, kept]
        orders = self._late_orders if name.waits else self._orders
        orders.push(json.dumps(text).encode())


async def make_links(
    orders: Spool,
    queue: WorkQueue,
    *,
    destination: Patient,
    tally: Tally,
    options: CompareOptions,
    verifies: bool,
    files: FileEvents | None = None,
) -> None:
    """Link what was kept for the end; what cannot be linked goes to the queue, which is closed.

    A link that was made is proven: its inode is the one that was.  Raises: StopError.
    """
    for records in orders.reversed_batches(_AT_ONCE * _CALL):
        batch = list(map(_order, records))
        links = [
            Link(wanted(name.source, options), first, inode, kept)
            for name, first, inode, kept in batch
        ]
        parts = [links[at : at + _CALL] for at in range(0, len(links), _CALL)]
        answers = chain.from_iterable(await asyncio.gather(*map(destination.link, parts)))
        works: list[Work] = []
        linked: list[Entry] = []
        for (name, *_), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Unavailable):
                record(tally, "transfer", answer, name.source)
            elif not isinstance(answer, StorageError):
                tally.files_transferred += 1
                tally.files_verified += verifies
                linked.append(name.source)
            elif name.action is Action.SKIP:
                tally.files_skipped += 1
                if files is not None:
                    files.skipped([(name.source, name.reason)])
            else:
                works.append(Work(name.action, name.source))
        if files is not None:
            files.linked(linked, verified=verifies)
        if works:
            tally.estimated_bytes_to_transfer += sum([work.source.size_bytes for work in works])
            await queue.put(works)
    await queue.close()


def _order(packed_order: bytes) -> _Order:
    name, first, inode, kept = json.loads(packed_order)
    return _Order(
        unpacked(name.encode("latin-1")),
        first.encode("latin-1"),
        None if inode is None else (inode[0], inode[1]),
        kept,
    )
