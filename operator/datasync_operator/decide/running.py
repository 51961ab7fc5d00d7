"""An execution that runs: its Job is made, followed, replaced when it vanishes, and read."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from datasync_api.conditions import Reason
from datasync_api.execution import Phase
from datasync_operator.cluster.port import CLAIMS, CONFIG_MAPS, JOBS, SECRETS, VOLUMES
from datasync_operator.decide import manifests, outcome, progress
from datasync_operator.decide.outcome import Outcome
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.pausing import pausing, requeue
from datasync_operator.decide.persistent_volumes import volume_and_claim
from datasync_operator.decide.plan import Action, Create, Plan
from datasync_operator.decide.preflight import with_reached, with_startup
from datasync_operator.decide.startup import Startup, diagnose
from datasync_operator.decide.status import end_now, ended, say
from datasync_operator.decide.view import ExecutionView
from datasync_operator.decide.views import JobView
from datasync_operator.decide.windows import window_now
from datasync_operator.settings import Settings

LAUNCH_SECONDS: Final = 2.0
_SUSPENDED_SECONDS: Final = 30.0
"""The Job's own change wakes us earlier."""
_BIND_SECONDS: Final = 0.2
_YOUNG: Final = timedelta(seconds=15)


def launch(seen: ExecutionView, settings: Settings, *, now: datetime) -> Plan:
    """Create the attempt's Job and what it mounts, or count an attempt whose Job vanished.

    Volumes come first: a claim that Kubernetes' volume controller sees before its volume is looked
    at again up to 15 s later.

    | for so long | volumes | step |
    |---|---|---|
    | any, in a window that pauses, its pods have ended | any | back into the queue |
    | past the launch deadline | any | Error: Kubernetes refuses something |
    | within it | none asked for, or all taken up | plan, token, claims, Job |
    | within it | else | create them, look again soon |
    """
    execution, recipe = seen.execution, seen.recipe
    if (text := pausing(seen, now)) and not seen.pods_live:
        return requeue(seen, text, now=now)
    if execution.status.job_uid is not None:
        return _relaunch(seen, now)
    if recipe is None:
        return end_now(seen, Outcome(*seen.dangling), now)
    if _refused_for_long(seen, settings, now):
        text = (
            f"Kubernetes refused for {settings.launch_deadline_seconds} s what the run needs (its "
            "plan, volumes or Job): look for the refusal in the operator's log, check quotas and "
            "admission policies of the namespace, then start the task again"
        )
        return end_now(seen, Outcome(Reason.LAUNCH_DEADLINE_EXCEEDED, text), now)
    namespace, owner = execution.metadata.namespace, Owner.of_run(execution)
    wanted = [
        pair
        for side, spec in recipe.sides().items()
        if (pair := volume_and_claim(owner, spec, side)) is not None
    ]
    names = [volume["metadata"]["name"] for volume, _ in wanted]
    if not all(name in seen.bindable_volumes for name in names):
        missing = [v for v, _ in wanted if v["metadata"]["name"] not in seen.volume_names]
        return Plan(
            actions=[Create(VOLUMES, None, volume) for volume in missing],
            requeue_after_seconds=_BIND_SECONDS,
        )
    plan = recipe.plan(
        execution, settings, window=window_now(recipe.task, now=now), sharers=seen.sharers
    )
    actions: list[Action] = [
        Create(CONFIG_MAPS, namespace, manifests.plan_config_map(execution, plan)),
        Create(SECRETS, namespace, manifests.token_secret(execution, seen.token)),
        *(Create(CLAIMS, namespace, claim) for _, claim in wanted),
    ]
    attempt = execution.status.attempts or 1
    actions.append(
        Create(JOBS, namespace, manifests.job(execution, recipe, settings, attempt=attempt))
    )
    return Plan(actions=actions, requeue_after_seconds=0.5)


def _refused_for_long(seen: ExecutionView, settings: Settings, now: datetime) -> bool:
    """Whether there has been nothing to follow since the start, or since the Job that vanished."""
    known = seen.execution.status
    last = known.progress.last_update_time if known.progress else None
    since = max((moment for moment in (known.launch_time, last) if moment), default=now)
    return now - since > timedelta(seconds=settings.launch_deadline_seconds)


def _relaunch(seen: ExecutionView, now: datetime) -> Plan:
    """The Job vanished: the next attempt, once its pods have ended.

    | pods live | attempts ≤ retry.limit | step |
    |---|---|---|
    | yes | any | wait: two pods must not write to one destination |
    | no | yes | next attempt |
    | no | no | Error RetriesExhausted |
    """
    if seen.pods_live:
        return Plan(requeue_after_seconds=LAUNCH_SECONDS)
    limit = seen.recipe.task.spec.retry.limit if seen.recipe else 0
    attempts = seen.execution.status.attempts or 1
    if attempts > limit:
        text = (
            f"the run's Job was deleted from outside and retry.limit ({limit}) is used up: start "
            "the task again"
        )
        return end_now(seen, Outcome(Reason.RETRIES_EXHAUSTED, text), now)
    text = "the run's Job was deleted from outside; the run starts anew"
    status = say(seen.execution, Reason.RETRYING, text, now=now)
    changes = {"attempts": attempts + 1, "job_uid": None}
    return Plan(status=status.model_copy(update=changes), requeue_after_seconds=0.0)


