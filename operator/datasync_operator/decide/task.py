"""One task: what it should start, what it should forget, and what its status says.

A run that the task starts has a deterministic name, so a slot or a trigger starts one run whatever
restarts in between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from datasync_api import API_VERSION, security_descriptors
from datasync_api.conditions import Condition, Reason, set_condition
from datasync_api.execution import Execution, Phase
from datasync_api.location import Location
from datasync_api.plan import nested, plan_side
from datasync_api.schedule import due_between, parse_schedule
from datasync_api.task import LastExecution, Task, TaskState, TaskStatus
from datasync_operator.cluster.port import EXECUTIONS
from datasync_operator.decide import naming
from datasync_operator.decide.order import ring_problem
from datasync_operator.decide.plan import Action, Create, Delete, Plan
from datasync_operator.decide.volumes import places

_RESYNC_SECONDS: Final = 300.0
_UNREADY_SECONDS: Final = 10.0
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class TaskView:
    """A task, its locations (by name, those that exist) and all executions of it."""

    task: Task
    locations: Mapping[str, Location]
    executions: Sequence[Execution]
    tasks: Mapping[str, Task] = field(default_factory=dict[str, Task])
    """All of the namespace by name, where this one runs after others."""


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


def decide_task(seen: TaskView, *, now: datetime) -> Plan:
    """Start what is due, delete what the history limits no longer keep, and tell the state."""
    task, status = seen.task, seen.task.status
    due = decide_schedule(task, seen.executions, now=now)
    actions: list[Action] = []
    if due.slot is not None:
        actions.append(_start(task, naming.scheduled(task.metadata.name, due.slot), "schedule"))
    trigger = status.last_trigger
    if task.spec.trigger and task.spec.trigger != trigger and not task.spec.suspend:
        meta = task.metadata
        name = naming.triggered(meta.name, meta.uid, meta.generation, task.spec.trigger)
        actions.append(_start(task, name, "trigger"))
        trigger = task.spec.trigger
    actions += [
        Delete(EXECUTIONS, run.metadata.namespace, run.metadata.name, run.metadata.uid)
        for run in outdated(task, seen.executions)
    ]
    ready = _ready(seen)
    told = _summary(status, seen.executions).model_copy(
        update={
            "observed_generation": task.metadata.generation,
            "status": task_state(seen.executions, ready=ready.status == "True"),
            "last_trigger": trigger,
            "last_schedule_time": due.last or status.last_schedule_time,
            "next_schedule_time": due.next,
            "missed_schedules": (status.missed_schedules or 0) + due.missed or None,
            "conditions": set_condition(status.conditions, ready, now=now),
        }
    )
    last = _last_condition(told, task.metadata.generation)
    told = told.model_copy(update={"conditions": set_condition(told.conditions, last, now=now)})
    waits = [_RESYNC_SECONDS if ready.status == "True" else _UNREADY_SECONDS]
    if due.next is not None:
        waits.append(max(0.0, (due.next - now).total_seconds()))
    return Plan(actions=actions, status=told, requeue_after_seconds=min(waits))


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


def _start(task: Task, name: str, started_by: str) -> Create:
    return Create(
        EXECUTIONS,
        task.metadata.namespace,
        {
            "apiVersion": API_VERSION,
            "kind": Execution.kind_name,
            "metadata": {
                "name": name,
                "namespace": task.metadata.namespace,
                "labels": {**naming.MANAGED_BY, naming.STARTED_BY_LABEL: started_by},
                "ownerReferences": [task.owner_reference()],
            },
            "spec": {"taskRef": {"name": task.metadata.name}},
        },
    )


def _ready(seen: TaskView) -> Condition:
    """Whether the task could run: its locations exist and fit, its schedule can be read."""
    spec, generation = seen.task.spec, seen.task.metadata.generation
    refs = (spec.source_location_ref.name, spec.destination_location_ref.name)
    missing = [name for name in refs if name not in seen.locations]
    problem = spec.schedule.problem() if spec.schedule else None
    reason, message = Reason.VALID, "the task can run"
    if missing:
        reason = Reason.LOCATION_NOT_FOUND
        message = f"no DataSyncLocation {', '.join(missing)} in this namespace: create it"
    elif problem:
        reason, message = Reason.INVALID_SPEC, f"schedule: {problem}"
    elif found := spec.filter_problem():
        reason, message = Reason.INVALID_SPEC, ": ".join(found)
    elif ring := ring_problem(seen.task, seen.tasks):
        reason, message = Reason.INVALID_SPEC, ring
    else:
        source, destination = (seen.locations[name].spec for name in refs)
        one = plan_side(source, places("source"))
        other = plan_side(destination, places("destination"))
        if nested(one, other):
            reason = Reason.INVALID_SPEC
            message = (
                f"{destination.uri} and {source.uri} lie within each other: choose a destination "
                "outside of the source"
            )
        elif found := security_descriptors.problem(spec.options, one, other):
            reason, message = Reason.INVALID_SPEC, found
    return Condition(
        type="Ready",
        status="True" if reason is Reason.VALID else "False",
        reason=reason,
        message=message,
        observed_generation=generation,
    )


def _summary(status: TaskStatus, executions: Sequence[Execution]) -> TaskStatus:
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


def _last_condition(status: TaskStatus, generation: int) -> Condition:
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


def _jitter(task: Task, limit_seconds: int) -> timedelta:
    """The same delay each time for one task, different from one task to the next."""
    digest = naming.short_hash(f"{task.metadata.namespace}/{task.metadata.name}")
    return timedelta(seconds=int(digest, 16) % (limit_seconds + 1))


def _order(run: Execution) -> tuple[bool, bool, datetime, str]:
    """What runs, before what waits, before what is held."""
    created = run.metadata.creation_timestamp or _NEVER
    return (not run.phase.active, run.phase is Phase.HELD, created, run.metadata.name)


def _ended(run: Execution) -> tuple[datetime, str]:
    return (run.status.end_time or _NEVER, run.metadata.name)
