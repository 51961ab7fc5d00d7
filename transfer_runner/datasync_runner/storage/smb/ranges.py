"""Ranges of an open file, read one behind the other: the next one is asked for while the last part
of the one before is still on its way.

A thread reads for as long as somebody asks.  Were each range read for itself, the server would have
nothing to do at the end of each, for as long as its last piece takes to arrive and the next caller
to get a thread: a tenth of the time of a large file.  Memory: what was asked for.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from datasync_runner.storage import errors
from datasync_runner.storage.smb import requests, responses, statuses
from datasync_runner.storage.smb.requests import Request
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.threads import Threads


class _Range:
    """A range that somebody waits for, and what of it has arrived."""

    __slots__ = ("answer", "pieces", "size_bytes", "start")

    def __init__(self, start: int, size_bytes: int) -> None:
        self.start, self.size_bytes = start, size_bytes
        self.pieces: list[bytes] = []
        self.answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()

    def add(self, piece: bytes, wanted_bytes: int, key: bytes) -> None:
        """The next piece; the last one is told to who waits.  From another thread, as `fail`."""
        self.pieces.append(piece)
        if len(piece) != wanted_bytes:
            self.fail(changed(key))
        elif sum(map(len, self.pieces)) == self.size_bytes:
            self._call(self.answer.set_result, self.pieces)

    def fail(self, error: Exception) -> None:
        """Tell who waits why there is nothing; the first reason counts."""
        self._call(self.answer.set_exception, error)

    def _call(self, settle: Callable[[Any], None], told: object) -> None:
        def call() -> None:
            if not self.answer.done():
                settle(told)

        self.answer.get_loop().call_soon_threadsafe(call)


class Ranges:
    """Reads the ranges of a file that its owner has opened.

    `turn` is held while something is read: who else uses the connection takes it before.
    """

    def __init__(
        self, threads: Threads, wire: Wire, file: bytes, *, key: bytes, turn: asyncio.Lock
    ) -> None:
        self._threads, self._wire, self._file, self._key = threads, wire, file, key
        self._turn = turn
        self._asked: deque[_Range] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def read(self, start: int, size_bytes: int) -> list[bytes]:
        """That range, in pieces.

        Raises: ChangedDuringTransfer where the file ends before; other StorageErrors.
        """
        if not size_bytes:
            return []
        wanted = _Range(start, size_bytes)
        self._asked.append(wanted)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return await wanted.answer

    async def _read(self) -> None:
        async with self._turn:
            while self._asked:
                await self._threads.run(self._read_asked)

    def _read_asked(self) -> None:
        """In a thread: read until nobody asks any more.  Raises nothing."""
        sent: deque[tuple[_Range, int]] = deque()
        try:
            for (answer,) in self._wire.exchange(self._chains(sent)):
                wanted, size_bytes = sent[0]
                if answer.status == statuses.OK:
                    wanted.add(responses.data_of(answer), size_bytes, self._key)
                elif answer.status == statuses.END_OF_FILE:
                    wanted.fail(changed(self._key))
                else:
                    wanted.fail(statuses.error_of(answer.status, self._key, "read it"))
                sent.popleft()  # not before: who waits for what cannot be read has to be told
                del wanted, answer  # what it holds may be all that is in memory of this file
        except Exception as error:
            for wanted in {id(one): one for one, _ in sent}.values():
                wanted.fail(error)
            while self._asked:
                self._asked.popleft().fail(error)

    def _chains(self, sent: "deque[tuple[_Range, int]]") -> Iterator[list[Request]]:
        """What is still wanted, as requests; each is noted in `sent`."""
        while self._asked:
            wanted = self._asked.popleft()
            for at, size_bytes in self._wire.reads(wanted.start, wanted.size_bytes):
                if wanted.answer.done():  # it has failed, or its caller is gone
                    break
                sent.append((wanted, size_bytes))
                yield [requests.read(at, size_bytes, self._file)]


def changed(key: bytes) -> errors.ChangedDuringTransfer:
    """The error for another file than the one that was opened."""
    return errors.ChangedDuringTransfer("it changed while it was read", key)