def follow(seen: ExecutionView, job: JobView, settings: Settings, *, now: datetime) -> Plan:
    """Keep up with a Job that runs.

    | runner pod | exchange | step |
    |---|---|---|
    | not started, a share does not let its user in | - | Error CredentialsRefused, at once |
    | not started, within the launch deadline | - | say why |
    | not started, past it | - | Error with that reason |
    | none, the Job is suspended | - | say so, without a deadline |
    | runs | answers | its phase and numbers; Error NoProgress when they stand still too long |
    | runs | again within the pace, in the same phase | nothing: a status wakes us again |
    | runs | silent | the last numbers, said to be Stale |
    """
    waiting = diagnose(job, seen.pods, seen.events)
    if waiting is not None:
        return _starting(seen, job, waiting, settings, now)
    waiting_for = seen.progress.waiting if seen.progress is not None else ""
    status = say(seen.execution, Reason.RUNNING, waiting_for or "the runner runs", now=now)
    known = seen.execution.status
    if seen.progress is None:
        changes = {"job_uid": job.uid, "progress": progress.stale(known.progress)}
        return Plan(status=status.model_copy(update=changes), requeue_after_seconds=1.0)
    recipe = seen.recipe
    verifying = recipe is None or recipe.task.spec.options.verify_mode != "None"
    told = progress.advance(known, seen.progress, verifying=verifying, now=now)
    moved = told.last_progress_time or now
    if now - moved > timedelta(seconds=settings.stall_deadline_seconds):
        text = (
            f"no number moved for {settings.stall_deadline_seconds} s: a storage server may hang; "
            "check it, then start the task again"
        )
        return end_now(seen, Outcome(Reason.NO_PROGRESS, text), now)
    changes = {
        "phase": Phase(seen.progress.phase),
        "job_uid": job.uid,
        "progress": told,
        "counters": seen.progress.counters,
        "preflight": with_reached(known.preflight, seen.progress.reached, now=now),
    }
    # Soon again while a run is young, so that a short one is seen too; then at the set pace.
    young = known.launch_time is not None and now - known.launch_time < _YOUNG
    pace = float(settings.exchange_interval_seconds)
    wait = min(1.0, pace) if young else pace
    if _told_within(wait, seen, now):
        return Plan(requeue_after_seconds=wait)
    return Plan(status=status.model_copy(update=changes), requeue_after_seconds=wait)


def _told_within(seconds: float, seen: ExecutionView, now: datetime) -> bool:
    """Whether the status already says so much of this phase that more would only be noise."""
    known = seen.execution.status
    if known.progress is None or known.progress.last_update_time is None or seen.progress is None:
        return False
    same = known.phase == seen.progress.phase and known.progress.source == "Live"
    return same and now - known.progress.last_update_time < timedelta(seconds=seconds)


def _starting(
    seen: ExecutionView, job: JobView, waiting: Startup, settings: Settings, now: datetime
) -> Plan:
    deadline_seconds = settings.launch_deadline_seconds
    found = with_startup(seen.execution.status.preflight, waiting, now=now)
    known = seen.execution.status.model_copy(update={"preflight": found})
    seen = replace(seen, execution=seen.execution.model_copy(update={"status": known}))
    if waiting.reason is Reason.CREDENTIALS_REFUSED:
        # Each try of the kubelet is a logon, and enough of them lock the account of the user.
        return end_now(seen, Outcome(waiting.reason, waiting.message), now)
    if waiting.overdue(now, deadline_seconds):
        reason = waiting.reason
        if reason in (Reason.LAUNCHING, Reason.RETRYING):
            reason = Reason.LAUNCH_DEADLINE_EXCEEDED
        text = f"no runner started within {deadline_seconds} s: {waiting.message}"
        return end_now(seen, Outcome(reason, text), now)
    status = say(seen.execution, waiting.reason, waiting.message, now=now)
    changes: dict[str, object] = {"job_uid": job.uid}
    if waiting.reason is Reason.SUSPENDED:
        # Its runner is stopped and begins anew: that no number moves meanwhile is no stall.
        changes |= dict.fromkeys(("progress", "counters"))
        return Plan(
            status=status.model_copy(update=changes), requeue_after_seconds=_SUSPENDED_SECONDS
        )
    return Plan(status=status.model_copy(update=changes), requeue_after_seconds=LAUNCH_SECONDS)


def conclude(seen: ExecutionView, job: JobView, *, now: datetime) -> Plan:
    """Read the result of a Job that has finished."""
    end = outcome.conclude(job, seen.pods, seen.execution.metadata.uid)
    status = ended(seen.execution, end, now=now)
    return Plan(status=status.model_copy(update={"job_uid": job.uid}), requeue_after_seconds=0.0)
