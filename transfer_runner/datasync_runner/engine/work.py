"""The queue between deciding and doing: bounded, and taken in batches.

Its bound (`LIMIT` items) is large, so that small and middle runs have final totals early, and
finite, so that memory does not grow with the tree.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from datasync_runner.core.actions import Action
from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import BATCH_BYTES, BATCH_FILES, SMALL_BYTES

LIMIT: Final = 20_000


class Work(NamedTuple):
    """A file or link to copy, whose metadata is to be updated, or that is to be inspected first."""

    action: Action
    source: Entry
    destination: Entry | None = None
    """Where it is to be inspected: what is there."""
    replaces: bool = False
    """Whether something is there that a copy writes over."""
    others: tuple["Work", ...] = ()
    """Of a copy to objects: further names of the same inode, which get its content there."""
    origin: Entry | None = None
    """The object that has this content already, under another name of the inode."""

    @property
    def names(self) -> int:
        """How many objects or files it is about."""
        return 1 + len(self.others)

    @property
    def large(self) -> bool:
        """Whether it travels alone."""
        return self.action is Action.COPY and self.source.size_bytes > SMALL_BYTES


class WorkQueue:
    """First in, first out; a taken batch has one action, and a large file is a batch of its own."""

    def __init__(self, takers: int, limit: int = LIMIT) -> None:
        self._items: deque[Work] = deque()
        self._takers, self._limit = takers, limit
        self._closed = False
        self._unsettled = 0
        self._others = 0
        self._changed = asyncio.Condition()
        self._all_settled = asyncio.Event()

    async def put(self, works: Sequence[Work]) -> None:
        """Add some (a listing's batch at most); waits while the queue is full."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._items) + self._others < self._limit)
            self._items.extend(works)
            self._others += sum([len(work.others) for work in works])
            self._unsettled += sum([work.action is Action.INSPECT for work in works])
            self._changed.notify_all()

    async def close(self) -> None:
        """Nothing more comes."""
        async with self._changed:
            self._closed = True
            self._all_settled.clear()
            self._changed.notify_all()

    def settled(self, count: int) -> None:
        """So many items that were to be inspected are decided."""
        self._unsettled -= count
        if not self._unsettled:
            self._all_settled.set()

    def done(self, batch: Sequence[Work]) -> None:
        """A batch that was taken is done with."""

    async def decided(self) -> None:
        """Wait until everything that was to be inspected is decided; after `close`."""
        if self._unsettled:
            await self._all_settled.wait()

    async def any(self) -> bool:
        """Wait for the first item; False when none comes."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._items or self._closed)
            return bool(self._items)

    async def look_again(self) -> None:
        """Somebody's `may_be_large` may answer differently now."""
        async with self._changed:
            self._changed.notify_all()

    async def take(self, may_be_large: Callable[[], bool] | None = None) -> list[Work]:
        """The next batch; empty when everything was taken and nothing more comes.

        Where `may_be_large` says no, a large file waits, for this taker or for another.
        """

        def ready() -> bool:
            if not self._items:
                return self._closed
            return may_be_large is None or not self._items[0].large or may_be_large()

        async with self._changed:
            await self._changed.wait_for(ready)
            if not self._items:
                return []
            share = min(BATCH_FILES, -(-len(self._items) // self._takers))
            batch = [self._items.popleft()]
            action, size = batch[0].action, batch[0].source.size_bytes
            others = len(batch[0].others)
            while not batch[0].large and self._items and len(batch) + others < share:
                work = self._items[0]
                size += work.source.size_bytes
                if work.large or work.action is not action:
                    break
                if action is Action.COPY and size > BATCH_BYTES:
                    break
                batch.append(self._items.popleft())
                others += len(work.others)
            self._others -= others
            self._changed.notify_all()
            return batch
