"""How a location gets into a runner pod: PersistentVolumes for NFS, claims, Secrets, ConfigMaps.

NFS goes through a PersistentVolume and a claim bound to it, because a pod's own `nfs` volume takes
no mount options and restricted pod security forbids it (Kubernetes documentation, "Pod Security
Standards").  fsGroup is never set: it would change the owners of the tree.
"""

from dataclasses import dataclass
from typing import Any, Final

from datasync_api.execution import Execution
from datasync_api.location import Location, Nfs
from datasync_api.plan import Places
from datasync_operator.decide import naming
from datasync_operator.decide.naming import Side

_NFS_VERSIONS: Final = {"NFS3": "3", "NFS4_0": "4.0", "NFS4_1": "4.1", "NFS4_2": "4.2"}
Manifest = dict[str, Any]


@dataclass(frozen=True)
class PodParts:
    """What one location adds to the pod."""

    volumes: tuple[Manifest, ...]
    mounts: tuple[Manifest, ...]


def places(side: Side) -> Places:
    """Where the runner finds the parts of a side."""
    return Places(
        mount=f"/mnt/{side}",
        credentials=f"/etc/datasync/{side}-credentials",
        ca_bundle=f"/etc/datasync/{side}-ca/ca.crt",
    )


def pod_parts(execution: Execution, location: Location, side: Side) -> PodParts:
    """The pod's volumes and mounts for a location."""
    where, spec = places(side), location.spec
    volumes: list[Manifest] = []
    mounts: list[Manifest] = []
    read_only = side == "source"
    claim = None
    if spec.nfs is not None:
        meta = execution.metadata
        claim = naming.volume(meta.namespace, meta.name, meta.uid, side)
    elif spec.persistent_volume_claim is not None:
        claim = spec.persistent_volume_claim.claim_name
        read_only = read_only or spec.persistent_volume_claim.read_only
    if claim is not None:
        volumes.append(
            {
                "name": side,
                "persistentVolumeClaim": {"claimName": claim, "readOnly": read_only},
            }
        )
        mounts.append({"name": side, "mountPath": where.mount, "readOnly": read_only})
    if secret := spec.credentials_secret_ref:
        name = f"{side}-credentials"
        volumes.append({"name": name, "secret": {"secretName": secret.name}})
        mounts.append({"name": name, "mountPath": where.credentials, "readOnly": True})
    if spec.object_storage is not None and spec.object_storage.ca_bundle is not None:
        ref = spec.object_storage.ca_bundle.config_map_key_ref
        name = f"{side}-ca"
        items = [{"key": ref.key, "path": "ca.crt"}]
        volumes.append({"name": name, "configMap": {"name": ref.name, "items": items}})
        mounts.append({"name": name, "mountPath": f"/etc/datasync/{side}-ca", "readOnly": True})
    return PodParts(tuple(volumes), tuple(mounts))


def persistent_volume(execution: Execution, nfs: Nfs, side: Side) -> Manifest:
    """The PersistentVolume of an NFS location for one execution.

    Cluster-scoped, so it can have no owner in a namespace: labels and annotations say whose it is,
    and the operator deletes it.  Retain: Kubernetes must never touch what is on it.
    """
    meta = execution.metadata
    name = naming.volume(meta.namespace, meta.name, meta.uid, side)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "labels": naming.labels(meta.uid),
            "annotations": {
                naming.NAMESPACE_ANNOTATION: meta.namespace,
                naming.EXECUTION_ANNOTATION: meta.name,
            },
        },
        "spec": {
            "capacity": {"storage": "1Gi"},  # required, and without a meaning for NFS
            "accessModes": [_access_mode(side)],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "volumeMode": "Filesystem",
            "mountOptions": mount_options(nfs, side),
            "claimRef": {"namespace": meta.namespace, "name": name},
            "nfs": {"server": nfs.server, "path": nfs.path, "readOnly": side == "source"},
        },
    }


def claim(execution: Execution, side: Side) -> Manifest:
    """The claim that binds to the execution's own volume and to no other.

    The volume names the claim, and the claim asks for the execution's label.  A claim that named
    its volume as well would often bind only in the volume controller's next round, up to 15 s
    later: its two workers then write the volume's status at once, and one of them gives up.
    """
    meta = execution.metadata
    name = naming.volume(meta.namespace, meta.name, meta.uid, side)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": meta.namespace,
            "labels": naming.labels(meta.uid),
            "ownerReferences": [execution.owner_reference()],
        },
        "spec": {
            "accessModes": [_access_mode(side)],
            "storageClassName": "",
            "selector": {"matchLabels": {naming.EXECUTION_UID_LABEL: meta.uid}},
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def mount_options(nfs: Nfs, side: Side) -> list[str]:
    """The mount options of an NFS location.

    `hard` waits for a server that is away instead of losing writes; the user's own options come
    last and win.  A source is mounted read-only.
    """
    options = ["hard", "noatime"]
    if nfs.version != "Automatic":
        options.insert(0, f"nfsvers={_NFS_VERSIONS[nfs.version]}")
    if side == "source":
        options.append("ro")
    return options + [option for option in nfs.mount_options if option not in options]


def _access_mode(side: Side) -> str:
    return "ReadOnlyMany" if side == "source" else "ReadWriteMany"
