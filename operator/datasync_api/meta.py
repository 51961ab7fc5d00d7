"""The part of Kubernetes' own object metadata that the operator and the CLI read."""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from datasync_api import API_VERSION
from datasync_api.base import ApiModel


class OwnerReference(ApiModel):
    """Who an object belongs to; Kubernetes deletes it with its owner."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(ApiModel):
    """`metadata`: identity, version and life time of an object."""

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 1
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()


class Resource(ApiModel):
    """Base of the four kinds; each adds its own `kind`, spec and status."""

    kind_name: ClassVar[str]

    api_version: str = API_VERSION
    metadata: ObjectMeta

    def owner_reference(self) -> dict[str, Any]:
        """What a child carries to be deleted with this object.

        It blocks no deletion: `blockOwnerDeletion` matters to foreground deletion alone, and would
        ask for a further right wherever OwnerReferencesPermissionEnforcement is on (OpenShift).
        """
        return OwnerReference(
            api_version=self.api_version,
            kind=self.kind_name,
            name=self.metadata.name,
            uid=self.metadata.uid,
            controller=True,
        ).manifest()
