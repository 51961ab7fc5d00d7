"""An in-memory Cluster that keeps the rules that decisions rely on.

Versions, uids and generations, status apart from spec, finalizers and deletion, owner references
with background garbage collection, preconditions.  `fail_at` lets the nth call fail, as an API
server does that restarts, or as an operator does that is killed there.
"""

import copy
import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from datasync_operator.cluster.errors import AlreadyExists, Conflict, NotFound, Unavailable
from datasync_operator.cluster.port import Manifest, ResourceType

Key = tuple[str, str | None, str]


class FakeCluster:
    def __init__(self, now: datetime) -> None:
        self.now = now
        self.objects: dict[Key, Manifest] = {}
        self.created: list[str] = []
        self.calls = 0
        self.fail_at: int | None = None
        self._serial = itertools.count(1)

    # ---- the port -----------------------------------------------------------------------

    async def get(self, resource: ResourceType, namespace: str | None, name: str) -> Manifest:
        self._call()
        return copy.deepcopy(self._find(resource, namespace, name))

    async def list(
        self,
        resource: ResourceType,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Sequence[Manifest]:
        self._call()
        return [
            copy.deepcopy(found)
            for (plural, where, _), found in sorted(self.objects.items(), key=str)
            if plural == resource.plural
            and (namespace is None or where == namespace)
            and (labels or {}).items() <= found["metadata"].get("labels", {}).items()
            and all(_field(found, path) == value for path, value in (fields or {}).items())
        ]

    async def create(self, resource: ResourceType, namespace: str | None, body: Manifest) -> None:
        self._call()
        self.put(resource, namespace, body)

    async def apply_status(
        self, resource: ResourceType, namespace: str, name: str, status: Manifest
    ) -> None:
        self._call()
        found = self._find(resource, namespace, name)
        found["status"] = copy.deepcopy(status)
        self._bump(found)

    async def set_finalizers(
        self,
        resource: ResourceType,
        namespace: str,
        name: str,
        finalizers: Sequence[str],
        *,
        resource_version: str,
    ) -> None:
        self._call()
        found = self._find(resource, namespace, name)
        if found["metadata"]["resourceVersion"] != resource_version:
            raise Conflict(f"{name} is at {found['metadata']['resourceVersion']}")
        found["metadata"]["finalizers"] = list(finalizers)
        self._bump(found)
        self._collect()

    async def delete(
        self, resource: ResourceType, namespace: str | None, name: str, *, uid: str | None = None
    ) -> None:
        self._call()
        found = self._find(resource, namespace, name)
        if uid is not None and found["metadata"]["uid"] != uid:
            raise Conflict(f"{name} is another object")
        found["metadata"].setdefault("deletionTimestamp", self.now.isoformat())
        self._bump(found)
        self._collect()

    # ---- the world outside --------------------------------------------------------------

    def put(self, resource: ResourceType, namespace: str | None, body: Manifest) -> Manifest:
        """Make an object as a user or a controller would."""
        key = (resource.plural, namespace, body["metadata"]["name"])
        if key in self.objects:
            raise AlreadyExists(str(key))
        made = copy.deepcopy(body)
        meta = made["metadata"]
        meta.update(
            uid=f"uid-{next(self._serial)}",
            generation=1,
            creationTimestamp=self.now.isoformat(),
        )
        if namespace is not None:
            meta["namespace"] = namespace
        if resource.plural == "persistentvolumes":
            made["status"] = {"phase": "Available"}  # the volume controller's word
        self.objects[key] = made
        self.created.append(f"{resource.plural}/{meta['name']}")
        self._bump(made)
        return made

    def all(self, resource: ResourceType) -> "list[Manifest]":
        return [found for key, found in self.objects.items() if key[0] == resource.plural]

    def _call(self) -> None:
        self.calls += 1
        if self.fail_at == self.calls:
            raise Unavailable(f"call {self.calls} got no answer")

    def _find(self, resource: ResourceType, namespace: str | None, name: str) -> Manifest:
        try:
            return self.objects[resource.plural, namespace, name]
        except KeyError:
            raise NotFound(f"{resource.plural}/{name}") from None

    def _bump(self, manifest: Manifest) -> None:
        manifest["metadata"]["resourceVersion"] = str(next(self._serial))

    def _collect(self) -> None:
        """Remove what is deleted and held by no finalizer, then what it owned."""
        while gone := [
            key
            for key, found in self.objects.items()
            if "deletionTimestamp" in found["metadata"] and not found["metadata"].get("finalizers")
        ]:
            uids = {self.objects.pop(key)["metadata"]["uid"] for key in gone}
            for found in self.objects.values():
                owners = {ref["uid"] for ref in found["metadata"].get("ownerReferences", [])}
                if owners & uids:
                    found["metadata"].setdefault("deletionTimestamp", self.now.isoformat())


def _field(manifest: Manifest, path: str) -> Any:
    node: Any = manifest
    for name in path.split("."):
        node = node.get(name, {})
    return node
