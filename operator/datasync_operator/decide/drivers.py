"""CSI drivers that mount what locations name: which one a location needs, and what to say without.

A driver is installed when the cluster has a CSIDriver object of its name (Kubernetes documentation,
"CSIDriver").  Whether it works on a node shows only when a pod mounts something.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from datasync_api.location import LocationSpec


@dataclass(frozen=True)
class Driver:
    """A CSI driver: the name of its CSIDriver object, and what to do where it is missing."""

    name: str
    fix: str
    """What to do when it is not there."""

    @property
    def missing(self) -> str:
        """What to say when it is not installed."""
        return (
            f"the CSI driver {self.name} is not installed in this cluster, so no node can mount "
            f"the file system: {self.fix}"
        )


_OF_AWS: Final = "install the EKS add-on or the Helm chart "
EFS: Final = Driver("efs.csi.aws.com", f"{_OF_AWS}aws-efs-csi-driver")
FSX_LUSTRE: Final = Driver("fsx.csi.aws.com", f"{_OF_AWS}aws-fsx-csi-driver")
SMB: Final = Driver(
    "smb.csi.k8s.io",
    "install the Helm chart csi-driver-smb, or set access of the location to Direct",
)


def driver_of(spec: LocationSpec) -> Driver | None:
    """The driver that a location needs.

    | member | driver |
    |---|---|
    | efs | efs.csi.aws.com |
    | fsxLustre | fsx.csi.aws.com |
    | smb with access Mount | smb.csi.k8s.io |
    | any other | none: the kubelet mounts NFS itself, a claim's driver is its owner's matter |
    """
    if spec.efs is not None:
        return EFS
    if spec.fsx_lustre is not None:
        return FSX_LUSTRE
    if spec.mounted_share is not None:
        return SMB
    return None


def driver_names(specs: Iterable[LocationSpec]) -> list[str]:
    """The names of all drivers that these locations need, each once."""
    return sorted({driver.name for spec in specs if (driver := driver_of(spec)) is not None})
