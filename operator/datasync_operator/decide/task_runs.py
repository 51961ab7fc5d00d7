"""A task's runs in short: its state, the current one and the last, and which to forget."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from datasync_api.conditions import Condition, Reason
from datasync_api.execution import Execution, Phase
from datasync_api.task import LastExecution, Task, TaskState, TaskStatus
from datasync_operator.decide import naming

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def task_state(executions: Sequence[Execution], *, ready: bool) -> TaskState:
    """AWS DataSync's task status.

    | a run is active | a run waits | ready | status |
    |---|---|---|---|
    | yes | any | any | Running |
    | no | yes | any | Queued |
    | no | no | yes | Available |
    | no | no | no | Unavailable |
    """
    if any(run.phase.active for run in executions):
        return "Running"
    if any(run.phase is Phase.QUEUED for run in executions):
        return "Queued"
    return "Available" if ready else "Unavailable"


def summary(status: TaskStatus, executions: Sequence[Execution]) -> TaskStatus:
    """The runs in short: the current one, the last that ended, and the failures in a row.

    | the run ended in | lastSuccessfulTime | consecutiveFailures |
    |---|---|---|
    | Success | its end | 0 |
    | CompletedWithErrors: tolerated, but the destination is not known to be whole | stays | 0 |
    | Error | stays | one more |
    | Cancelled | stays | stays |

    A dry run that has ended says nothing of the task's data, so it is passed over.
    """
    going = sorted((run for run in executions if not run.phase.terminal), key=_order)
    ended = sorted(
        (run for run in executions if run.phase.terminal and run.spec.mode == "Transfer"),
        key=_ended,
    )
    update: dict[str, object] = {"current_execution": going[0].metadata.name if going else None}
    known = status.last_execution
    for run in ended:
        end = run.status.end_time
        if known is not None and _ended(run) <= (known.end_time or _NEVER, known.name):
            continue
        known = _last(run)
        failures = update.get("consecutive_failures", status.consecutive_failures or 0)
        if run.phase.good:
            update["consecutive_failures"] = 0
            if run.phase is Phase.SUCCESS:
                update["last_successful_time"] = end
                if run.status.result is not None and run.status.result.baseline is not None:
                    update["baseline"] = run.status.result.baseline
        elif run.phase is Phase.ERROR:
            update["consecutive_failures"] = (failures if isinstance(failures, int) else 0) + 1
    return status.model_copy(update={**update, "last_execution": known})


def last_condition(status: TaskStatus, generation: int) -> Condition:
    """Whether the last execution succeeded; Unknown before one has ended."""
    last = status.last_execution
    if last is None:
        return Condition(
            type="LastExecutionSucceeded",
            status="Unknown",
            reason=Reason.NO_EXECUTION,
            message="no execution has ended yet",
            observed_generation=generation,
        )
    reason = {"Success": Reason.SUCCEEDED, "Cancelled": Reason.CANCELLED}.get(
        last.phase, Reason.FILES_FAILED
    )
    return Condition(
        type="LastExecutionSucceeded",
        status="True" if last.phase == "Success" else "False",
        reason=reason,
        message=f"execution {last.name} ended in {last.phase}",
        observed_generation=generation,
    )


def outdated(task: Task, executions: Sequence[Execution]) -> list[Execution]:
    """Ended runs beyond the history limits, oldest first; only those that the task started."""
    own = sorted(
        (
            run
            for run in executions
            if run.phase.terminal
            and run.metadata.deletion_timestamp is None
            and naming.FINALIZER not in run.metadata.finalizers
            and naming.STARTED_BY_LABEL in run.metadata.labels
            and any(ref.uid == task.metadata.uid for ref in run.metadata.owner_references)
        ),
        key=_ended,
    )
    good = [run for run in own if run.phase is Phase.SUCCESS]
    bad = [run for run in own if run.phase is not Phase.SUCCESS]
    keep_good = task.spec.successful_executions_history_limit
    keep_bad = task.spec.failed_executions_history_limit
    return good[: max(0, len(good) - keep_good)] + bad[: max(0, len(bad) - keep_bad)]


def _last(run: Execution) -> LastExecution:
    counters = run.status.counters
    return LastExecution(
        name=run.metadata.name,
        phase=run.phase,
        start_time=run.status.start_time,
        end_time=run.status.end_time,
        files_transferred=counters.files_transferred if counters else None,
        bytes_transferred=counters.bytes_transferred if counters else None,
    )


def _order(run: Execution) -> tuple[bool, bool, datetime, str]:
    """What runs, before what waits, before what is held."""
    created = run.metadata.creation_timestamp or _NEVER
    return (not run.phase.active, run.phase is Phase.HELD, created, run.metadata.name)


def _ended(run: Execution) -> tuple[datetime, str]:
    return (run.status.end_time or _NEVER, run.metadata.name)
