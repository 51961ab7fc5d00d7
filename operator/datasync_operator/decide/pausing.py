"""An execution in a window that pauses its task: its Job is stopped, and it waits in the queue.

Stopped, not idle: a pod that waits for ten hours keeps connections, sessions and a node's memory.
The next attempt lists again and does what is left, as after any interruption.
"""

from datetime import datetime

from datasync_api.conditions import Reason
from datasync_api.execution import Phase
from datasync_operator.cluster.port import JOBS
from datasync_operator.decide.plan import Delete, Plan
from datasync_operator.decide.status import say
from datasync_operator.decide.view import ExecutionView
from datasync_operator.decide.views import JobView
from datasync_operator.decide.windows import paused


def pausing(seen: ExecutionView, now: datetime) -> str | None:
    """Why the run must not transfer now; None: it may."""
    return paused(seen.execution, seen.recipe.task, now=now) if seen.recipe else None


def pause(seen: ExecutionView, job: JobView, text: str, *, now: datetime) -> Plan:
    """Stop the Job; its pod has its grace period to leave nothing half-written."""
    return Plan(
        actions=[Delete(JOBS, seen.execution.metadata.namespace, job.name, job.uid)],
        status=say(seen.execution, Reason.PAUSED, text, now=now),
        requeue_after_seconds=1.0,
    )


def requeue(seen: ExecutionView, text: str, *, now: datetime) -> Plan:
    """Back into the queue, as an attempt that has not begun: its numbers come anew."""
    status = say(seen.execution, Reason.PAUSED, text, now=now)
    changes: dict[str, object] = {
        "phase": Phase.QUEUED,
        "failures": [],
        **dict.fromkeys(("job_uid", "progress", "counters", "result")),
    }
    return Plan(status=status.model_copy(update=changes), requeue_after_seconds=0.0)
