"""What the operator asks of a cluster: a few verbs over raw manifests.

Raw dicts cross this port, because one function writing whole manifests is what server-side apply
needs; models are parsed behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from datasync_api import API_VERSION

Manifest = dict[str, Any]


@dataclass(frozen=True)
class ResourceType:
    """A resource of the API server: where its objects are found."""

    api_version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None, name: str | None = None, *, sub: str = "") -> str:
        """The URL path of a collection, an object, or a subresource of it."""
        root = "api" if "/" not in self.api_version else "apis"
        where = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = f"/{name}" if name else ""
        return f"/{root}/{self.api_version}{where}/{self.plural}{tail}{f'/{sub}' if sub else ''}"


AGENTS: Final = ResourceType(API_VERSION, "datasyncagents")
LOCATIONS: Final = ResourceType(API_VERSION, "datasynclocations")
TASKS: Final = ResourceType(API_VERSION, "datasynctasks")
EXECUTIONS: Final = ResourceType(API_VERSION, "datasynctaskexecutions")
JOBS: Final = ResourceType("batch/v1", "jobs")
PODS: Final = ResourceType("v1", "pods")
EVENTS: Final = ResourceType("v1", "events")
CONFIG_MAPS: Final = ResourceType("v1", "configmaps")
SECRETS: Final = ResourceType("v1", "secrets")
CLAIMS: Final = ResourceType("v1", "persistentvolumeclaims")
VOLUMES: Final = ResourceType("v1", "persistentvolumes", namespaced=False)
NODES: Final = ResourceType("v1", "nodes", namespaced=False)
CSI_DRIVERS: Final = ResourceType("storage.k8s.io/v1", "csidrivers", namespaced=False)


class Cluster(Protocol):
    """The calls that the operator makes; each may raise Denied or Unavailable beside its own."""

    async def get(self, resource: ResourceType, namespace: str | None, name: str) -> Manifest:
        """One object. Raises: NotFound."""
        ...

    async def list(
        self,
        resource: ResourceType,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Sequence[Manifest]:
        """All objects, of all namespaces where none is given."""
        ...

    async def create(self, resource: ResourceType, namespace: str | None, body: Manifest) -> None:
        """Make an object. Raises: AlreadyExists, Refused, NotFound (the namespace)."""
        ...

    async def apply_status(
        self, resource: ResourceType, namespace: str, name: str, status: Manifest
    ) -> None:
        """Declare the whole status of an object. Raises: NotFound, Refused."""
        ...

    async def set_finalizers(
        self,
        resource: ResourceType,
        namespace: str,
        name: str,
        finalizers: Sequence[str],
        *,
        resource_version: str,
    ) -> None:
        """Replace the finalizers of an object seen at a version. Raises: NotFound, Conflict."""
        ...

    async def delete(
        self, resource: ResourceType, namespace: str | None, name: str, *, uid: str | None = None
    ) -> None:
        """Delete an object, its dependants in the background. Raises: NotFound, Conflict (uid)."""
        ...
