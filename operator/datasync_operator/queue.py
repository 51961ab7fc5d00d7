"""A level-triggered work queue: one key at a time, the earliest wish wins, failures back off.

It replaces the framework's own retries.  Watch handlers only `add` keys; workers `take` a
key, look at the world, act, and say when they want to see the key again.  The queue holds no
object and no event: a key says "look again", never what has changed.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from datasync_operator.keys import ObjectKey


def spread(delay: float) -> float:
    """A delay up to a fifth shorter or longer, so that failures do not march in step."""
    return delay * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing


@dataclass
class WorkQueue:
    """Keys waiting to be reconciled.

    A key is with at most one worker.  A key added while it is being worked on is handed out
    once more afterwards.  Of several wishes for a key the earliest wins, so a change never
    waits behind a backoff.  Success forgets the failures.
    """

    base_delay: float = 1.0
    max_delay: float = 300.0
    jitter: Callable[[float], float] = spread
    _due: dict[ObjectKey, float] = field(default_factory=dict[ObjectKey, float])
    _heap: list[tuple[float, int, ObjectKey]] = field(
        default_factory=list[tuple[float, int, ObjectKey]]
    )
    _busy: set[ObjectKey] = field(default_factory=set[ObjectKey])
    _failures: dict[ObjectKey, int] = field(default_factory=dict[ObjectKey, int])
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _ticket: "itertools.count[int]" = field(default_factory=itertools.count)

    async def add(self, key: ObjectKey, after: float = 0.0) -> None:
        """Ask for the key in `after` seconds; a wish later than a known one changes nothing."""
        due = asyncio.get_running_loop().time() + after
        async with self._changed:
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._heap, (due, next(self._ticket), key))
                self._changed.notify_all()

    async def retry(self, key: ObjectKey) -> None:
        """Ask for the key again after a failure, each time twice as late, up to `max_delay`."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        exponent = min(failures - 1, 32)
        await self.add(key, self.jitter(min(self.max_delay, self.base_delay * 2**exponent)))

    def forget(self, key: ObjectKey) -> None:
        """Count the failures of this key from zero again."""
        self._failures.pop(key, None)

    async def take(self) -> ObjectKey:
        """Wait for the next key that is due and with nobody; the caller owes `done`."""
        async with self._changed:
            while True:
                key, wait = self._pop()
                if key is not None:
                    return key
                # wait_for loses a cancellation that comes with the change (bpo-37658, mended in
                # Python 3.12): the worker would go on and the process would never end.
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()

    async def done(self, key: ObjectKey) -> None:
        """Give the key back; if it was asked for meanwhile it is handed out again."""
        async with self._changed:
            self._busy.discard(key)
            self._changed.notify_all()

    def lag(self) -> float:
        """How many seconds the oldest due key has waited: what a liveness probe asks."""
        oldest = min(self._due.values(), default=float("inf"))
        return max(0.0, asyncio.get_running_loop().time() - oldest)

    def _pop(self) -> tuple[ObjectKey | None, float | None]:
        """The next free due key, or the seconds until one is due (None: until a change)."""
        now = asyncio.get_running_loop().time()
        put_back: list[tuple[float, int, ObjectKey]] = []
        try:
            while self._heap:
                item = due, _, key = heapq.heappop(self._heap)
                if self._due.get(key) != due:
                    continue  # superseded by an earlier wish
                if key in self._busy:
                    put_back.append(item)
                elif due > now:
                    put_back.append(item)
                    return None, due - now
                else:
                    del self._due[key]
                    self._busy.add(key)
                    return key, None
            return None, None
        finally:
            for item in put_back:
                heapq.heappush(self._heap, item)


async def worker(
    queue: WorkQueue,
    reconcile: Callable[[ObjectKey], Awaitable[float | None]],
    on_error: Callable[[ObjectKey, Exception], None],
) -> None:
    """Reconcile keys for ever; `reconcile` returns seconds until the next look, or None."""
    while True:
        key = await queue.take()
        try:
            after = await reconcile(key)
        except Exception as error:
            on_error(key, error)
            await queue.retry(key)
        else:
            queue.forget(key)
            if after is not None:
                await queue.add(key, after)
        finally:
            await queue.done(key)
