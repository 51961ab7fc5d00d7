"""One run of a plan: its processes, its storages, its end, and the signals that ask for it.

Everything after a stop has a limit, and all of them together fit into the 30 s that a pod is given:
a thread that hangs is left behind, and a worker process that does is killed.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from datasync_api import loading
from datasync_api.plan import Exchange, TransferPlan
from datasync_api.report import ReportDelivery
from datasync_runner import checksums, logs, signals
from datasync_runner.core.log_lines import log_line
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.cores import usable_cpus, usable_memory_bytes, worker_count
from datasync_runner.engine.end import STOPPED, End, completed, stopped_by
from datasync_runner.engine.exchange import ExchangeServer
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.pool import Pool, fork_workers
from datasync_runner.engine.pool_worker import work
from datasync_runner.engine.progress import Board
from datasync_runner.engine.report_files import ReportFiles
from datasync_runner.engine.stops import stop_of
from datasync_runner.engine.task_report import TaskReport
from datasync_runner.result import result_of
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.errors import ConfigurationInvalid
from datasync_runner.storage.factory import (
    Means,
    load_adapters,
    make_manifest_storage,
    make_report_storage,
    make_storages,
    requests_sent,
)
from datasync_runner.storage.throttle import Throttle

_log = logging.getLogger(__name__)
STOP_SECONDS: Final = 8
"""How long an asked-for stop waits for what is in flight."""
MAX_CONNECTIONS: Final = 256
"""To one side, over all processes."""


@dataclass(frozen=True)
class Run:
    """One run of a plan, and what its processes share."""

    plan: TransferPlan
    board: Board
    throttle: Throttle
    pool: Pool | None
    means: Callable[[ByteBudget], Means]
    report: TaskReport | None

    @classmethod
    def of(cls, plan: TransferPlan, board: Board, log: logs.Log, began: datetime) -> "Run":
        """Fork the workers, while there is neither a thread nor a connection."""
        throttle = Throttle(plan.options.bytes_per_second)
        count = 1
        if plan.mode == "Transfer":  # a dry run moves nothing
            count = worker_count(cpus=usable_cpus(), memory_bytes=usable_memory_bytes())
        if count > 1 and plan.baseline is None:  # no earlier run has succeeded: much is to be moved
            checksums.load()
        load_adapters(plan)  # once, not in each worker
        loading.end()
        started_ns = time.time_ns()

        def means(budget: ByteBudget) -> Means:
            return Means(budget, throttle, MAX_CONNECTIONS // count, started_ns)

        def worker(connection: socket.socket) -> int:
            return work(
                connection,
                plan,
                lambda budget: make_storages(plan, means(budget)),
                asked=requests_sent,
            )

        pool = fork_workers(count, worker, write=log.write) if count > 1 else None
        report = None
        if plan.report is not None:
            side = plan.report.destination
            files = ReportFiles(
                side,
                plan.execution,
                began=began,
                storage=lambda: make_report_storage(side, means(ByteBudget(BUDGET_BYTES))),
                asked=lambda storage: board.tally.requests.update(requests_sent(storage)),
            )
            board.keep = files.keep
            report = TaskReport(plan, board, files)
        return cls(plan, board, throttle, pool, means, report)

    def pace(self, bytes_per_second: int | None) -> None:
        """Hold the run to a rate from now on; None: to the plan's."""
        rate = self.plan.options.bytes_per_second if bytes_per_second is None else bytes_per_second
        if rate != self.throttle.bytes_per_second:
            self.throttle.bytes_per_second = rate
            _log.info("rate", extra={"fields": {"bytesPerSecond": rate}})


async def supervise(run: Run, began: datetime) -> tuple[End, ReportDelivery | None]:
    """The run, until it ends or is asked to stop, and its report, which may be asked to hurry."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signals.STOPS:
        loop.add_signal_handler(number, stop.set)
    signals.release()
    if run.report is not None:
        run.report.begin()
    end = await _until_its_end(run, stop)
    if run.report is None:
        return end, None
    result = result_of(run.board, began, datetime.now(UTC), end)
    return end, await run.report.conclude(result, stop)


async def _until_its_end(run: Run, stop: asyncio.Event) -> End:
    running = asyncio.create_task(_run(run))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        running.cancel()
        await asyncio.wait({running}, timeout=STOP_SECONDS)
        if run.pool is not None:
            run.pool.kill()  # a thread that hangs has kept the run from closing it
        return STOPPED
    stopping.cancel()
    return running.result()


async def _run(run: Run) -> End:
    plan, board = run.plan, run.board
    try:
        if plan.exchange is not None:
            _listen(plan.exchange, run)  # to the end of the process: to close it takes time
        _log.info("started", extra={"fields": _started(plan)})
        board.preparing()
        means = run.means(ByteBudget(BUDGET_BYTES))
        source, destination = make_storages(plan, means)
        listed = make_manifest_storage(plan, means)
        try:
            mover = run.pool.run if run.pool else None
            await run_plan(plan, source, destination, board, mover=mover, manifest_bucket=listed)
        finally:
            for storage in (source, destination, listed):
                if storage is not None:
                    board.tally.requests.update(requests_sent(storage))
                    await storage.close()
    except Exception as error:
        return stopped_by(stop_of(error))
    finally:
        if run.pool is not None:
            await run.pool.close()
    return completed(board.tally, plan.options)


def _started(plan: TransferPlan) -> dict[str, Any]:
    return {
        "execution": plan.execution.manifest(),
        "source": plan.source.uri,
        "destination": plan.destination.uri,
        "planHash": plan.hash(),
    }


def _listen(exchange: Exchange, run: Run) -> ExchangeServer:
    try:
        token = Path(exchange.token_path).read_text("utf-8").strip()
        if not token:
            raise ConfigurationInvalid(f"the exchange's token {exchange.token_path} is empty")
        server = ExchangeServer(
            exchange.host,
            exchange.port,
            token=token,
            progress=run.board.progress,
            pace=run.pace,
        )
    except OSError as error:
        raise ConfigurationInvalid(
            f"cannot listen for the operator on port {exchange.port}: {error}"
        ) from error
    if exchange.port == 0:
        # No line of the log but an answer to whoever started us, whatever the log's level.
        logs.to_stdout([log_line(time.time(), "INFO", "exchange", {"port": server.port})])
    return server
