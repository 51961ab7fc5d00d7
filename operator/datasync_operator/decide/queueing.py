"""An execution that waits: for what it refers to, for an agent, for a slot; then it starts."""

from datetime import datetime, timedelta
from typing import Final

from datasync_api import security_descriptors
from datasync_api.conditions import Reason
from datasync_api.execution import Phase, Resolved, ResolvedLocation
from datasync_api.side_pairs import nested, reported_into
from datasync_operator.decide import naming
from datasync_operator.decide.finalizers import finalizers
from datasync_operator.decide.ledger import Admitted, Waiting
from datasync_operator.decide.order import ring_problem
from datasync_operator.decide.outcome import Outcome
from datasync_operator.decide.persistent_volumes import needs_volume
from datasync_operator.decide.plan import Plan
from datasync_operator.decide.recipe import Recipe
from datasync_operator.decide.status import end_now, say
from datasync_operator.decide.view import ExecutionView
from datasync_operator.settings import Settings

_QUEUE_SECONDS: Final = 5.0
_ENDING: Final = frozenset(
    {Reason.AGENT_NOT_FOUND, Reason.DRIVER_NOT_INSTALLED, Reason.TASK_NOT_FOUND}
)
"""What a run does not wait for beyond the launch deadline."""


def wait_or_start(seen: ExecutionView, settings: Settings, *, now: datetime) -> Plan:
    """Let the run wait with the reason in its condition, take a slot, or end it.

    | references | locations, filters and runAfter fit | taskQueueing | ledger | step |
    |---|---|---|---|---|
    | missing, within the launch deadline | - | - | - | wait |
    | missing, past it | - | - | - | Error |
    | there, and the overrides do not fit the task | - | - | - | Error |
    | there | no | - | - | Error |
    | there | yes | Disabled, another run goes | - | Error TaskBusy |
    | there | yes | any | no agent, CSI driver or task to run after exists, past it | Error |
    | there | yes | any | a task to run after has not succeeded, or a pause | wait, without an end |
    | there | yes | any | no room | wait |
    | there | yes | any | room | Launching |
    """
    execution = seen.execution
    asked = execution.status.start_time or execution.metadata.creation_timestamp or now
    overdue = now - asked > timedelta(seconds=settings.launch_deadline_seconds)
    if seen.recipe is None:
        reason, message = seen.dangling
        if overdue or reason is Reason.INVALID_SPEC:
            return end_now(seen, Outcome(reason, message), now)
        return _wait(seen, reason, message, now)
    if problem := _problem(seen, seen.recipe, settings) or _rival(seen, seen.recipe):
        return end_now(seen, problem, now)
    assert seen.ledger is not None  # noqa: S101 - observed for every queued execution
    if found := ring_problem(seen.recipe.task, seen.ledger.tasks):
        return end_now(seen, Outcome(Reason.INVALID_SPEC, found), now)
    verdict = seen.ledger.verdict(execution.metadata.uid, now=now)
    if isinstance(verdict, Waiting):
        if overdue and verdict.reason in _ENDING:
            return end_now(seen, Outcome(verdict.reason, verdict.message), now)
        return _wait(seen, verdict.reason, verdict.message, now)
    return _start(seen, seen.recipe, verdict, settings, now)


