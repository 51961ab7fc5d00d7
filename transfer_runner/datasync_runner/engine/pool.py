"""Worker processes: Python runs on one core, and a transfer has work for all of them.

They are forked before the event loop, threads or connections exist, and wait without having opened
anything.  Each takes as much as it can keep on its way and no more, so that whoever is fast gets
more.  The books are kept here: workers report what they add.

Memory: `AHEAD` items on their way to and in each worker.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Final

from datasync_api.conditions import Reason
from datasync_api.exit_codes import ExitCode
from datasync_runner import signals
from datasync_runner.core.parts import LARGE_AT_ONCE
from datasync_runner.engine.progress import Board
from datasync_runner.engine.wire import Orders, Report, Stopped, Wire
from datasync_runner.engine.work import WorkQueue
from datasync_runner.logs import Write
from datasync_runner.storage.errors import StopError

AHEAD: Final = 768
STREAM_LIMIT_BYTES: Final = 1024 * 1024
GRACE_SECONDS: Final = 6.0


class WorkerLost(StopError):
    """A worker process ended; what it had done is not known."""

    reason = Reason.INTERNAL_ERROR
    exit_code = ExitCode.TRANSIENT


class WorkerKilled(WorkerLost):
    """It was killed, as the kernel does for memory."""

    reason = Reason.OUT_OF_MEMORY


class Worker:
    """One worker process, seen from the run."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid, self.connection = pid, connection
        self.wire: Wire | None = None
        self._items = self.large = 0
        """`large`: large files that it has."""
        self._room = asyncio.Event()
        self._code: int | None = None

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._code is None:
            self._code = _reap(self.pid)
        return self._code

    def kill(self) -> None:
        """End it at once.  Its id is its own as long as nobody was told its exit code."""
        if self.ended() is None:
            os.kill(self.pid, signal.SIGKILL)

    async def room(self) -> None:
        """Wait until it can take more."""
        while self._items >= AHEAD:
            self._room.clear()
            await self._room.wait()

    def took(self, items: int, large: int) -> None:
        """It was given so much."""
        self._items += items
        self.large += large

    def gave_back(self, items: int, large: int) -> None:
        """It is done with so much."""
        self._items -= items
        self.large -= large
        self._room.set()


class Pool:
    """The workers of one run."""

    def __init__(self, workers: list[Worker], write: Write) -> None:
        self._workers, self._write = workers, write
        self._moving = len(workers)

    async def run(self, queue: WorkQueue, board: Board) -> None:
        """Have everything in the queue done, until it is closed and empty.

        No worker is woken for nothing.

        Raises: StopError; WorkerLost when a worker ended by itself.
        """
        if not await queue.any():
            board.transferred()
            return
        async with asyncio.TaskGroup() as group:
            for worker in self._workers:
                reader, writer = await asyncio.open_connection(
                    sock=worker.connection, limit=STREAM_LIMIT_BYTES
                )
                worker.wire = Wire(reader, writer)
                group.create_task(self._feed(worker, worker.wire, queue, board))
                group.create_task(self._hear(worker, worker.wire, queue, board))

    async def _feed(self, worker: Worker, wire: Wire, queue: WorkQueue, board: Board) -> None:
        while True:
            await worker.room()
            batch = await queue.take(
                lambda: may_be_large(worker.large, [other.large for other in self._workers])
            )
            if batch:
                board.transferring()
            worker.took(sum([work.names for work in batch]), sum([work.large for work in batch]))
            with contextlib.suppress(ConnectionError):  # who listens for it tells why it is gone
                await wire.send(Orders(batch))
            if not batch:
                return

    async def _hear(self, worker: Worker, wire: Wire, queue: WorkQueue, board: Board) -> None:
        while True:
            message = await wire.receive()
            if isinstance(message, Stopped):
                raise message.error()
            if not isinstance(message, Report):
                raise await self._lost(worker)
            if message.lines:
                self._write(message.lines)
            if message.entries and board.keep is not None:
                board.keep(message.entries)
            if message.restored and board.restored is not None:
                board.restored(message.restored)
            board.tally.add(message.tally)
            worker.gave_back(message.done, message.done_large)
            if message.done_large:
                await queue.look_again()
            if message.settled:
                queue.settled(message.settled)
            if message.moved:
                self._moving -= 1
                if not self._moving:
                    board.transferred()
            if message.ended:
                return

    async def _lost(self, worker: Worker) -> StopError:
        pause = 0.001
        while (code := worker.ended()) is None and pause < GRACE_SECONDS:
            await asyncio.sleep(pause)  # its socket was closed on its way out
            pause *= 2
        if code == -signal.SIGKILL:
            return WorkerKilled(
                "a worker process of the runner ended by itself (signal 9); most likely it was "
                "out of memory: raise resources.limits.memory of the agent"
            )
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return WorkerLost(f"a worker process of the runner ended by itself ({how}): see its log")

    async def close(self) -> None:
        """Hang up and wait for the workers' ends; those that do not end are killed."""
        for worker in self._workers:
            if worker.wire is not None:
                worker.wire.close()
            worker.connection.close()
        deadline = asyncio.get_running_loop().time() + GRACE_SECONDS
        for worker in self._workers:
            pause = 0.001
            while worker.ended() is None and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(pause)
                pause = min(0.05, 2 * pause)
        self.kill()

    def kill(self) -> None:
        """End at once those that still run, and wait for none: one may be held in the kernel."""
        for worker in self._workers:
            worker.kill()


def may_be_large(own: int, everyones: Sequence[int]) -> bool:
    """Whether a worker that has `own` large files may take another one.

    They go to whoever has the fewest: a core that gets none is idle while another's wait in line.

    | own | everyone's | |
    |---|---|---|
    | 0 | 0, 0 | yes |
    | 1 | 1, 0 | no: it is the other's turn |
    | 1 | 1, 1 | yes |
    | LARGE_AT_ONCE | LARGE_AT_ONCE, LARGE_AT_ONCE | no: all have enough |
    """
    return own == min(everyones) < LARGE_AT_ONCE


def fork_workers(count: int, main: Callable[[socket.socket], int], *, write: Write) -> Pool:
    """So many processes that each run `main` with their end of a socket, and end with its answer.

    `write` takes their lines of the log.

    To be called before there is a thread or an event loop.
    """
    sys.stdout.flush()
    workers: list[Worker] = []
    for _ in range(count):
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                ours.close()
                for worker in workers:
                    worker.connection.close()
                for number in signals.STOPS:
                    signal.signal(number, signal.SIG_IGN)  # the run tells its workers to stop
                code = main(theirs)
                sys.stdout.flush()
            except BaseException:
                traceback.print_exc()  # what its log could not say, for nobody reads that any more
            finally:
                os._exit(code)
        theirs.close()
        workers.append(Worker(pid, ours))
    return Pool(workers, write)


def _reap(pid: int) -> int | None:
    """The exit code of a child, negative for a signal; None while it runs."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if ended else None
