"""One step of a check: what it depends on, and what comes of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from datasync_api.agent import Agent
from datasync_api.conditions import Reason
from datasync_api.location_check import OngoingCheck
from datasync_api.preflight import LocationCheck
from datasync_operator.decide.ledger import Verdict
from datasync_operator.decide.plan import Action
from datasync_operator.decide.views import EventView, JobView, PodView

LOOK_SECONDS: Final = 2.0
QUEUE_SECONDS: Final = 5.0
"""As often as a run that waits: each look at the queue is one at a time, in the whole cluster."""


@dataclass(frozen=True, kw_only=True)
class CheckView:
    """What the next step of a check depends on, beside its location."""

    verdict: Verdict | None = None
    """Only while it is not launched."""
    agent: Agent | None = None
    """The one that it was launched on."""
    job: JobView | None = None
    pods: Sequence[PodView] = ()
    events: Sequence[EventView] = ()
    volume_names: Collection[str] = ()
    """PersistentVolumes that were made for it; looked up while it has no Job."""
    bindable_volumes: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """What to do, what the status says of the check then, and what was found out."""

    actions: Sequence[Action] = ()
    ongoing: OngoingCheck | None = None
    answered: str | None = None
    """The tag whose answer `found` is."""
    found: LocationCheck | None = None
    requeue_after_seconds: float | None = None


def held_up(
    going: OngoingCheck, obstacle: tuple[Reason, str], *, again_seconds: float = LOOK_SECONDS
) -> Step:
    """Said at once; of the time of the tag, so that what a run finds out meanwhile is later."""
    reason, message = obstacle
    found = LocationCheck(time=going.start_time, reason=reason, message=message[:1024])
    return Step(ongoing=going, found=found, requeue_after_seconds=again_seconds)


def answered(going: OngoingCheck, answer: tuple[Reason, str], now: datetime) -> Step:
    """The answer; what was made is taken away once that is written."""
    reason, message = answer
    return Step(
        ongoing=going,
        answered=going.tag,
        found=LocationCheck(time=now, reason=reason, message=message[:1024]),
        requeue_after_seconds=0.0,
    )


def past(since: datetime, seconds: int, now: datetime) -> bool:
    """Whether a deadline of so many seconds has passed."""
    return now - since > timedelta(seconds=seconds)
