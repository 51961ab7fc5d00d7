"""The composition root: a plan's file in, a result's file and an exit code out."""

import argparse
import asyncio
import logging
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from datasync_api.exit_codes import ExitCode
from datasync_api.plan import TransferPlan
from datasync_api.report import ReportDelivery, RunnerPhase, TransferResult
from datasync_api.side_pairs import cost_of
from datasync_runner import logs, signals
from datasync_runner.engine.end import End, stopped_by
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.progress import Board
from datasync_runner.log_delivery import Delivery
from datasync_runner.result import result_of
from datasync_runner.run import Run, supervise
from datasync_runner.storage.errors import ConfigurationInvalid
from datasync_runner.tuning import tune

_log = logging.getLogger(__name__)
FLUSH_SECONDS: Final = 15.0
"""How long the end of the log may take on its way to CloudWatch Logs."""
FLUSH_WHEN_STOPPED_SECONDS: Final = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one plan, or look at one location; the exit code is the contract's."""
    parser = argparse.ArgumentParser(prog="datasync-runner", description=__doc__)
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--plan", type=Path, help="the TransferPlan, JSON")
    wanted.add_argument("--check", type=Path, help="the CheckPlan, JSON: look at one location")
    parser.add_argument("--result", required=True, type=Path, help="where the result is written")
    options = parser.parse_args(arguments)
    log = logs.Log()
    logs.configure(log.write)
    logs.set_level("Basic")  # until it is known what the task asks for
    tune()
    began = datetime.now(UTC)
    if options.check is not None:
        return _check(options.check, options.result, began)
    try:
        plan = TransferPlan.model_validate_json(options.plan.read_bytes())
    except (OSError, ValidationError) as error:
        return _unreadable(options.plan, error, options.result, began)
    board = Board(
        plan.execution.uid,
        time.monotonic,
        began=time.monotonic(),
        writes=plan.mode == "Transfer",
    )
    board.on_phase = _tell_phase
    logs.set_level(plan.options.log_level)
    run = Run.of(plan, board, log, began)
    board.files = FileEvents.of(plan, board.tally, log.write, keep=board.keep)
    delivery = _deliver(plan, log)  # has a thread, so after the workers
    # No asyncio.run: it waits for threads, and one that hangs in a storage would keep the result.
    loop = asyncio.new_event_loop()
    end, report = loop.run_until_complete(supervise(run, began))
    return _conclude(options.result, board, began, end, plan=plan, delivery=delivery, report=report)


def _check(path: Path, result: Path, began: datetime) -> int:
    """Look at one location, and tell what was found."""
    from datasync_api.check_plan import CheckPlan  # what a run needs no more than what follows
    from datasync_runner.location_check import look

    try:
        plan = CheckPlan.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        return _unreadable(path, error, result, began)
    board = Board(plan.uid, time.monotonic, began=time.monotonic(), writes=False)
    end = asyncio.new_event_loop().run_until_complete(look(plan, board))
    return _conclude(result, board, began, end)


def _unreadable(plan: Path, error: OSError | ValidationError, result: Path, began: datetime) -> int:
    stop = ConfigurationInvalid(f"the plan {plan} cannot be read: {error}"[:1000])
    board = Board("unknown", time.monotonic, began=time.monotonic())
    return _conclude(result, board, began, stopped_by(stop))


def _deliver(plan: TransferPlan, log: logs.Log) -> Delivery | None:
    """Send the log to CloudWatch Logs as well, where that is asked for and there is one."""
    if plan.cloud_watch is None or plan.options.log_level == "Off":
        return None
    from datasync_runner.cloudwatch import CloudWatchLogStream  # loads botocore's client

    delivery = Delivery(CloudWatchLogStream(plan.cloud_watch))
    log.listen(delivery.write)
    return delivery


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
    result = result_of(board, began, datetime.now(UTC), end).model_copy(update={"report": report})
    if plan is not None:
        result = _priced(plan, result)
    told = result.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"version", "execution_uid"}
    )
    _log.info("finished", extra={"fields": {"exitCode": int(end.code), **told}})
    try:
        _leave(path, result)
        if delivery is not None:
            for number in signals.STOPS:
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
