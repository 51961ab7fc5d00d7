"""An execution that is to stop, has ended, or is being deleted: nothing of it may stay behind."""

from datetime import datetime, timedelta

from datasync_api.conditions import Reason
from datasync_api.execution import Phase
from datasync_operator.cluster.port import CLAIMS, EXECUTIONS, JOBS, VOLUMES
from datasync_operator.decide import naming
from datasync_operator.decide.finalizers import finalizers
from datasync_operator.decide.plan import Action, Delete, Plan
from datasync_operator.decide.running import LAUNCH_SECONDS, conclude
from datasync_operator.decide.status import say
from datasync_operator.decide.view import ExecutionView


def cancel(seen: ExecutionView, *, now: datetime) -> Plan:
    """Stop the Job and wait until no pod of it writes any more.

    | phase | Job | pods live | step |
    |---|---|---|---|
    | Held | any | no | Cancelled |
    | other | none | no | Cancelled |
    | other | finished | no | its own end: it was faster than the wish |
    | any | any | yes | Cancelling: delete the Job, wait |
    | other | running | no | Cancelling: delete the Job, wait |
    """
    if not seen.pods_live:
        if seen.job is None or seen.execution.phase is Phase.HELD:
            status = say(
                seen.execution,
                Reason.CANCELLED,
                "cancelled as asked; what was transferred stays, the next run goes on from there",
                now=now,
                standing="Stopped",
            )
            changes = {"phase": Phase.CANCELLED, "end_time": now, "hold": None}
            return Plan(status=status.model_copy(update=changes), requeue_after_seconds=0.0)
        if seen.job.finished:
            return conclude(seen, seen.job, now=now)
    status = say(seen.execution, Reason.CANCEL_REQUESTED, "the runner is being stopped", now=now)
    return Plan(
        actions=_stop_job(seen),
        status=status.model_copy(update={"phase": Phase.CANCELLING}),
        requeue_after_seconds=LAUNCH_SECONDS,
    )


def clean_up(seen: ExecutionView, *, now: datetime) -> Plan:
    """Take away what is not needed after the end; delete the object when its time is up."""
    if naming.FINALIZER in seen.execution.metadata.finalizers:
        return _release(seen)
    ttl_seconds = seen.execution.spec.ttl_seconds_after_finished
    end = seen.execution.status.end_time
    if ttl_seconds is None or end is None:
        return Plan()
    left_seconds = (end + timedelta(seconds=ttl_seconds) - now).total_seconds()
    if left_seconds > 0:
        return Plan(requeue_after_seconds=left_seconds)
    meta = seen.execution.metadata
    return Plan(actions=[Delete(EXECUTIONS, meta.namespace, meta.name, meta.uid)])


def let_go(seen: ExecutionView) -> Plan:
    """Stop what runs before the object goes; without our finalizer it is not held back."""
    if naming.FINALIZER not in seen.execution.metadata.finalizers:
        return Plan()
    return _release(seen)


def _release(seen: ExecutionView) -> Plan:
    """Stop the Job, wait for its pods, delete the volumes, then drop the finalizer.

    A pod that has ended still holds its claims, and they their volumes.  So after success the Job
    goes with its volumes; after an error it stays for its log, and the volumes, marked for
    deletion, go with the execution.
    """
    unfinished = seen.job is not None and not seen.job.finished
    if unfinished or seen.pods_live:
        return Plan(actions=_stop_job(seen), requeue_after_seconds=LAUNCH_SECONDS)
    namespace = seen.execution.metadata.namespace
    actions: list[Action] = []
    if seen.volume_names and seen.job is not None and seen.execution.phase is Phase.SUCCESS:
        actions.append(Delete(JOBS, namespace, seen.job.name, seen.job.uid))
    for name in seen.volume_names:
        actions.append(Delete(CLAIMS, namespace, name))
        actions.append(Delete(VOLUMES, None, name))
    return Plan(actions=[*actions, *finalizers(seen.execution, set())], requeue_after_seconds=1.0)


def _stop_job(seen: ExecutionView) -> list[Action]:
    job = seen.job
    if job is None or job.deleting or job.finished:
        return []
    return [Delete(JOBS, seen.execution.metadata.namespace, job.name, job.uid)]