def _problem(seen: ExecutionView, recipe: Recipe, settings: Settings) -> Outcome | None:
    """What makes the run impossible, whoever runs it."""
    if found := recipe.task.spec.filter_problem():
        return Outcome(Reason.INVALID_SPEC, f"the task's {': '.join(found)}")
    if (
        (schedule := recipe.task.spec.schedule)
        and schedule.windows
        and (problem := schedule.problem())
    ):
        return Outcome(Reason.INVALID_SPEC, f"the task's schedule: {problem}")
    source, destination = recipe.source.spec, recipe.destination.spec
    plan = recipe.plan(seen.execution, settings)
    if nested(plan.source, plan.destination):
        return Outcome(
            Reason.INVALID_SPEC,
            f"{destination.uri} and {source.uri} lie within each other: the transfer would copy "
            "its own output; choose a destination outside of the source",
        )
    if found := security_descriptors.problem(plan.options, plan.source, plan.destination):
        return Outcome(Reason.INVALID_SPEC, found)
    if (report := plan.report) is not None and recipe.report is not None:
        for end in (plan.source, plan.destination):
            if reported_into(report.destination, end):
                return Outcome(
                    Reason.INVALID_SPEC,
                    f"the report would lie in {end.uri}, and the next run would transfer or delete "
                    "it: choose another prefix or location in the task's report",
                )
        if (claim := recipe.report.persistent_volume_claim) and claim.read_only:
            return Outcome(
                Reason.INVALID_SPEC,
                f"the location of the report {recipe.report.uri} is readOnly: set readOnly to "
                "false, or name another location",
            )
    if (claim := destination.persistent_volume_claim) and claim.read_only:
        return Outcome(
            Reason.INVALID_SPEC,
            f"the destination {destination.uri} is readOnly: set readOnly to false, or name "
            "another destination",
        )
    if len(accounts := recipe.service_accounts()) > 1:
        return Outcome(
            Reason.CONFLICTING_IDENTITIES,
            f"the run asks for several service accounts ({', '.join(sorted(accounts))}), a pod has "
            "one: use a credentialsSecretRef at one end",
        )
    if not settings.clusterwide:
        for end in recipe.sides().values():
            if needs_volume(end):
                return Outcome(
                    Reason.INVALID_SPEC,
                    "this installation watches single namespaces and may not make "
                    f"PersistentVolumes: make one for {end.uri} yourself and use a "
                    "persistentVolumeClaim location",
                )
    return None


def _rival(seen: ExecutionView, recipe: Recipe) -> Outcome | None:
    if recipe.task.spec.options.task_queueing == "Enabled" or seen.ledger is None:
        return None
    rival = seen.ledger.active_run_of(
        seen.execution.spec.task_ref.name, but=seen.execution.metadata.name
    )
    if rival is None:
        return None
    return Outcome(
        Reason.TASK_BUSY,
        f"execution {rival} of this task is active and taskQueueing is Disabled: start again when "
        "it has ended, or enable taskQueueing",
    )


def _wait(seen: ExecutionView, reason: Reason, message: str, now: datetime) -> Plan:
    known = seen.execution.status
    status = say(seen.execution, reason, message, now=now)
    changes = {"phase": Phase.QUEUED, "start_time": known.start_time or now}
    return Plan(status=status.model_copy(update=changes), requeue_after_seconds=_QUEUE_SECONDS)


def _start(
    seen: ExecutionView, recipe: Recipe, verdict: Admitted, settings: Settings, now: datetime
) -> Plan:
    """Take the slot: written before anything is created, so the ledger counts it."""
    execution = seen.execution
    plan = recipe.plan(execution, settings)
    status = say(execution, Reason.LAUNCHING, "the runner is being launched", now=now)
    changes = {
        "phase": Phase.LAUNCHING,
        "start_time": execution.status.start_time or now,
        "launch_time": now,
        "attempts": (execution.status.attempts or 0) + 1,
        "acknowledged": execution.status.acknowledged or execution.spec.acknowledge or None,
        "resolved": Resolved(
            task_generation=recipe.task.metadata.generation,
            mode=execution.spec.mode,
            source_uri=plan.source.uri,
            destination_uri=plan.destination.uri,
            source_location=ResolvedLocation.of(recipe.source.metadata),
            destination_location=ResolvedLocation.of(recipe.destination.metadata),
            agent=verdict.agent,
            bytes_per_second=recipe.task.spec.options.bytes_per_second,
            plan_hash=plan.hash(),
        ),
    }
    return Plan(
        actions=finalizers(execution, {naming.FINALIZER}),
        status=status.model_copy(update=changes),
        requeue_after_seconds=0.0,
    )
