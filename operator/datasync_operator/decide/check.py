"""A location that is looked at without a run, one step closer to the answer.

As with a task's trigger a tag is answered once, whatever restarts: what goes on is in the status
before anything is made, what is made has names of its own, and the answer is written together with
the tag.  Every path ends: to leave the queue, to start and to answer have a deadline each.
"""

from datetime import datetime
from typing import Final

from datasync_api.conditions import Reason
from datasync_api.location import Location
from datasync_api.location_check import OngoingCheck
from datasync_operator.cluster.port import CLAIMS, JOBS, VOLUMES
from datasync_operator.decide.check_answer import answer_of
from datasync_operator.decide.check_job import ANSWER_SECONDS, job_name
from datasync_operator.decide.check_launch import launch
from datasync_operator.decide.check_step import (
    LOOK_SECONDS,
    QUEUE_SECONDS,
    CheckView,
    Step,
    answered,
    held_up,
    past,
)
from datasync_operator.decide.ledger import Waiting
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.plan import Action, Delete
from datasync_operator.decide.startup import Startup, diagnose
from datasync_operator.decide.views import JobView
from datasync_operator.settings import Settings

_OBSTACLE_SECONDS: Final = 120
"""How long an obstacle of the location's own may last, while the check's pod has the slot."""
_STILL_SECONDS: Final = 45
"""A mount that fails for good has failed again by then: the kubelet's pauses double from 0.5 s."""
_ITS_OWN: Final = (Reason.CREDENTIALS_MISSING, Reason.MOUNT_FAILED)
_GOING: Final = (Reason.LAUNCHING, Reason.RETRYING)
"""What is no obstacle yet."""


def is_asked(location: Location) -> bool:
    """Whether there is a tag that was not answered yet."""
    tag, meta = location.spec.check, location.metadata
    return bool(tag) and tag != location.status.last_check and meta.deletion_timestamp is None


def current(location: Location) -> OngoingCheck | None:
    """The check that goes on, where it is of the tag and the spec as they are now."""
    known, meta = location.status.ongoing_check, location.metadata
    if not is_asked(location) or known is None:
        return None
    of_now = (known.tag, known.generation) == (location.spec.check, meta.generation)
    return known if of_now else None


def decide_check(location: Location, seen: CheckView, settings: Settings, *, now: datetime) -> Step:
    """Bring the check one step closer to its answer.

    | the tag | status.ongoingCheck | launched | its Job | step |
    |---|---|---|---|---|
    | none, or answered | none | - | - | nothing |
    | none, or answered | any | any | any | take away what was made for it, forget it |
    | new | of another tag or spec | any | any | the same, then as where there is none |
    | new | none, or its own | no | - | wait for an agent, a slot, a driver; or launch |
    | new | its own | yes | none | make its volume and its Job |
    | new | its own | yes | being deleted | wait |
    | new | its own | yes | runs | wait, and say what keeps its pod from starting |
    | new | its own | yes | finished | the answer |
    | new | its own | any | not finished, past its deadline | the answer: why there is none |
    """
    known, going = location.status.ongoing_check, current(location)
    if not is_asked(location):
        if known is None:
            return Step()
        return Step(actions=_taken_away(location, known, settings))
    if going is None and known is not None:
        actions = _taken_away(location, known, settings)
        return Step(actions=actions, requeue_after_seconds=0.0)
    if going is None or going.launch_time is None:
        return _wait_or_launch(location, going, seen, settings, now)
    if seen.job is None:
        return launch(location, going, seen, settings, now)
    if seen.job.finished:
        uid = Owner.of_check(location, going).uid
        return answered(going, answer_of(seen.job, seen.pods, uid, agent=going.agent), now)
    return _follow(going, going.launch_time, seen.job, seen, settings, now)


