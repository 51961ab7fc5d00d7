"""One task: what it should start, what it should forget, and what its status says.

A run that the task starts has a deterministic name, so a slot or a trigger starts one run whatever
restarts in between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from datasync_api import API_VERSION, security_descriptors
from datasync_api.conditions import Condition, Reason, set_condition
from datasync_api.execution import Execution
from datasync_api.location import Location
from datasync_api.manifest import not_of_objects
from datasync_api.side_pairs import nested
from datasync_api.sides import plan_side
from datasync_api.task import Task
from datasync_operator.cluster.port import EXECUTIONS
from datasync_operator.decide import naming
from datasync_operator.decide.order import ring_problem
from datasync_operator.decide.plan import Action, Create, Delete, Plan
from datasync_operator.decide.slots import decide_schedule
from datasync_operator.decide.task_runs import last_condition, outdated, summary, task_state
from datasync_operator.decide.volumes import places

_RESYNC_SECONDS: Final = 300.0
_UNREADY_SECONDS: Final = 10.0


@dataclass(frozen=True)
class TaskView:
    """A task, its locations (by name, those that exist) and all executions of it."""

    task: Task
    locations: Mapping[str, Location]
    executions: Sequence[Execution]
    tasks: Mapping[str, Task] = field(default_factory=dict[str, Task])
    """All of the namespace by name, where this one runs after others."""


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
    told = summary(status, seen.executions).model_copy(
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
    last = last_condition(told, task.metadata.generation)
    told = told.model_copy(update={"conditions": set_condition(told.conditions, last, now=now)})
    waits = [_RESYNC_SECONDS if ready.status == "True" else _UNREADY_SECONDS]
    if due.next is not None:
        waits.append(max(0.0, (due.next - now).total_seconds()))
    return Plan(actions=actions, status=told, requeue_after_seconds=min(waits))


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
    missing = [name for name in dict.fromkeys(spec.location_names()) if name not in seen.locations]
    listed = spec.transfer_manifest.s3 if spec.transfer_manifest else None
    problem = spec.schedule.problem() if spec.schedule else None
    reason, message = Reason.VALID, "the task can run"
    if missing:
        reason = Reason.LOCATION_NOT_FOUND
        message = f"no DataSyncLocation {', '.join(missing)} in this namespace: create it"
    elif listed and (what := not_of_objects(seen.locations[listed.location_ref.name])):
        reason, message = Reason.INVALID_SPEC, what
    elif problem:
        reason, message = Reason.INVALID_SPEC, f"schedule: {problem}"
    elif found := spec.filter_problem():
        reason, message = Reason.INVALID_SPEC, ": ".join(found)
    elif ring := ring_problem(seen.task, seen.tasks):
        reason, message = Reason.INVALID_SPEC, ring
    else:
        source = seen.locations[spec.source_location_ref.name].spec
        destination = seen.locations[spec.destination_location_ref.name].spec
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
