"""From an execution to everything its next step needs: its recipe, its Job, pods and events, and
what its runner tells."""

from collections.abc import Sequence
from datetime import datetime

from datasync_api.agent import Agent
from datasync_api.conditions import Reason
from datasync_api.execution import Execution, Phase
from datasync_api.location import Location
from datasync_api.manifest import not_of_objects
from datasync_api.overrides import OverridesInvalidError, overridden
from datasync_api.rate import UNLIMITED
from datasync_api.report import Progress
from datasync_api.task import Task
from datasync_api.task_report import report_location
from datasync_operator.cluster.errors import NotFound
from datasync_operator.cluster.port import (
    AGENTS,
    EXECUTIONS,
    LOCATIONS,
    TASKS,
    VOLUMES,
    Cluster,
    Manifest,
)
from datasync_operator.decide import naming
from datasync_operator.decide.rate import rate_in_force
from datasync_operator.decide.recipe import Recipe
from datasync_operator.decide.view import ExecutionView
from datasync_operator.decide.views import JobView, PodView
from datasync_operator.decide.windows import window_now
from datasync_operator.exchange import Exchange
from datasync_operator.jobs import bindable, job_of, pods_of, warnings
from datasync_operator.keys import ObjectKey
from datasync_operator.objects import Objects


class RunObserver:
    """Reads of what one run is made from, and of what was made for it."""

    def __init__(
        self, cluster: Cluster, exchange: Exchange, objects: Objects, *, clusterwide: bool
    ) -> None:
        self._cluster = cluster
        self._exchange = exchange
        self._objects = objects
        self._clusterwide = clusterwide

    async def __call__(self, key: ObjectKey, *, now: datetime) -> tuple[ExecutionView, str]:
        """An execution with all its next step needs, and the version it was seen at.

        Raises: NotFound.
        """
        raw = await self._cluster.get(EXECUTIONS, key.namespace, key.name)
        run = Execution.model_validate(raw)
        version = run.metadata.resource_version
        at_rest = run.phase.terminal and naming.FINALIZER not in run.metadata.finalizers
        if at_rest:
            return ExecutionView(execution=run, recipe=None), version
        recipe, missing = await self._recipe(run)
        waits = run.phase in (Phase.QUEUED, Phase.HELD)
        ledger = await self._objects.ledger(key.namespace) if waits else None
        if run.phase is Phase.QUEUED:
            seen = ExecutionView(execution=run, recipe=recipe, missing=missing, ledger=ledger)
            return seen, version
        job = await self._job(run)
        labels = {naming.EXECUTION_UID_LABEL: run.metadata.uid}
        pods = await pods_of(self._cluster, key.namespace, labels)
        volumes = await self._volumes(run, job)
        sharers = await self._sharers(run, recipe)
        seen = ExecutionView(
            execution=run,
            recipe=recipe,
            missing=missing,
            ledger=ledger,
            job=job,
            pods=pods,
            events=await warnings(self._cluster, key.namespace, job, pods),
            progress=await self._progress(pods, run, _rate(run, recipe, sharers, now)),
            sharers=sharers,
            token=self._exchange.token(run.metadata.uid),
            volume_names=[volume["metadata"]["name"] for volume in volumes],
            bindable_volumes=bindable(volumes),
        )
        return seen, version

    async def _recipe(self, run: Execution) -> tuple[Recipe | None, tuple[Reason, str] | None]:
        namespace, name = run.metadata.namespace, run.spec.task_ref.name
        try:
            task = await self._objects.get(TASKS, Task, namespace, name)
        except NotFound:
            text = f"no DataSyncTask {name} in this namespace: create it, or correct spec.taskRef"
            return None, (Reason.TASK_NOT_FOUND, text)
        try:
            spec = overridden(task.spec, run.spec.overrides)
            places = run.spec.location_names(task.spec)
        except OverridesInvalidError as error:
            return None, (Reason.INVALID_SPEC, str(error))
        task = task.model_copy(update={"spec": spec})
        found: dict[str, Location] = {}
        report = task.spec.report if run.spec.mode == "Transfer" else None
        for place in places:
            try:
                found[place] = await self._objects.get(LOCATIONS, Location, namespace, place)
            except NotFound:
                text = f"no DataSyncLocation {place} in this namespace: create it"
                return None, (Reason.LOCATION_NOT_FOUND, text)
        listed = spec.transfer_manifest.s3 if spec.transfer_manifest else None
        if listed and (what := not_of_objects(found[listed.location_ref.name])):
            return None, (Reason.INVALID_SPEC, what)
        agent = None
        if run.status.resolved is not None and run.status.resolved.agent is not None:
            chosen = run.status.resolved.agent
            try:
                agent = await self._objects.get(AGENTS, Agent, namespace, chosen)
            except NotFound:
                text = f"its DataSyncAgent {chosen} was deleted: create it again and start anew"
                return None, (Reason.AGENT_NOT_FOUND, text)
        ref = report.location_ref if report else None
        return Recipe(
            task,
            found[spec.source_location_ref.name],
            found[spec.destination_location_ref.name],
            agent,
            report_location(report, found[ref.name] if ref else None) if report else None,
            found[listed.location_ref.name].spec if listed else None,
        ), None

    async def _job(self, run: Execution) -> JobView | None:
        name = naming.job(run.metadata.name, run.metadata.uid, run.status.attempts or 1)
        return await job_of(self._cluster, run.metadata.namespace, name)

    async def _sharers(self, run: Execution, recipe: Recipe | None) -> int:
        """Runs that share the ceiling of the run's agent; 1 where it has none."""
        agent = recipe.agent if recipe else None
        if agent is None or agent.spec.bytes_per_second == UNLIMITED:
            return 1
        executions = await self._objects.all(EXECUTIONS, Execution, run.metadata.namespace)
        return max(1, sum(1 for other in executions if _transfers_on(other, agent)))

    async def _progress(
        self, pods: Sequence[PodView], run: Execution, rate: int | None
    ) -> Progress | None:
        running = [pod for pod in pods if pod.running and pod.ip and not pod.deleting]
        if not running:
            return None
        newest = max(running, key=lambda pod: (pod.created, pod.name))
        return await self._exchange.ask(newest.ip, run.metadata.uid, bytes_per_second=rate)

    async def _volumes(self, run: Execution, job: JobView | None) -> Sequence[Manifest]:
        """Asked for before there is a Job that mounts them, and when they are to be deleted."""
        ending = run.phase.terminal or run.metadata.deletion_timestamp is not None
        if not (ending or job is None) or not self._clusterwide:
            return []
        labels = {naming.EXECUTION_UID_LABEL: run.metadata.uid}
        return await self._cluster.list(VOLUMES, None, labels=labels)


def _rate(run: Execution, recipe: Recipe | None, sharers: int, now: datetime) -> int | None:
    if recipe is None:
        return rate_in_force(run)
    return recipe.rate(run, window=window_now(recipe.task, now=now), sharers=sharers)


def _transfers_on(run: Execution, agent: Agent) -> bool:
    resolved = run.status.resolved
    here = resolved is not None and resolved.agent == agent.metadata.name
    return here and run.phase.active and run.spec.mode == "Transfer"
