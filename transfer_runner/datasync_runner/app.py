"""The composition root: a plan's file in, a result's file and an exit code out."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from datasync_api.exit_codes import ExitCode
from datasync_api.plan import Exchange, TransferPlan, cost_of
from datasync_api.report import ReportDelivery, RunnerPhase, TransferResult
from datasync_runner import checksums, logs
from datasync_runner.core.log_lines import log_line
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.cores import usable_cpus, usable_memory_bytes, worker_count
from datasync_runner.engine.end import STOPPED, End, completed, stopped_by
from datasync_runner.engine.exchange import ExchangeServer
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.pool import Pool, fork_workers
from datasync_runner.engine.pool_worker import work
from datasync_runner.engine.progress import Board
from datasync_runner.engine.report_files import ReportFiles
from datasync_runner.engine.stops import stop_of
from datasync_runner.engine.task_report import TaskReport
from datasync_runner.log_delivery import Delivery
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.errors import ConfigurationInvalid
from datasync_runner.storage.factory import (
    Means,
    make_manifest_storage,
    make_report_storage,
    make_storages,
    requests_sent,
)
from datasync_runner.storage.throttle import Throttle
from datasync_runner.tuning import tune

_log = logging.getLogger(__name__)
STOP_SECONDS: Final = 8
"""How long an asked-for stop waits for what is in flight."""
FLUSH_SECONDS: Final = 15.0
"""How long the end of the log may take on its way to CloudWatch Logs."""
FLUSH_WHEN_STOPPED_SECONDS: Final = 5.0
REPORT_SECONDS: Final = 300.0
"""How long what is left of the task report may take on its way to its place."""
REPORT_WHEN_STOPPED_SECONDS: Final = 8.0
MAX_CONNECTIONS: Final = 256
"""To one side, over all processes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one plan; the exit code is the contract's."""
    parser = argparse.ArgumentParser(prog="datasync-runner", description=__doc__)
    parser.add_argument("--plan", required=True, type=Path, help="the TransferPlan, JSON")
    parser.add_argument("--result", required=True, type=Path, help="where the result is written")
    options = parser.parse_args(arguments)
    log = logs.Log()
    logs.configure(log.write)
    logs.set_level("Basic")  # until it is known what the task asks for
    tune()
    began = datetime.now(UTC)
    try:
        plan = TransferPlan.model_validate_json(options.plan.read_bytes())
    except (OSError, ValidationError) as error:
        problem = f"the plan {options.plan} cannot be read: {error}"
        stop = ConfigurationInvalid(problem[:1000])
        board = Board("unknown", time.monotonic, began=time.monotonic())
        return _conclude(options.result, board, began, stopped_by(stop))
    board = Board(
        plan.execution.uid,
        time.monotonic,
        began=time.monotonic(),
        writes=plan.mode == "Transfer",
    )
    board.on_phase = _tell_phase
    logs.set_level(plan.options.log_level)
    run = _Run.of(plan, board, log, began)
    board.files = FileEvents.of(plan, board.tally, log.write, keep=board.keep)
    delivery = _deliver(plan, log)  # has a thread, so after the workers
    end, report = asyncio.run(_supervise(run, began))
    return _conclude(options.result, board, began, end, plan=plan, delivery=delivery, report=report)


def _deliver(plan: TransferPlan, log: logs.Log) -> Delivery | None:
    """Send the log to CloudWatch Logs as well, where that is asked for and there is one."""
    if plan.cloud_watch is None or plan.options.log_level == "Off":
        return None
    from datasync_runner.cloudwatch import CloudWatchLogStream  # loads botocore's client

    delivery = Delivery(CloudWatchLogStream(plan.cloud_watch))
    log.listen(delivery.write)
    return delivery


@dataclass(frozen=True)
class _Run:
    """One run of a plan, and what its processes share."""

    plan: TransferPlan
    board: Board
    throttle: Throttle
    pool: Pool | None
    means: Callable[[ByteBudget], Means]
    report: TaskReport | None

    @classmethod
    def of(cls, plan: TransferPlan, board: Board, log: logs.Log, began: datetime) -> "_Run":
        """Fork the workers, while there is neither a thread nor a connection."""
        throttle = Throttle(plan.options.bytes_per_second)
        count = 1
        if plan.mode == "Transfer":  # a dry run moves nothing
            count = worker_count(cpus=usable_cpus(), memory_bytes=usable_memory_bytes())
        if count > 1 and plan.baseline is None:  # no earlier run has succeeded: much is to be moved
            checksums.load()
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


