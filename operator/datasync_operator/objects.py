"""Objects of our kinds as models: one, all of a namespace, and what queueing looks at.

Nothing is cached: what an informer remembers can be stale, and a decision on stale state starts a
run twice.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from pydantic import ValidationError

from datasync_api.agent import Agent
from datasync_api.execution import Execution
from datasync_api.location import Location
from datasync_api.meta import Resource
from datasync_api.task import Task
from datasync_operator.cluster.errors import NotFound
from datasync_operator.cluster.port import (
    AGENTS,
    CSI_DRIVERS,
    EXECUTIONS,
    LOCATIONS,
    TASKS,
    Cluster,
    ResourceType,
)
from datasync_operator.decide.drivers import driver_names
from datasync_operator.decide.ledger import Ledger
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


class Objects:
    """Fresh reads of one cluster's objects."""

    def __init__(self, cluster: Cluster, *, clusterwide: bool) -> None:
        self._cluster = cluster
        self._clusterwide = clusterwide

    async def get(self, resource: ResourceType, model: type[_R], namespace: str, name: str) -> _R:
        """One object.  Raises: NotFound."""
        return model.model_validate(await self._cluster.get(resource, namespace, name))

    async def all(self, resource: ResourceType, model: type[_R], namespace: str) -> list[_R]:
        """All objects that this version can read; one that it cannot must not stop the others."""
        found: list[_R] = []
        for raw in await self._cluster.list(resource, namespace):
            try:
                found.append(model.model_validate(raw))
            except ValidationError:
                continue
        return found

    async def ledger(self, namespace: str) -> Ledger:
        """All that who may run now depends on."""
        executions = await self.all(EXECUTIONS, Execution, namespace)
        tasks = await self.all(TASKS, Task, namespace)
        locations = await self.all(LOCATIONS, Location, namespace)
        agents = await self.all(AGENTS, Agent, namespace)
        missing = await self.missing_drivers(locations)
        return Ledger(
            executions, by_name(tasks), by_name(locations), by_name(agents), missing or ()
        )

    async def missing_drivers(self, locations: Iterable[Location]) -> set[str] | None:
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


def by_name(objects: Iterable[_R]) -> dict[str, _R]:
    """The objects of one namespace by their names."""
    return {one.metadata.name: one for one in objects}
