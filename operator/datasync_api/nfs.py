"""An NFS export as a location."""

from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel, ListOf, Rule
from datasync_api.text import AbsolutePath, Host, written_as

NfsVersion = Literal["Automatic", "NFS3", "NFS4_0", "NFS4_1", "NFS4_2"]
MountOption = Annotated[
    str,
    Field(min_length=1, max_length=256),
    written_as(
        r"[a-z][a-z0-9_.]*(=[^, \t\n\r\f\v]+)?",
        "is not one mount option: write one an item, without comma or blank, as in nconnect=8",
    ),
]


class Nfs(ApiModel):
    """An export of an NFS server; the kubelet mounts it through a PersistentVolume."""

    rules = (
        Rule(
            cel="self.version == 'Automatic' || !has(self.mountOptions) || "
            "!self.mountOptions.exists(o, o.startsWith('vers=') || o.startsWith('nfsvers='))",
            message="version already says the NFS version: remove vers= and nfsvers= here, or "
            "leave version at Automatic",
            field=".mountOptions",
            holds=lambda nfs: (
                nfs.version == "Automatic"
                or not any(o.startswith(("vers=", "nfsvers=")) for o in nfs.mount_options)
            ),
        ),
    )

    server: Host = Field(description="DNS name or IP address of the NFS server.")
    path: AbsolutePath = Field(description="The exported folder, for example /export/projects.")
    version: NfsVersion = Field(
        default="Automatic", description="NFS version; Automatic lets the node negotiate."
    )
    mount_options: Annotated[list[MountOption], ListOf(), Field(max_length=32)] = Field(
        default_factory=list[str],
        description="Further mount options, one an item, for example nconnect=8.",
    )