def _wait_or_launch(
    location: Location,
    going: OngoingCheck | None,
    seen: CheckView,
    settings: Settings,
    now: datetime,
) -> Step:
    """Take a slot, which is written before anything is made, or say why there is none."""
    going = going or OngoingCheck(
        tag=location.spec.check, generation=location.metadata.generation, start_time=now
    )
    verdict = seen.verdict
    assert verdict is not None  # noqa: S101 - observed for every check that is not launched
    if isinstance(verdict, Waiting):
        if past(going.start_time, settings.launch_deadline_seconds, now):
            text = f"not looked at within {settings.launch_deadline_seconds} s: {verdict.message}"
            return answered(going, (verdict.reason, text), now)
        obstacle = verdict.reason, verdict.message
        return held_up(going, obstacle, again_seconds=QUEUE_SECONDS)
    launched = {"launch_time": now, "agent": verdict.agent}
    return Step(ongoing=going.model_copy(update=launched), requeue_after_seconds=0.0)


def _follow(
    going: OngoingCheck,
    launched: datetime,
    job: JobView,
    seen: CheckView,
    settings: Settings,
    now: datetime,
) -> Step:
    """Wait for a Job that goes on.

    | its pod | deadline | step |
    |---|---|---|
    | not started, a share does not let its user in | any | the answer: CredentialsRefused |
    | not started, no Secret or no mount | _OBSTACLE_SECONDS past its node | the answer: that |
    | not started | within the launch deadline | say why, where there is an obstacle |
    | not started | past it | the answer: that obstacle, or LaunchDeadlineExceeded |
    | runs | within ANSWER_SECONDS of when it was seen to | wait |
    | runs | past them | the answer: LocationUnreachable |
    """
    waiting = None if job.deleting else diagnose(job, seen.pods, seen.events)
    start_seconds = settings.launch_deadline_seconds
    if waiting is not None and waiting.reason is Reason.CREDENTIALS_REFUSED:
        # Each try of the kubelet is a logon, and enough of them lock the account of the user.
        return answered(going, (waiting.reason, waiting.message), now)
    if waiting is not None and (seconds := _in_vain(waiting, launched, start_seconds, now)):
        reason = Reason.LAUNCH_DEADLINE_EXCEEDED if waiting.reason in _GOING else waiting.reason
        text = f"no runner started within {seconds} s: {waiting.message}"
        return answered(going, (reason, text), now)
    if waiting is not None:
        still = going.model_copy(update={"run_time": None})  # it may be the pod of an evicted one
        if waiting.reason in _GOING:
            return Step(ongoing=still, requeue_after_seconds=LOOK_SECONDS)
        return held_up(still, (waiting.reason, waiting.message))
    since = going.run_time or now
    if past(since, ANSWER_SECONDS, now):
        text = (
            f"it did not answer within {ANSWER_SECONDS} s: check that the server is up, and that "
            "network policies and firewalls let the runner and the node reach it"
        )
        return answered(going, (Reason.LOCATION_UNREACHABLE, text), now)
    runs = going.model_copy(update={"run_time": since})
    return Step(ongoing=runs, requeue_after_seconds=LOOK_SECONDS)


def _in_vain(waiting: Startup, launched: datetime, start_seconds: int, now: datetime) -> int | None:
    """The deadline in seconds that has passed without a runner; None: it may start yet."""
    if past(launched, start_seconds, now):
        return start_seconds
    since, failed = waiting.mounts_since or launched, waiting.failed_last
    goes_on = failed is None or past(since, _STILL_SECONDS, failed)  # else it may be mounted by now
    if waiting.reason in _ITS_OWN and goes_on and past(since, _OBSTACLE_SECONDS, now):
        return _OBSTACLE_SECONDS
    return None


def _taken_away(location: Location, known: OngoingCheck, settings: Settings) -> list[Action]:
    """Deleted, and gone when its pod has ended; the next check has other names."""
    owner, namespace = Owner.of_check(location, known), location.metadata.namespace
    if known.launch_time is None:
        return []
    actions: list[Action] = [Delete(JOBS, namespace, job_name(owner))]
    if settings.clusterwide:  # there may be a volume: the spec may have changed since
        name = owner.volume("source")
        actions += [Delete(CLAIMS, namespace, name), Delete(VOLUMES, None, name)]
    return actions
