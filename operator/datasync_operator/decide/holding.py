"""An execution that a guard holds: it runs nothing, has no slot, and waits for a person's word."""

from datetime import datetime
from typing import Final

from datasync_api.conditions import Reason
from datasync_api.execution import Phase
from datasync_api.hold import Hold
from datasync_operator.cluster.port import JOBS
from datasync_operator.decide.outcome import Outcome
from datasync_operator.decide.plan import Action, Delete, Plan
from datasync_operator.decide.status import end_now, say
from datasync_operator.decide.view import ExecutionView

_LOOK_SECONDS: Final = 30.0


def hold_on(seen: ExecutionView, *, now: datetime) -> Plan:
    """Wait for the token, as a suspended Job waits: without a deadline.

    | spec.acknowledge | a later run of the task | step |
    |---|---|---|
    | the token | any | Queued: the next attempt lists again and may delete as many |
    | another's | Held, or good | Error: that run has judged anew, its own token counts |
    | none | Held, or good | the same |
    | another's | none, or not so far | say that it is the token of another hold |
    | none | none, or not so far | say how to go on |
    """
    execution, hold = seen.execution, seen.execution.status.hold
    if hold is None:
        text = "status.hold was removed from outside, so nobody can acknowledge it: start anew"
        return end_now(seen, Outcome(Reason.INTERNAL_ERROR, text), now)
    given = execution.spec.acknowledge
    if given == hold.token:
        return _go_on(seen, hold, now=now)
    detail = execution.status.result.error_detail if execution.status.result else None
    if later := _successor(seen):
        text = f"{detail}; execution {later} of this task has taken its place and judged anew"
        return end_now(seen, Outcome(hold.reason, text), now)
    how = f"to delete them all the same, set spec.acknowledge of this execution to {hold.token}"
    if given:
        how = f"spec.acknowledge {given} is the token of another hold; {how}"
    status = say(execution, hold.reason, f"{detail}; {how}", now=now, standing="Failed")
    return Plan(status=status, requeue_after_seconds=_LOOK_SECONDS)


def _go_on(seen: ExecutionView, hold: Hold, *, now: datetime) -> Plan:
    """Back into the queue, as an attempt that has not begun: its numbers come anew.

    The Job that was held goes: its pod would keep the volumes of the next.
    """
    execution, job = seen.execution, seen.job
    actions: list[Action] = []
    if job is not None and not job.deleting:
        actions.append(Delete(JOBS, execution.metadata.namespace, job.name, job.uid))
    text = f"{hold.deletions} deletions are acknowledged; the run goes on"
    status = say(execution, Reason.WAITING_FOR_SLOT, text, now=now)
    changes: dict[str, object] = {
        "phase": Phase.QUEUED,
        "acknowledged": hold.token,
        "failures": [],
        **dict.fromkeys(("hold", "job_uid", "progress", "counters", "result")),
    }
    return Plan(
        actions=actions, status=status.model_copy(update=changes), requeue_after_seconds=0.0
    )


def _successor(seen: ExecutionView) -> str | None:
    """A transfer of the task that left the queue later and got as far as judging its deletions."""
    mine = seen.execution.status.launch_time
    if seen.ledger is None or mine is None:
        return None
    for run in seen.ledger.executions:
        began = run.status.launch_time
        same = run.spec.task_ref.name == seen.execution.spec.task_ref.name
        judged = run.phase is Phase.HELD or run.phase.good
        transfers = run.spec.mode == "Transfer"
        if same and judged and transfers and began is not None and began > mine:
            return run.metadata.name
    return None
