"""The PersistentVolume and the claim by which a pod gets a file system that a node mounts.

NFS goes through a PersistentVolume and a claim bound to it, because a pod's own `nfs` volume takes
no mount options and restricted pod security forbids it (Kubernetes documentation, "Pod Security
Standards"); EFS and FSx for Lustre because their CSI drivers have no other volumes; shares because
an inline volume of their driver is not read-only where it is asked to be, and needs a driver that
may read every Secret.  Each is what the driver's own documentation shows for static provisioning,
and nothing more: drivers refuse attributes that they do not know.
"""

from dataclasses import dataclass, replace
from typing import Any

from datasync_api.aws_file_systems import Efs, FsxLustre
from datasync_api.location import LocationSpec
from datasync_api.smb import Smb
from datasync_operator.decide import naming
from datasync_operator.decide.drivers import EFS, FSX_LUSTRE, SMB, driver_of
from datasync_operator.decide.naming import Side
from datasync_operator.decide.nfs_mounts import export_of, nfs_mount_options
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.share_mounts import share_mount_options

Manifest = dict[str, Any]


@dataclass(frozen=True)
class VolumeSource:
    """What a PersistentVolume says of its file system: where it is, and how to mount it."""

    kind: str
    """The member of the volume's spec: `nfs` or `csi`."""
    fields: Manifest
    mount_options: list[str]
    access_mode: str


def needs_volume(spec: LocationSpec) -> bool:
    """Whether the operator makes a PersistentVolume for the location."""
    return driver_of(spec) is not None or export_of(spec) is not None


def volume_and_claim(
    owner: Owner, spec: LocationSpec, side: Side
) -> tuple[Manifest, Manifest] | None:
    """What is made for one side of one pod; None where it needs no volume of ours."""
    source = volume_source(owner, spec, side)
    if source is None:
        return None
    return _volume(owner, source, side), _claim(owner, source, side)


def volume_source(owner: Owner, spec: LocationSpec, side: Side) -> VolumeSource | None:
    """The file system of a location, as a volume of one side of one pod.

    | member | volume |
    |---|---|
    | nfs | nfs |
    | fsxOpenZfs | nfs, version 4.2 with 16 connections, as FSx documents |
    | fsxOntap with path | nfs, version 3, as AWS DataSync mounts it |
    | efs | csi, efs.csi.aws.com |
    | fsxLustre | csi, fsx.csi.aws.com |
    | smb with access Mount | csi, smb.csi.k8s.io |
    | fsxOntap with smb, and all others | none |
    """
    if spec.efs is not None:
        return _efs(spec.efs, side)
    if spec.fsx_lustre is not None:
        return _lustre(spec.fsx_lustre, side)
    if (share := spec.mounted_share) is not None:
        return _share(owner, share, side)
    nfs = export_of(spec)
    if nfs is None:
        return None
    return VolumeSource(
        kind="nfs",
        fields={"server": nfs.server, "path": nfs.path, "readOnly": side == "source"},
        mount_options=nfs_mount_options(nfs, side),
        access_mode="ReadOnlyMany" if side == "source" else "ReadWriteMany",
    )


def _efs(efs: Efs, side: Side) -> VolumeSource:
    """Source: aws-efs-csi-driver, docs/parameters.md and examples (access points, volume path).

    The handle is `fs-…[:path[:fsap-…]]`, a form that all versions of the driver read.  TLS is said
    by the attribute: `tls` and `accesspoint=` as mount options are deprecated.
    """
    parts = (efs.file_system_id, efs.path.rstrip("/"), efs.access_point_id or "")
    return _csi(
        EFS.name,
        ":".join(parts).rstrip(":"),
        side,
        attributes={"encryptInTransit": "true" if efs.in_transit_encryption != "None" else "false"},
        mount_options=["iam"] if efs.iam else [],
    )


def _lustre(lustre: FsxLustre, side: Side) -> VolumeSource:
    """Source: aws-fsx-csi-driver, examples/kubernetes/static_provisioning.

    The handle is the file system's id, which the driver does not read to mount.  The folder is
    added, because a kubelet takes two volumes of one handle in one pod for one volume, and would
    wait for the second for ever: a run between two folders of a file system has such a pod.
    """
    label = lustre.dns_name.split(".", 1)[0]
    handle = label if label.startswith("fs-") else lustre.dns_name
    path = lustre.path.strip("/")
    return _csi(
        FSX_LUSTRE.name,
        f"{handle}:/{path}" if path else handle,
        side,
        attributes={"dnsname": lustre.dns_name, "mountname": lustre.mount_name},
        mount_options=["flock"],
    )


def _share(owner: Owner, share: Smb, side: Side) -> VolumeSource:
    """Source: csi-driver-smb, docs/driver-parameters.md, "PV/PVC Usage".

    The handle is the volume's own name: the driver asks for a unique one, and a node takes two
    volumes of one handle for one mount, with the options and the password of the first.  The
    Secret is of the owner's namespace, never of another: the driver would read any.  The
    folder is reached below the mount, where the runner makes it for a destination.
    """
    secret = share.credentials_secret_ref
    assert secret is not None  # noqa: S101 - the model's own rule: NTLM has it
    found = _csi(
        SMB.name,
        owner.volume(side),
        side,
        attributes={"source": f"//{share.server}/{share.share}"},
        mount_options=share_mount_options(share, side),
    )
    staged = {"name": secret.name, "namespace": owner.namespace}
    return replace(found, fields={**found.fields, "nodeStageSecretRef": staged})


def _csi(
    driver: str,
    handle: str,
    side: Side,
    *,
    attributes: dict[str, str],
    mount_options: list[str],
) -> VolumeSource:
    """A volume of a CSI driver.

    The access mode is ReadWriteMany at both ends: drivers of AWS refuse ReadOnlyMany.  A source is
    read-only all the same, by the pod's volume, which is what the kubelet tells the driver.
    """
    return VolumeSource(
        kind="csi",
        fields={
            "driver": driver,
            "volumeHandle": handle,
            "readOnly": side == "source",
            "volumeAttributes": attributes,
        },
        mount_options=mount_options,
        access_mode="ReadWriteMany",
    )


def _volume(owner: Owner, source: VolumeSource, side: Side) -> Manifest:
    """The PersistentVolume of one side.

    Cluster-scoped, so it can have no owner in a namespace: labels and annotations say whose it is,
    and the operator deletes it.  Retain: Kubernetes must never touch what is on it.
    """
    name = owner.volume(side)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "labels": owner.labels,
            "annotations": {naming.NAMESPACE_ANNOTATION: owner.namespace, **owner.annotations},
        },
        "spec": {
            "capacity": {"storage": "1Gi"},  # required, and without a meaning for these
            "accessModes": [source.access_mode],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "volumeMode": "Filesystem",
            **({"mountOptions": source.mount_options} if source.mount_options else {}),
            "claimRef": {"namespace": owner.namespace, "name": name},
            source.kind: source.fields,
        },
    }


def _claim(owner: Owner, source: VolumeSource, side: Side) -> Manifest:
    """The claim that binds to the owner's own volume and to no other.

    The volume names the claim, and the claim asks for the owner's label.  A claim that named
    its volume as well would often bind only in the volume controller's next round, up to 15 s
    later: its two workers then write the volume's status at once, and one of them gives up.
    """
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": owner.volume(side),
            "namespace": owner.namespace,
            "labels": owner.labels,
            "ownerReferences": [dict(owner.reference)],
        },
        "spec": {
            "accessModes": [source.access_mode],
            "storageClassName": "",
            "selector": {"matchLabels": owner.selector},
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
