"""The worker's side of the pool: the same stages as in one process, fed from the socket.

It ends when nothing more comes, and when the run hangs up, whatever it is doing: a run that was
killed leaves no worker behind.

Lines of the log and entries of reports wait for the next report, so that the leader alone writes:
at most those of the `2 * AHEAD` items that a worker has.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from datasync_api.plan import TransferPlan
from datasync_runner import logs
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.core.report_entries import ReportEntry
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.moving import move
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.pool import AHEAD, STREAM_LIMIT_BYTES
from datasync_runner.engine.progress import Board
from datasync_runner.engine.stops import stop_of
from datasync_runner.engine.transfer import WORKERS
from datasync_runner.engine.wire import Orders, Report, Stopped, Wire
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Destination

REPORT_SECONDS: Final = 0.25
"""How often a worker tells what it has done, when it has done anything."""
REPORT_ITEMS: Final = 192

MakeStorages = Callable[[ByteBudget], tuple[Destination, Destination]]
Asked = Callable[[Destination], Mapping[str, int]]
"""The requests that a storage has sent, by operation."""


class _Board(Board):
    """The worker's books, which say when everything was transferred."""

    feed: "_Feed"

    def transferred(self) -> None:
        """As the board."""
        self.feed.report(moved=True)


class _Feed(WorkQueue):
    """The worker's own queue, which tells the run what was settled and done."""

    def __init__(
        self, wire: Wire, board: Board, *, lines: list[str], entries: list[ReportEntry]
    ) -> None:
        super().__init__(WORKERS, limit=2 * AHEAD)
        self._wire, self._board, self._lines, self._entries = wire, board, lines, entries
        self._done = self._large = self._settled = 0
        self._restored: list[bytes] = []
        board.restored = self._restored.extend

    def settled(self, count: int) -> None:
        """As the queue."""
        self._settled += count

    def done(self, batch: Sequence[Work]) -> None:
        """As the queue."""
        self._done += sum([work.names for work in batch])
        self._large += sum([work.large for work in batch])
        if self._done >= REPORT_ITEMS or self._large:
            self.report()

    def report(self, *, moved: bool = False, ended: bool = False) -> None:
        """Tell all that is new."""
        lines = self._lines[:]
        del self._lines[: len(lines)]  # threads may add to them meanwhile
        report = Report(
            self._board.tally.take(),
            self._done,
            self._large,
            self._settled,
            moved=moved,
            ended=ended,
            lines=lines,
            entries=self._entries[:],
            restored=self._restored[:],
        )
        self._entries.clear()
        self._restored.clear()
        self._done = self._large = self._settled = 0
        self._wire.post(report)


def work(
    connection: socket.socket, plan: TransferPlan, make_storages: MakeStorages, *, asked: Asked
) -> int:
    """A worker's whole life; the exit code is 0, also when the run hung up."""
    if not connection.recv(1, socket.MSG_PEEK):
        return 0  # the run has found nothing to move
    return asyncio.run(_work(connection, plan, make_storages, asked))


async def _work(
    connection: socket.socket, plan: TransferPlan, make_storages: MakeStorages, asked: Asked
) -> int:
    reader, writer = await asyncio.open_connection(sock=connection, limit=STREAM_LIMIT_BYTES)
    wire = Wire(reader, writer)
    lines: list[str] = []
    logs.configure(lines.extend)
    board = _Board(plan.execution.uid, time.monotonic)
    entries: list[ReportEntry] = []
    board.files = FileEvents.of(plan, board.tally, lines.extend, keep=entries.extend)
    feed = board.feed = _Feed(wire, board, lines=lines, entries=entries)
    first = await wire.receive()
    if first is None:
        return 0
    doing = asyncio.create_task(_do(plan, feed, board, make_storages, asked))
    hearing = asyncio.create_task(_hear(wire, feed, first))
    telling = asyncio.create_task(_tell(feed))
    await asyncio.wait({doing, hearing}, return_when=asyncio.FIRST_COMPLETED)
    doing.cancel()  # where the run has hung up; no harm otherwise
    await asyncio.wait({doing})
    telling.cancel()
    if doing.cancelled():
        hearing.cancel()
        return 0
    error = doing.exception()
    if error is None:
        feed.report(ended=True)
        hearing.cancel()
    else:
        stop = stop_of(error)  # which logs a crash, so before the last report
        feed.report()
        wire.post(Stopped(type(stop), stop.message, stop.key))
        await hearing  # were it closed first, the run's next order would fail and cost the reason
    await wire.hang_up()
    return 0


async def _do(
    plan: TransferPlan, feed: _Feed, board: Board, make_storages: MakeStorages, asked: Asked
) -> None:
    """Transfer and verify, with storages of this process's own.  Raises: StopError."""
    if not await feed.any():
        feed.report(moved=True)
        return
    budget = ByteBudget(BUDGET_BYTES)
    storages = make_storages(budget)
    source, destination = (Patient(storage) for storage in storages)
    try:
        await asyncio.gather(source.enter_again(), destination.enter_again())
        await move(plan, source, destination, queue=feed, board=board, budget=budget)
    finally:
        for storage in storages:
            board.tally.requests.update(asked(storage))
        await source.close()
        await destination.close()


async def _hear(wire: Wire, feed: _Feed, first: object) -> None:
    """Take orders until the run hangs up."""
    message = first
    while isinstance(message, Orders):
        if message.works:
            await feed.put(message.works)
        else:
            await feed.close()
        message = await wire.receive()


async def _tell(feed: _Feed) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        feed.report()
