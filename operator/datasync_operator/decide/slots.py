"""Which slot of a task's schedule is to be started now, and which have passed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from datasync_api.execution import Execution, Phase
from datasync_api.schedule import due_between, parse_schedule
from datasync_api.task import Task
from datasync_operator.decide import naming


@dataclass(frozen=True)
class Due:
    """What the schedule says at one moment."""

    slot: datetime | None = None
    """A slot to start now."""
    last: datetime | None = None
    """The latest slot that has been dealt with, started or not."""
    next: datetime | None = None
    missed: int = 0
    """Slots newly passed over."""


def decide_schedule(task: Task, executions: Sequence[Execution], *, now: datetime) -> Due:
    """What the schedule asks for now.

    | slot | late by | suspended | a scheduled run waits | answer |
    |---|---|---|---|---|
    | none since the last look | - | - | - | next only |
    | one | ≤ startingDeadlineSeconds | no | no | start it |
    | one | more | no | no | missed |
    | one | any | yes | any | passed over, uncounted |
    | one | any | no | yes | missed: two runs that wait would do the same work |
    | several | the latest ≤ deadline | no | no | start the latest, the others missed |
    """
    schedule = task.spec.schedule
    if schedule is None or schedule.status == "Disabled" or schedule.problem():
        return Due()
    parsed = parse_schedule(schedule.expression, schedule.time_zone)
    anchor = task.metadata.creation_timestamp or now
    jitter = _jitter(task, schedule.jitter_seconds)
    after = task.status.last_schedule_time or anchor
    slot, passed_over = due_between(parsed, after, now - jitter, anchor=anchor)
    upcoming = parsed.after(max(slot or after, now - jitter), anchor=anchor)
    following = upcoming + jitter if upcoming else None
    if slot is None:
        return Due(next=following)
    if task.spec.suspend:
        return Due(last=slot, next=following)
    late = now - (slot + jitter) > timedelta(seconds=schedule.starting_deadline_seconds)
    waits = any(
        run.phase is Phase.QUEUED
        and run.metadata.labels.get(naming.STARTED_BY_LABEL) == "schedule"
        and run.metadata.name != naming.scheduled(task.metadata.name, slot)
        for run in executions
    )
    if late or waits:
        return Due(last=slot, next=following, missed=passed_over + 1)
    return Due(slot=slot, last=slot, next=following, missed=passed_over)


def _jitter(task: Task, limit_seconds: int) -> timedelta:
    """The same delay each time for one task, different from one task to the next."""
    digest = naming.short_hash(f"{task.metadata.namespace}/{task.metadata.name}")
    return timedelta(seconds=int(digest, 16) % (limit_seconds + 1))
