"""From a key to everything its decision needs: fresh reads through the Cluster port.

Nothing is cached: what an informer remembers can be stale, and a decision on stale state starts a
run twice.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from pydantic import ValidationError

from datasync_api.agent import Agent
from datasync_api.conditions import Reason
from datasync_api.execution import Execution, Phase
from datasync_api.location import Location
from datasync_api.meta import Resource
from datasync_api.overrides import OverridesInvalidError, overridden
from datasync_api.rate import UNLIMITED
from datasync_api.report import Progress
from datasync_api.task import Task
from datasync_api.task_report import report_location
from datasync_operator.cluster.errors import NotFound
from datasync_operator.cluster.port import (
    AGENTS,
    CSI_DRIVERS,
    EVENTS,
    EXECUTIONS,
    JOBS,
    LOCATIONS,
    NODES,
    PODS,
    TASKS,
    VOLUMES,
    Cluster,
    Manifest,
    ResourceType,
)
from datasync_operator.decide import naming
from datasync_operator.decide.agent import AgentView, counts_as_queued
from datasync_operator.decide.drivers import driver_names
from datasync_operator.decide.ledger import Ledger, candidates
from datasync_operator.decide.location import LocationView
from datasync_operator.decide.manifests import Recipe
from datasync_operator.decide.rate import rate_in_force
from datasync_operator.decide.task import TaskView
from datasync_operator.decide.view import ExecutionView
from datasync_operator.decide.views import EventView, JobView, NodeView, PodView
from datasync_operator.decide.windows import window_now
from datasync_operator.exchange import Exchange
from datasync_operator.keys import Kind, ObjectKey

_R = TypeVar("_R", bound=Resource)


_KINDS: Final = {
    Kind.AGENT: AGENTS,
    Kind.LOCATION: LOCATIONS,
    Kind.TASK: TASKS,
    Kind.EXECUTION: EXECUTIONS,
}


async def list_keys(cluster: Cluster, namespaces: Sequence[str]) -> list[ObjectKey]:
    """Every object of our kinds, in these namespaces or, where none is named, in all."""
    keys: list[ObjectKey] = []
    for kind, resource in _KINDS.items():
        for namespace in namespaces or (None,):
            for manifest in await cluster.list(resource, namespace):
                meta = manifest["metadata"]
                keys.append(ObjectKey(kind, meta["namespace"], meta["name"]))
    return keys


def build_models() -> None:
    """Build what objects of the cluster are read into, before the loop that it would hold up.

    pydantic builds a model when it is first used, and looks into installed packages for plugins.
    """
    for model in (Agent, Location, Task, Execution):
        model.model_rebuild()


class Observer:
    """Reads of one cluster, and of the runner pods in it."""

    def __init__(self, cluster: Cluster, exchange: Exchange, *, clusterwide: bool) -> None:
        self._cluster = cluster
        self._exchange = exchange
        self._clusterwide = clusterwide

    async def agent(self, key: ObjectKey) -> AgentView:
        """An agent, the nodes and its runs. Raises: NotFound."""
        agent = await self._get(AGENTS, Agent, key.namespace, key.name)
        nodes = None
        if self._clusterwide:
            nodes = [NodeView.parse(node) for node in await self._cluster.list(NODES, None)]
        ledger = await self._ledger(key.namespace)
        queued = sum(1 for run in ledger.executions if _waits_for(run, key.name, ledger))
        return AgentView(agent, nodes, ledger.executions, queued)

    async def location(self, key: ObjectKey) -> LocationView:
        """A location, what is beside it in its namespace, and its CSI driver. Raises: NotFound."""
        location = await self._get(LOCATIONS, Location, key.namespace, key.name)
        agents = await self._cluster.list(AGENTS, key.namespace)
        tasks = await self._all(TASKS, Task, key.namespace)
        return LocationView(
            location=location,
            agents={agent["metadata"]["name"] for agent in agents},
            used_by={task.metadata.name for task in tasks if _refers_to(task, key.name)},
            missing_drivers=await self._missing_drivers([location]),
            executions=await self._all(EXECUTIONS, Execution, key.namespace),
        )

    async def task(self, key: ObjectKey) -> TaskView:
        """A task, its locations and its executions. Raises: NotFound."""
        task = await self._get(TASKS, Task, key.namespace, key.name)
        locations = await self._all(LOCATIONS, Location, key.namespace)
        executions = await self._all(EXECUTIONS, Execution, key.namespace)
        return TaskView(
            task,
            {location.metadata.name: location for location in locations},
            [run for run in executions if run.spec.task_ref.name == key.name],
            _by_name(await self._all(TASKS, Task, key.namespace)) if task.spec.run_after else {},
        )

    async def execution(self, key: ObjectKey, *, now: datetime) -> tuple[ExecutionView, str]:
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
        ledger = await self._ledger(key.namespace) if waits else None
        if run.phase is Phase.QUEUED:
            seen = ExecutionView(execution=run, recipe=recipe, missing=missing, ledger=ledger)
            return seen, version
        job = await self._job(run)
        labels = {naming.EXECUTION_UID_LABEL: run.metadata.uid}
        pods = [
            PodView.parse(pod)
            for pod in await self._cluster.list(PODS, key.namespace, labels=labels)
        ]
        volumes = await self._volumes(run, job)
        sharers = await self._sharers(run, recipe)
        seen = ExecutionView(
            execution=run,
            recipe=recipe,
            missing=missing,
            ledger=ledger,
            job=job,
            pods=pods,
            events=await self._events(key.namespace, job, pods),
            progress=await self._progress(pods, run, _rate(run, recipe, sharers, now)),
            sharers=sharers,
            token=self._exchange.token(run.metadata.uid),
            volume_names=[volume["metadata"]["name"] for volume in volumes],
            bindable_volumes=[
                volume["metadata"]["name"]
                for volume in volumes
                if volume.get("status", {}).get("phase") in ("Available", "Bound")
            ],
        )
        return seen, version

    async def _recipe(self, run: Execution) -> tuple[Recipe | None, tuple[Reason, str] | None]:
        namespace, name = run.metadata.namespace, run.spec.task_ref.name
        try:
            task = await self._get(TASKS, Task, namespace, name)
        except NotFound:
            text = f"no DataSyncTask {name} in this namespace: create it, or correct spec.taskRef"
            return None, (Reason.TASK_NOT_FOUND, text)
        try:
            spec = overridden(task.spec, run.spec.overrides)
        except OverridesInvalidError as error:
            return None, (Reason.INVALID_SPEC, str(error))
        task = task.model_copy(update={"spec": spec})
        ends: list[Location] = []
        report = task.spec.report if run.spec.mode == "Transfer" else None
        refs = [task.spec.source_location_ref, task.spec.destination_location_ref]
        if report is not None and report.location_ref is not None:
            refs.append(report.location_ref)
        for ref in refs:
            try:
                ends.append(await self._get(LOCATIONS, Location, namespace, ref.name))
            except NotFound:
                text = f"no DataSyncLocation {ref.name} in this namespace: create it"
                return None, (Reason.LOCATION_NOT_FOUND, text)
        agent = None
        if run.status.resolved is not None and run.status.resolved.agent is not None:
            chosen = run.status.resolved.agent
            try:
                agent = await self._get(AGENTS, Agent, namespace, chosen)
            except NotFound:
                text = f"its DataSyncAgent {chosen} was deleted: create it again and start anew"
                return None, (Reason.AGENT_NOT_FOUND, text)
        place = report_location(report, ends[2] if ends[2:] else None) if report else None
        return Recipe(task, ends[0], ends[1], agent, place), None

    async def _ledger(self, namespace: str) -> Ledger:
        executions = await self._all(EXECUTIONS, Execution, namespace)
        tasks = await self._all(TASKS, Task, namespace)
        locations = await self._all(LOCATIONS, Location, namespace)
        agents = await self._all(AGENTS, Agent, namespace)
        missing = await self._missing_drivers(locations)
        return Ledger(
            executions, _by_name(tasks), _by_name(locations), _by_name(agents), missing or ()
        )

    async def _missing_drivers(self, locations: Iterable[Location]) -> set[str] | None:
        """CSI drivers that these need and that are not installed; None: we may not look."""
        if not self._clusterwide:
            return None
        missing: set[str] = set()
        for name in driver_names(location.spec for location in locations):
            try:
                await self._cluster.get(CSI_DRIVERS, None, name)
            except NotFound:
                missing.add(name)
        return missing

    async def _job(self, run: Execution) -> JobView | None:
        name = naming.job(run.metadata.name, run.metadata.uid, run.status.attempts or 1)
        try:
            return JobView.parse(await self._cluster.get(JOBS, run.metadata.namespace, name))
        except NotFound:
            return None

    async def _events(
        self, namespace: str, job: JobView | None, pods: Sequence[PodView]
    ) -> list[EventView]:
        """Warnings about the Job and about pods that do not run: only they need an explanation."""
        waiting = [pod.uid for pod in pods if pod.phase == "Pending" and not pod.deleting]
        if job is None or job.finished or any(pod.running for pod in pods):
            return []
        found: list[Manifest] = []
        for uid in waiting or [job.uid]:
            fields = {"involvedObject.uid": uid, "type": "Warning"}
            found += await self._cluster.list(EVENTS, namespace, fields=fields)
        return [EventView.parse(event) for event in found]

    async def _sharers(self, run: Execution, recipe: Recipe | None) -> int:
        """Runs that share the ceiling of the run's agent; 1 where it has none."""
        agent = recipe.agent if recipe else None
        if agent is None or agent.spec.bytes_per_second == UNLIMITED:
            return 1
        executions = await self._all(EXECUTIONS, Execution, run.metadata.namespace)
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

    async def _get(self, resource: ResourceType, model: type[_R], namespace: str, name: str) -> _R:
        return model.model_validate(await self._cluster.get(resource, namespace, name))

    async def _all(self, resource: ResourceType, model: type[_R], namespace: str) -> list[_R]:
        """All objects that this version can read; one that it cannot must not stop the others."""
        found: list[_R] = []
        for raw in await self._cluster.list(resource, namespace):
            try:
                found.append(model.model_validate(raw))
            except ValidationError:
                continue
        return found


