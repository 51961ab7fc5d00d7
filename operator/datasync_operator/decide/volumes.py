"""How a location gets into a runner pod: claims, Secrets, ConfigMaps, and where they are mounted.

fsGroup is never set: it would change the owners of the tree.
"""

from dataclasses import dataclass
from typing import Any

from datasync_api.location import LocationSpec
from datasync_api.manifest import MANIFEST_KEY, TransferManifest
from datasync_api.sides import Places
from datasync_api.smb import KRB5_CONF
from datasync_operator.decide.naming import Side
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.persistent_volumes import needs_volume

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
        krb5_conf=f"/etc/datasync/{side}-krb5/{KRB5_CONF}",
    )


def pod_parts(owner: Owner, spec: LocationSpec, side: Side) -> PodParts:
    """The pod's volumes and mounts for a location."""
    where = places(side)
    volumes: list[Manifest] = []
    mounts: list[Manifest] = []
    read_only = side == "source"
    claim = None
    if needs_volume(spec):
        claim = owner.volume(side)
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
        items = [{"key": ref.key, "path": "ca.crt"}]
        _config_map(volumes, mounts, f"{side}-ca", {"name": ref.name, "items": items})
    if ref := spec.krb5_conf_ref:
        items = [{"key": KRB5_CONF, "path": KRB5_CONF}]
        _config_map(volumes, mounts, f"{side}-krb5", {"name": ref.name, "items": items})
    return PodParts(tuple(volumes), tuple(mounts))


def manifest_parts(manifest: TransferManifest | None, folder: str) -> PodParts:
    """The ConfigMap with the list of files to transfer, where there is one."""
    ref = manifest.config_map_key_ref if manifest else None
    if ref is None:
        return PodParts((), ())
    items = [{"key": ref.key, "path": MANIFEST_KEY}]
    volume = {"name": "manifest", "configMap": {"name": ref.name, "items": items}}
    mount = {"name": "manifest", "mountPath": folder, "readOnly": True}
    return PodParts((volume,), (mount,))


def _config_map(
    volumes: list[Manifest], mounts: list[Manifest], name: str, config_map: Manifest
) -> None:
    volumes.append({"name": name, "configMap": config_map})
    mounts.append({"name": name, "mountPath": f"/etc/datasync/{name}", "readOnly": True})