async def _supervise(run: _Run, began: datetime) -> tuple[End, ReportDelivery | None]:
    """The run, until it ends or is asked to stop, and its report."""
    if run.report is not None:
        run.report.begin()
    end = await _until_its_end(run)
    if run.report is None:
        return end, None
    seconds = REPORT_WHEN_STOPPED_SECONDS if end.code is ExitCode.STOPPED else REPORT_SECONDS
    result = _result(run.board, began, datetime.now(UTC), end)
    return end, await run.report.conclude(result, within_seconds=seconds)


async def _until_its_end(run: _Run) -> End:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.create_task(_run(run))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        running.cancel()
        await asyncio.wait({running}, timeout=STOP_SECONDS)
        return STOPPED
    stopping.cancel()
    return running.result()


async def _run(run: _Run) -> End:
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


def _listen(exchange: Exchange, run: _Run) -> ExchangeServer:
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


def _tell_phase(phase: RunnerPhase) -> None:
    _log.info("phase", extra={"fields": {"phase": phase}})


def _conclude(
    path: Path,
    board: Board,
    began: datetime,
    end: End,
    *,
    plan: TransferPlan | None = None,
    delivery: Delivery | None = None,
    report: ReportDelivery | None = None,
) -> int:
    """Write the result, and again with what became of the log, for that takes a while to know."""
    result = _result(board, began, datetime.now(UTC), end).model_copy(update={"report": report})
    if plan is not None:
        result = _priced(plan, result)
    told = result.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"version", "execution_uid"}
    )
    _log.info("finished", extra={"fields": {"exitCode": int(end.code), **told}})
    try:
        _leave(path, result)
        if delivery is not None:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)  # the run is over, and this is short
            told = delivery.close(_flush_seconds(end.code))
            _leave(path, result.model_copy(update={"log_delivery": told}))
    except OSError:
        _log.exception("the result cannot be written")
        return ExitCode.HOPELESS
    sys.stdout.flush()
    return end.code


def _priced(plan: TransferPlan, result: TransferResult) -> TransferResult:
    sides = [plan.source, plan.destination]
    if plan.report is not None:
        sides.insert(0, plan.report.destination)
    if plan.manifest_place is not None and plan.manifest_place.side is not None:
        sides.insert(0, plan.manifest_place.side)
    cost = cost_of(result.requests, *sides)
    return result.model_copy(update={"estimated_cost": cost})


def _leave(path: Path, result: TransferResult) -> None:
    """The file is the container's termination log: opened, never replaced."""
    path.write_text(result.termination_message(), "utf-8")


def _flush_seconds(code: ExitCode) -> float:
    return FLUSH_WHEN_STOPPED_SECONDS if code is ExitCode.STOPPED else FLUSH_SECONDS


def _result(board: Board, began: datetime, ended: datetime, end: End) -> TransferResult:
    tally, now = board.tally, board.clock()
    prepared, moved = board.prepared_at, board.transferred_at
    all_verified = board.compared or tally.files_verified == tally.files_transferred
    verified = board.ended_at is not None and all_verified
    return TransferResult(
        execution_uid=board.execution_uid,
        mode="Transfer" if board.writes else "DryRun",
        outcome=end.outcome,
        prepare_status=tally.stage_status("prepare", reached=prepared is not None),
        transfer_status=tally.stage_status("transfer", reached=board.ended_at is not None),
        verify_status=tally.stage_status("verify", reached=verified),
        prepare_duration_ms=_ms(board.began, prepared or now),
        transfer_duration_ms=_ms(board.transfer_began, moved or now),
        verify_duration_ms=_ms(moved, board.ended_at or now),
        total_duration_ms=_ms(board.began, now),
        counters=tally.counters(),
        failures=tally.failures(),
        sizes=tally.size_classes(),
        skips=tally.skips(),
        error=end.error,
        reached=board.reached,
        hold=end.hold or board.hold,
        requests=dict(board.requests + tally.requests),
        baseline=board.baseline if end.outcome == "Success" else None,
        start_time=began,
        end_time=ended,
    )


def _ms(since: float | None, until: float) -> int:
    return 0 if since is None else max(0, round(1000 * (until - since)))
