"""A connection to a share, and how many requests are on their way over it at once.

A wire is for one thread at a time.  What it refuses: following a link for the server.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from datasync_api.sides import SmbSide
from datasync_runner.storage import errors
from datasync_runner.storage.smb import statuses
from datasync_runner.storage.smb.channel import Channel, cost_of
from datasync_runner.storage.smb.requests import CREDIT_BYTES, Request
from datasync_runner.storage.smb.responses import Answer
from datasync_runner.storage.smb.seals import Tampered

CHUNK_BYTES: Final = 1024 * 1024
"""Of one read or write: more of them at once are faster than larger ones."""
FIRST_BYTES: Final = 8 * 1024 * 1024
"""Of a connection's first read of a large file.

A server with glibc's memory, as Samba, learns by it to keep what an answer needs; else it gives it
back to the kernel after each, and takes it anew: twice the CPU for each byte.  Source: mallopt(3),
the dynamic M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
"""
WINDOW: Final = 16
"""Chains on their way at once."""
TOGETHER: Final = 4
"""Where the window is full, so many leave it before others enter, in one message to the kernel."""
WINDOW_BYTES: Final = 4 * 1024 * 1024
"""What they may send and ask for together: more is not faster, and is held in memory twice."""


Way = Callable[[Sequence[Request]], list[int]]
"""How a channel is given a chain."""


class Limits(NamedTuple):
    """What was agreed with the server."""

    dialect: int
    encrypted: bool
    signed: bool
    """Each message has a signature of its own."""
    read_bytes: int
    write_bytes: int
    query_bytes: int


class Wire:
    """A share that somebody is logged on to."""

    def __init__(self, side: SmbSide, channel: Channel, limits: Limits) -> None:
        self.side = side
        """Where it is: another place than was asked for, when a namespace has referred to it."""
        self._channel = channel
        self.broken = False
        """It is of no use any more."""
        self.dialect = limits.dialect
        self.encrypted, self.signed = limits.encrypted, limits.signed
        affordable_bytes = max(1, channel.credits // 4) * CREDIT_BYTES
        self.chunk_bytes = min(CHUNK_BYTES, affordable_bytes, limits.read_bytes, limits.write_bytes)
        self.query_bytes = min(CHUNK_BYTES, affordable_bytes, limits.query_bytes)
        self._first_bytes = min(FIRST_BYTES, affordable_bytes, limits.read_bytes)

    def exchange(self, chains: Iterable[Sequence[Request]]) -> Generator[list[Answer]]:
        """Send chains of requests, several at once, and give their answers in the same order.

        Memory: WINDOW_BYTES and one chain.
        The requests of a chain are about the file that its first one opens, or that they name.
        Raises: Unavailable, when the connection is lost.
        """
        waiting: deque[tuple[int, list[int]]] = deque()
        on_their_way = 0
        channel = self._channel
        try:
            for chain in chains:
                cost = sum([cost_of(request.payload_bytes) for request in chain])
                payload = cost * CREDIT_BYTES
                most = WINDOW - TOGETHER + 1 if len(waiting) == WINDOW else WINDOW
                while waiting and (
                    len(waiting) >= most
                    or on_their_way + payload > WINDOW_BYTES
                    or channel.credits < cost
                ):
                    size_bytes, sent = waiting.popleft()
                    on_their_way -= size_bytes
                    yield self._receive(sent)
                waiting.append((payload, self._send(chain, channel.post)))
                on_their_way += payload
            while waiting:
                yield self._receive(waiting.popleft()[1])
        finally:
            while waiting and not self.broken:  # who asked does not want to know any more
                with contextlib.suppress(errors.Unavailable):
                    self._receive(waiting.popleft()[1])

    def reads(self, start: int, size_bytes: int) -> Iterator[tuple[int, int]]:
        """A range cut into reads: offset and size of each.

        The first large one of a connection is larger (FIRST_BYTES).
        """
        at, end = start, start + size_bytes
        while at < end:
            step, left = self.chunk_bytes, end - at
            if step < self._first_bytes <= left:
                step, self._first_bytes = self._first_bytes, 0
            yield at, min(step, left)
            at += step

    def ask(self, *chain: Request) -> list[Answer]:
        """The answers to one chain.  Raises: Unavailable."""
        return self._receive(self._send(chain, self._channel.send))

    def ask_at(self, tree_id: int, request: Request) -> Answer:
        """The answer to a request about another share of the server.  Raises: Unavailable."""
        channel = self._channel
        here, channel.tree_id = channel.tree_id, tree_id
        try:
            return self.ask(request)[0]
        finally:
            channel.tree_id = here

    def close(self) -> None:
        """Hang up; raises nothing."""
        self.broken = True
        self._channel.close()

    def _send(self, chain: Sequence[Request], way: Way) -> list[int]:
        try:
            return way(chain)
        except (OSError, Tampered) as error:
            raise self._lost(error) from error

    def _receive(self, sent: Sequence[int]) -> list[Answer]:
        try:
            answers = self._channel.receive(sent)
        except (OSError, Tampered) as error:
            raise self._lost(error) from error
        for answer in answers:
            if answer.status in statuses.LOST:
                raise self._lost(f"status {answer.status:#010x}")
        return answers

    def _lost(self, cause: Exception | str) -> errors.Unavailable:
        self.broken = True
        what = str(cause) or type(cause).__name__
        return errors.Unavailable(f"{self.side.uri}: the connection was lost: {what}")
