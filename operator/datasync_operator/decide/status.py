"""The words of an execution's status: three conditions that say one thing, and its end.

Ready, Reconciling and Stalled are what kstatus reads (sigs.k8s.io/cli-utils), and so Argo CD, Flux
and `kubectl wait`.
"""

from datetime import datetime
from typing import Literal

from datasync_api.conditions import MESSAGE_MAX_LENGTH, Condition, Reason, set_condition
from datasync_api.execution import Execution, ExecutionStatus, Phase
from datasync_api.execution_progress import ExecutionResult
from datasync_api.report import log_condition, report_condition
from datasync_operator.decide import progress
from datasync_operator.decide.outcome import Outcome
from datasync_operator.decide.plan import Plan
from datasync_operator.decide.preflight import with_result
from datasync_operator.decide.view import ExecutionView

Standing = Literal["Going", "Good", "Failed", "Stopped"]


def say(
    execution: Execution,
    reason: Reason,
    message: str,
    *,
    now: datetime,
    standing: Standing = "Going",
) -> ExecutionStatus:
    """The status with its conditions set.

    | standing | Ready | Reconciling | Stalled |
    |---|---|---|---|
    | Going | False | True | False |
    | Good | True | False | False |
    | Failed | False | False | True |
    | Stopped | False | False | False |
    """
    generation = execution.metadata.generation
    conditions = execution.status.conditions
    for type_, holds in (
        ("Ready", standing == "Good"),
        ("Reconciling", standing == "Going"),
        ("Stalled", standing == "Failed"),
    ):
        wanted = Condition(
            type=type_,
            status="True" if holds else "False",
            reason=reason,
            message=message[:MESSAGE_MAX_LENGTH],
            observed_generation=generation,
        )
        conditions = set_condition(conditions, wanted, now=now)
    return execution.status.model_copy(
        update={"observed_generation": generation, "conditions": conditions}
    )


def end_now(seen: ExecutionView, end: Outcome, now: datetime) -> Plan:
    """The plan that ends a run, and looks at once at what is to be cleaned up."""
    return Plan(status=ended(seen.execution, end, now=now), requeue_after_seconds=0.0)


def ended(execution: Execution, end: Outcome, *, now: datetime) -> ExecutionStatus:
    """The status of a run that came to its own end, or to where a guard holds it.

    | phase | standing | errorCode | endTime | hold |
    |---|---|---|---|---|
    | Success | Good | none | now | none |
    | CompletedWithErrors | Good: the task tolerates them | FilesFailed | now | none |
    | Error | Failed | the reason | now | none |
    | Held | Failed: it needs a person | the reason | none | the result's |

    A dry run's hold is what would be held back: it is kept at its end.
    """
    known = execution.status
    status = say(
        execution,
        end.reason,
        end.message,
        now=now,
        standing="Good" if end.phase.good else "Failed",
    )
    faultless = end.phase is Phase.SUCCESS
    changes: dict[str, object] = {
        "phase": end.phase,
        "start_time": known.start_time or now,
        "end_time": now if end.phase.terminal else None,
        "hold": end.result.hold if end.result is not None else None,
        "result": ExecutionResult.of(
            end.result,
            None if faultless else end.reason,
            None if faultless else end.message[:MESSAGE_MAX_LENGTH],
        ),
        "progress": progress.stale(known.progress),
    }
    if end.result is not None:
        changes["counters"] = end.result.counters
        changes["requests"] = end.result.requests or None
        changes["estimated_cost"] = end.result.estimated_cost
        changes["failures"] = end.result.failures
        changes["skips"] = end.result.skips
        changes["progress"] = progress.final(known.progress, end.result, now=now)
        changes["report"] = end.result.report
        changes["preflight"] = with_result(known.preflight, end.result, now=now)
        conditions = status.conditions
        for told in (log_condition(end.result), report_condition(end.result)):
            if told is not None:
                conditions = set_condition(conditions, told, now=now)
        changes["conditions"] = conditions
    return status.model_copy(update=changes)
