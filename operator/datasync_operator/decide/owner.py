"""Whom something is made for: what its names, its labels and its owner reference tell of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasync_api.execution import Execution
from datasync_api.location import Location
from datasync_api.location_check import OngoingCheck
from datasync_operator.decide import naming
from datasync_operator.decide.naming import Side


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A run, or a check of a location."""

    namespace: str
    name: str
    """What the names of all that is made for it begin with."""
    uid: str
    """What nothing else's names and labels have."""
    uid_label: str
    annotations: Mapping[str, str]
    reference: Mapping[str, Any]
    """Kubernetes deletes with it what is made for it in its namespace."""

    @classmethod
    def of_run(cls, execution: Execution) -> "Owner":
        """The owner of what one execution needs."""
        meta = execution.metadata
        return cls(
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            uid_label=naming.EXECUTION_UID_LABEL,
            annotations={naming.EXECUTION_ANNOTATION: meta.name},
            reference=execution.owner_reference(),
        )

    @classmethod
    def of_check(cls, location: Location, check: OngoingCheck) -> "Owner":
        """The owner of what one check of a location needs."""
        meta = location.metadata
        return cls(
            namespace=meta.namespace,
            name=meta.name,
            uid=naming.check(meta.uid, check.generation, check.tag),
            uid_label=naming.CHECK_UID_LABEL,
            annotations={naming.LOCATION_ANNOTATION: meta.name},
            reference=location.owner_reference(),
        )

    @property
    def selector(self) -> dict[str, str]:
        """The label that is on all that was made for it, and on nothing else."""
        return {self.uid_label: self.uid}

    @property
    def labels(self) -> dict[str, str]:
        """All labels of what is made for it."""
        return naming.labels(self.selector)

    def volume(self, side: Side) -> str:
        """The name of the PersistentVolume of one side, and of its claim."""
        return naming.volume(self.namespace, self.name, self.uid, side)

    def made(self, api_version: str, kind: str, name: str) -> dict[str, Any]:
        """The head of a manifest in its namespace."""
        return {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": self.labels,
                "annotations": dict(self.annotations),
                "ownerReferences": [dict(self.reference)],
            },
        }
