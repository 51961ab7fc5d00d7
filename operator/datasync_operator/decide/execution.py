"""One execution, one step closer to its end.

Every path ends: what is waited for has a deadline, what is tried again has a limit, and a missing
result is an error.  Terminal phases never change.
"""

from datetime import datetime

from datasync_api.execution import Phase
from datasync_operator.decide.ending import cancel, clean_up, let_go
from datasync_operator.decide.holding import hold_on
from datasync_operator.decide.pausing import pause, pausing
from datasync_operator.decide.plan import Plan
from datasync_operator.decide.queueing import wait_or_start
from datasync_operator.decide.running import LAUNCH_SECONDS, conclude, follow, launch
from datasync_operator.decide.view import ExecutionView
from datasync_operator.settings import Settings


def decide_execution(seen: ExecutionView, settings: Settings, *, now: datetime) -> Plan:
    """Bring one execution one step closer to done.

    | deleted | phase | cancel | Job | step |
    |---|---|---|---|---|
    | yes | any | any | any | let_go: stop the Job, clean up, drop the finalizer |
    | no | terminal | any | any | clean_up; delete after the ttl |
    | no | other | yes | any | cancel |
    | no | Queued | no | - | wait_or_start |
    | no | Held | no | any | hold_on |
    | no | active | no | none | launch: the first attempt, or the next one |
    | no | active | no | being deleted | wait |
    | no | active | no | finished | conclude |
    | no | active | no | running, in a window that pauses | pause: stop the Job |
    | no | active | no | running | follow |
    """
    execution, job = seen.execution, seen.job
    if execution.metadata.deletion_timestamp is not None:
        return let_go(seen)
    if execution.phase.terminal:
        return clean_up(seen, now=now)
    if execution.spec.cancel:
        return cancel(seen, now=now)
    if execution.phase is Phase.QUEUED:
        return wait_or_start(seen, settings, now=now)
    if execution.phase is Phase.HELD:
        return hold_on(seen, now=now)
    if job is None:
        return launch(seen, settings, now=now)
    if job.deleting:
        return Plan(requeue_after_seconds=LAUNCH_SECONDS)
    if job.finished:
        return conclude(seen, job, now=now)
    if text := pausing(seen, now):
        return pause(seen, job, text, now=now)
    return follow(seen, job, settings, now=now)
