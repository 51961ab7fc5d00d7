"""From a key to everything its decision needs: fresh reads through the Cluster port.

Nothing is cached: what an informer remembers can be stale, and a decision on stale state starts a
run twice.
"""

from datetime import datetime

from datasync_api.agent import Agent
from datasync_api.execution import Execution
from datasync_api.location import Location
from datasync_api.task import Task
from datasync_operator.cluster.port import (
    AGENTS,
    EXECUTIONS,
    LOCATIONS,
    NODES,
    TASKS,
    Cluster,
)
from datasync_operator.decide.agent import AgentView, counts_as_queued
from datasync_operator.decide.ledger import Ledger
from datasync_operator.decide.location import LocationView
from datasync_operator.decide.task import TaskView
from datasync_operator.decide.view import ExecutionView
from datasync_operator.decide.views import NodeView
from datasync_operator.exchange import Exchange
from datasync_operator.keys import ObjectKey
from datasync_operator.objects import Objects, by_name
from datasync_operator.observe_check import observe_check
from datasync_operator.observe_run import RunObserver


class Observer:
    """Reads of one cluster, and of the runner pods in it."""

    def __init__(self, cluster: Cluster, exchange: Exchange, *, clusterwide: bool) -> None:
        self._cluster = cluster
        self._clusterwide = clusterwide
        self._objects = Objects(cluster, clusterwide=clusterwide)
        self._run = RunObserver(cluster, exchange, self._objects, clusterwide=clusterwide)

    async def agent(self, key: ObjectKey) -> AgentView:
        """An agent, the nodes and its runs. Raises: NotFound."""
        agent = await self._objects.get(AGENTS, Agent, key.namespace, key.name)
        nodes = None
        if self._clusterwide:
            nodes = [NodeView.parse(node) for node in await self._cluster.list(NODES, None)]
        ledger = await self._objects.ledger(key.namespace)
        queued = sum(1 for run in ledger.executions if _waits_for(run, key.name, ledger))
        return AgentView(agent, nodes, ledger.executions, queued)

    async def location(self, key: ObjectKey) -> LocationView:
        """A location, what is beside it in its namespace, and its CSI driver. Raises: NotFound."""
        location = await self._objects.get(LOCATIONS, Location, key.namespace, key.name)
        agents = await self._cluster.list(AGENTS, key.namespace)
        tasks = await self._objects.all(TASKS, Task, key.namespace)
        return LocationView(
            location=location,
            agents={agent["metadata"]["name"] for agent in agents},
            used_by={task.metadata.name for task in tasks if _refers_to(task, key.name)},
            missing_drivers=await self._objects.missing_drivers([location]),
            executions=await self._objects.all(EXECUTIONS, Execution, key.namespace),
            check=await observe_check(
                self._cluster, self._objects, location, clusterwide=self._clusterwide
            ),
        )

    async def task(self, key: ObjectKey) -> TaskView:
        """A task, its locations and its executions. Raises: NotFound."""
        task = await self._objects.get(TASKS, Task, key.namespace, key.name)
        locations = await self._objects.all(LOCATIONS, Location, key.namespace)
        executions = await self._objects.all(EXECUTIONS, Execution, key.namespace)
        return TaskView(
            task,
            {location.metadata.name: location for location in locations},
            [run for run in executions if run.spec.task_ref.name == key.name],
            by_name(await self._objects.all(TASKS, Task, key.namespace))
            if task.spec.run_after
            else {},
        )

    async def execution(self, key: ObjectKey, *, now: datetime) -> tuple[ExecutionView, str]:
        """An execution with all its next step needs, and the version it was seen at.

        Raises: NotFound.
        """
        return await self._run(key, now=now)


def _waits_for(run: Execution, agent: str, ledger: Ledger) -> bool:
    return counts_as_queued(run) and agent in ledger.agents_for(run)


def _refers_to(task: Task, location: str) -> bool:
    return location in task.spec.location_names()