def _rate(run: Execution, recipe: Recipe | None, sharers: int, now: datetime) -> int | None:
    if recipe is None:
        return rate_in_force(run)
    return recipe.rate(run, window=window_now(recipe.task, now=now), sharers=sharers)


def _transfers_on(run: Execution, agent: Agent) -> bool:
    resolved = run.status.resolved
    here = resolved is not None and resolved.agent == agent.metadata.name
    return here and run.phase.active and run.spec.mode == "Transfer"


def _waits_for(run: Execution, agent: str, ledger: Ledger) -> bool:
    task = ledger.tasks.get(run.spec.task_ref.name)
    if task is None or not counts_as_queued(run):
        return False
    source = ledger.locations.get(task.spec.source_location_ref.name)
    destination = ledger.locations.get(task.spec.destination_location_ref.name)
    if source is None or destination is None:
        return False
    return agent in (candidates(source, destination) or ())


def _refers_to(task: Task, location: str) -> bool:
    spec = task.spec
    refs = [spec.source_location_ref, spec.destination_location_ref]
    if spec.report is not None and spec.report.location_ref is not None:
        refs.append(spec.report.location_ref)
    return location in [ref.name for ref in refs]


def _by_name(objects: Iterable[_R]) -> dict[str, _R]:
    return {one.metadata.name: one for one in objects}
