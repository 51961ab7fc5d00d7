"""From the end of a runner to the status of an execution: pure, and never a success by default.

| exit code | result | interrupted | phase | reason |
|---|---|---|---|---|
| 0 | Success | any | Success | Succeeded |
| 0 | CompletedWithErrors | any | CompletedWithErrors | the result's |
| 0 | Error | any | Error | the result's, or FilesFailed |
| 12 | Held, with its hold | any | Held | the hold's |
| 31 | any | yes | Cancelled | Cancelled |
| any | none, or not ours | any | Error | ResultMissing |
| other | any | any | Error | the result's, or by the exit code |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from datasync_api.conditions import Condition, Reason, set_condition
from datasync_api.execution import (
    ExecutionStatus,
    Phase,
    Resolved,
)
from datasync_api.execution_progress import ExecutionProgress, ExecutionResult
from datasync_api.exit_codes import KILLED, ExitCode
from datasync_api.hold import Hold
from datasync_api.report import (
    RunError,
    TransferResult,
    accomplished,
    log_condition,
    report_condition,
    throughput,
)

OF_A_STATUS: Final = (Condition, Resolved, ExecutionProgress, ExecutionResult, ExecutionStatus)
"""The models that a status needs; those inside come first."""
_BY_EXIT_CODE: dict[int, Reason] = {
    ExitCode.CONFIGURATION: Reason.CONFIGURATION_INVALID,
    ExitCode.CREDENTIALS: Reason.CREDENTIALS_REFUSED,
    ExitCode.TRANSIENT: Reason.RETRIES_EXHAUSTED,
    ExitCode.STOPPED: Reason.CANCELLED,
}
_KILLED = (KILLED, -9)  # as a shell says it, and as a parent process sees it


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a runner ended, as seen from outside."""

    exit_code: int
    result: TransferResult | None
    interrupted: bool
    deadline_seconds: int | None
    """The deadline that passed, if one did."""
    last_words: Sequence[str]


def judge(ending: Ending) -> tuple[Phase, RunError | None]:
    """The last phase, and why when it is not Success."""
    result, code = ending.result, ending.exit_code
    outcome = result.outcome if result is not None and code == ExitCode.DONE else None
    if outcome == "Success":
        return Phase.SUCCESS, None
    if outcome == "CompletedWithErrors" and result is not None and result.error is not None:
        return Phase.COMPLETED_WITH_ERRORS, result.error
    if code == ExitCode.GUARD and result is not None and result.hold is not None:
        return Phase.HELD, _with_the_next_step(result.error, result.hold)
    if ending.deadline_seconds is not None:
        detail = f"still active after deadlineSeconds: {ending.deadline_seconds}; allow more time"
        return Phase.ERROR, RunError(code=Reason.DEADLINE_EXCEEDED, detail=detail)
    if ending.interrupted:
        detail = "interrupted; run the same command again to transfer what is missing"
        return Phase.CANCELLED, RunError(code=Reason.CANCELLED, detail=detail)
    if result is None:
        words = " | ".join(line for line in ending.last_words if line)[-700:]
        if code in _KILLED:
            detail = "the runner was killed, most likely for lack of memory: give it more"
            return Phase.ERROR, RunError(code=Reason.OUT_OF_MEMORY, detail=detail)
        detail = f"the runner ended with exit code {code} and left no result; its last words: "
        return Phase.ERROR, RunError(code=Reason.RESULT_MISSING, detail=detail + (words or "none"))
    if result.error is not None:
        return Phase.ERROR, result.error
    if failed := result.counters.files_failed.total() + result.counters.folders_failed.total():
        detail = f"{failed} items failed; see the failure classes"
        return Phase.ERROR, RunError(code=Reason.FILES_FAILED, detail=detail)
    reason = _BY_EXIT_CODE.get(code, Reason.INTERNAL_ERROR)
    detail = f"the runner ended with exit code {code}, outcome {result.outcome}, and no reason"
    return Phase.ERROR, RunError(code=reason, detail=detail)


def _with_the_next_step(error: RunError | None, hold: Hold) -> RunError:
    how = f"to delete them all the same, run it again with --acknowledge {hold.token}"
    detail = f"{error.detail[: 1000 - len(how)]}; {how}" if error else how
    return RunError(code=hold.reason, detail=detail)


def make_status(
    ending: Ending, *, resolved: Resolved, started: datetime, ended: datetime
) -> ExecutionStatus:
    """The status that an execution on a cluster would end with."""
    phase, error = judge(ending)
    result = ending.result
    if error is not None:
        message = error.detail
    else:
        assert result is not None  # noqa: S101 - there is no success without a result
        message = accomplished(result)
    ready = Condition(
        type="Ready",
        status="True" if phase.good else "False",
        reason=error.code if error else Reason.SUCCEEDED,
        message=message,
    )
    return ExecutionStatus(
        phase=phase,
        start_time=started,
        launch_time=started,
        end_time=ended,
        attempts=1,
        resolved=resolved,
        hold=result.hold if result else None,
        progress=_progress(result, phase, ended) if result else None,
        counters=result.counters if result else None,
        requests=(result.requests or None) if result else None,
        estimated_cost=result.estimated_cost if result else None,
        result=ExecutionResult.of(
            result, error.code if error else None, error.detail if error else None
        ),
        failures=result.failures if result else [],
        report=result.report if result else None,
        skips=result.skips if result else [],
        conditions=_conditions(ready, result, ended),
    )


def _conditions(
    ready: Condition, result: TransferResult | None, ended: datetime
) -> tuple[Condition, ...]:
    found = set_condition((), ready, now=ended)
    if result is None:
        return found
    for told in (log_condition(result), report_condition(result)):
        if told is not None:
            found = set_condition(found, told, now=ended)
    return found


def _progress(result: TransferResult, phase: Phase, ended: datetime) -> ExecutionProgress:
    return ExecutionProgress.of(result.counters, now=ended).model_copy(
        update={
            "bytes_per_second": throughput(result),
            "percent": 100 if phase is Phase.SUCCESS else None,
            "source": "Final",
        }
    )
