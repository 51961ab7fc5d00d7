"""The composition root: a plan's file in, a result's file and an exit code out."""

import argparse
import asyncio
import logging
import resource
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from pydantic import ValidationError

from datasync_api.conditions import Reason
from datasync_api.exit_codes import ExitCode
from datasync_api.plan import Exchange, TransferPlan
from datasync_api.report import RunError, TransferResult
from datasync_runner import logs
from datasync_runner.engine.exchange import ExchangeServer
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.storage.errors import ConfigurationInvalid, StopError
from datasync_runner.storage.factory import make_storages

_log = logging.getLogger(__name__)
STOP_SECONDS: Final = 8
"""How long an asked-for stop waits for what is in flight."""
PHASE_POLL_SECONDS: Final = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one plan; the exit code is the contract's."""
    parser = argparse.ArgumentParser(prog="datasync-runner", description=__doc__)
    parser.add_argument("--plan", required=True, type=Path, help="the TransferPlan, JSON")
    parser.add_argument("--result", required=True, type=Path, help="where the result is written")
    options = parser.parse_args(arguments)
    logs.configure()
    _raise_file_limit()
    began = datetime.now(UTC)
    try:
        plan = TransferPlan.model_validate_json(options.plan.read_bytes())
    except (OSError, ValidationError) as error:
        problem = f"the plan {options.plan} cannot be read: {error}"
        stop = ConfigurationInvalid(problem[:1000])
        board = Board("unknown", time.monotonic)
        return _conclude(options.result, board, began, ExitCode.CONFIGURATION, _said(stop))
    board = Board(plan.execution.uid, time.monotonic)
    board.began = board.clock()
    code, run_error = asyncio.run(_supervise(plan, board))
    return _conclude(options.result, board, began, code, run_error)


def _raise_file_limit() -> None:
    """Deep trees keep a descriptor a level."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))


async def _supervise(plan: TransferPlan, board: Board) -> tuple[ExitCode, RunError | None]:
    """The run, until it ends or is asked to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    run = asyncio.create_task(_run(plan, board))
    watcher = asyncio.create_task(_tell_phases(board))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({run, stopping}, return_when=asyncio.FIRST_COMPLETED)
    watcher.cancel()
    if not run.done():
        run.cancel()
        await asyncio.wait({run}, timeout=STOP_SECONDS)
        return ExitCode.STOPPED, None
    stopping.cancel()
    return run.result()


async def _run(plan: TransferPlan, board: Board) -> tuple[ExitCode, RunError | None]:
    exchange: ExchangeServer | None = None
    try:
        if plan.exchange is not None:
            exchange = _listen(plan.exchange, board)
        _log.info(
            "started",
            extra={"fields": {"source": plan.source.uri, "destination": plan.destination.uri}},
        )
        source, destination = make_storages(plan, started_ns=time.time_ns())
        try:
            await run_plan(plan, source, destination, board)
        finally:
            await source.close()
            await destination.close()
    except Exception as error:
        return _classify(error)
    finally:
        if exchange is not None:
            await asyncio.to_thread(exchange.close)
    return ExitCode.DONE, board.tally.run_error()


def _classify(error: Exception) -> tuple[ExitCode, RunError]:
    if isinstance(error, ExceptionGroup):
        error = _first(cast("ExceptionGroup[Exception]", error))
    if isinstance(error, StopError):
        return error.exit_code, _said(error)
    _log.error("crashed", exc_info=error)
    detail = f"{type(error).__name__}: {error}; this is a defect of the runner: see its log"
    return ExitCode.HOPELESS, RunError(code=Reason.INTERNAL_ERROR, detail=detail[:1024])


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """The stop that users can act on, wherever it is in the group; else the first error."""
    stops = group.subgroup(StopError)
    found: Exception = stops or group
    while isinstance(found, ExceptionGroup):
        found = cast("ExceptionGroup[Exception]", found).exceptions[0]
    return found


def _said(error: StopError) -> RunError:
    return RunError(code=error.reason, detail=error.message[:1024])


def _listen(exchange: Exchange, board: Board) -> ExchangeServer:
    try:
        token = Path(exchange.token_path).read_text("utf-8").strip()
        if not token:
            raise ConfigurationInvalid(f"the exchange's token {exchange.token_path} is empty")
        server = ExchangeServer(exchange.host, exchange.port, token=token, progress=board.progress)
    except OSError as error:
        raise ConfigurationInvalid(
            f"cannot listen for the operator on port {exchange.port}: {error}"
        ) from error
    if exchange.port == 0:
        _log.info("exchange", extra={"fields": {"port": server.port}})
    return server


async def _tell_phases(board: Board) -> None:
    told = ""
    while True:
        if board.phase != told:
            told = board.phase
            _log.info("phase", extra={"fields": {"phase": told}})
        await asyncio.sleep(PHASE_POLL_SECONDS)


def _conclude(
    path: Path, board: Board, began: datetime, code: ExitCode, error: RunError | None
) -> int:
    """Write the result.  The file is the container's termination log: opened, never replaced."""
    result = _result(board, began, datetime.now(UTC), code, error)
    text = result.termination_message()
    fields = {
        "outcome": result.outcome,
        "exitCode": int(code),
        "filesTransferred": board.tally.files_transferred,
        "filesFailed": board.tally.failure_count(),
        "error": error.model_dump(mode="json") if error else None,
    }
    _log.info("finished", extra={"fields": fields})
    try:
        path.write_text(text, "utf-8")
    except OSError:
        _log.exception("the result cannot be written")
        return ExitCode.HOPELESS
    sys.stdout.flush()
    return code


def _result(
    board: Board, began: datetime, ended: datetime, code: ExitCode, error: RunError | None
) -> TransferResult:
    tally, now = board.tally, board.clock()
    prepared, moved = board.prepared_at, board.transferred_at
    if code is ExitCode.STOPPED:
        outcome = "Stopped"
    else:
        outcome = "Error" if error or code is not ExitCode.DONE else "Success"
    verified = board.ended_at is not None and tally.files_verified == tally.files_transferred
    return TransferResult(
        execution_uid=board.execution_uid,
        outcome=outcome,
        prepare_status=tally.stage_status("prepare", reached=prepared is not None),
        transfer_status=tally.stage_status("transfer", reached=board.ended_at is not None),
        verify_status=tally.stage_status("verify", reached=verified),
        prepare_duration_ms=_ms(board.began, prepared or now),
        transfer_duration_ms=_ms(board.transfer_began, moved or now),
        verify_duration_ms=_ms(moved, board.ended_at or now),
        total_duration_ms=_ms(board.began, now),
        counters=tally.counters(),
        failures=tally.failures(),
        error=error,
        start_time=began,
        end_time=ended,
    )


def _ms(since: float | None, until: float) -> int:
    return 0 if since is None else max(0, round(1000 * (until - since)))
