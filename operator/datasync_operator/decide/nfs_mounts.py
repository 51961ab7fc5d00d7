"""The NFS exports that locations are, and the options with which a node mounts them.  Pure."""

from typing import Final

from datasync_api.location import LocationSpec
from datasync_api.nfs import Nfs
from datasync_operator.decide.naming import Side

_NFS_VERSIONS: Final = {"NFS3": "3", "NFS4_0": "4.0", "NFS4_1": "4.1", "NFS4_2": "4.2"}
_OPEN_ZFS_OPTIONS: Final = ["nconnect=16", "rsize=1048576", "wsize=1048576"]
# Without nolock a node must run rpc.statd to mount by NFS 3; a runner takes no locks.
_ONTAP_OPTIONS: Final = ["nolock", "nconnect=16"]


def export_of(spec: LocationSpec) -> Nfs | None:
    """The NFS export that a location is, where it is one."""
    if zfs := spec.fsx_open_zfs:
        return Nfs(
            server=zfs.dns_name,
            path=zfs.path,
            version="NFS4_2",
            mount_options=_OPEN_ZFS_OPTIONS,
        )
    if (ontap := spec.fsx_ontap) and ontap.path is not None:
        return Nfs(
            server=ontap.dns_name, path=ontap.path, version="NFS3", mount_options=_ONTAP_OPTIONS
        )
    return spec.nfs


def nfs_mount_options(nfs: Nfs, side: Side) -> list[str]:
    """The mount options of an NFS export.

    `hard` waits for a server that is away instead of losing writes; the user's own options come
    last and win.  A source is mounted read-only.
    """
    options = ["hard", "noatime"]
    if nfs.version != "Automatic":
        options.insert(0, f"nfsvers={_NFS_VERSIONS[nfs.version]}")
    if side == "source":
        options.append("ro")
    return options + [option for option in nfs.mount_options if option not in options]
