"""The file systems of AWS: EFS, FSx for Lustre, OpenZFS and ONTAP; FSx for Windows is in `smb`.

Members of a location, named as in AWS DataSync.  What these need from a cluster (drivers, volumes)
is the operator's to know.
"""

from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.smb import NEEDS_A_NAME, ShareName, SmbPath, SmbSession, has_a_name, is_a_name
from datasync_api.text import AbsolutePath, Host, below, written_as

InTransitEncryption = Literal["TLS1_2", "None"]

EfsFileSystemId = Annotated[
    str,
    Field(max_length=128),
    written_as(
        "fs-[0-9a-f]{8,40}",
        "is not the id of an EFS file system: write it as `aws efs describe-file-systems` does, as "
        "in fs-0123456789abcdef0",
    ),
]
"""Amazon EFS API reference, FileSystemId."""

EfsAccessPointId = Annotated[
    str,
    Field(max_length=128),
    written_as(
        "fsap-[0-9a-f]{8,40}",
        "is not the id of an EFS access point: write it as `aws efs describe-access-points` does, "
        "as in fsap-0123456789abcdef0",
    ),
]
"""Amazon EFS API reference, AccessPointId."""

EfsPath = Annotated[
    AbsolutePath,
    Rule(
        cel="!self.contains(':')",
        message="must not contain ':', which the EFS CSI driver puts between file system, path and "
        "access point: rename the folder, or reach it through an access point",
        holds=lambda path: ":" not in path,
    ),
]

LustreMountName = Annotated[
    str,
    Field(max_length=8),
    written_as(
        "[A-Za-z0-9_-]+",
        "is not a mount name: write what `aws fsx describe-file-systems` shows as MountName, as in "
        "fsx or abcd1234",
    ),
]
"""Amazon FSx API reference, LustreFileSystemMountName."""

OpenZfsPath = Annotated[
    AbsolutePath,
    written_as(
        "/fsx(/.*)?",
        "must begin with /fsx, which is where FSx for OpenZFS exports its volumes: write "
        "/fsx/projects for the volume or folder projects",
    ),
]
"""DataSync API reference, CreateLocationFsxOpenZfs, Subdirectory."""

JunctionPath = Annotated[
    AbsolutePath,
    Rule(
        cel="self != '/'",
        message="must not be the root volume of the storage virtual machine, which is not for "
        "data: name a volume's junction path, as in /vol1",
        holds=lambda path: path != "/",
    ),
]
"""DataSync API reference, CreateLocationFsxOntap, Subdirectory."""


class Efs(ApiModel):
    """An Amazon EFS file system, or a folder or access point of it."""

    rules = (
        Rule(
            cel="!has(self.accessPointId) || self.inTransitEncryption != 'None'",
            message="EFS access points are reached through TLS alone: remove inTransitEncryption, "
            "or set it to TLS1_2",
            field=".inTransitEncryption",
            holds=lambda efs: efs.access_point_id is None or efs.in_transit_encryption != "None",
        ),
        Rule(
            cel="!self.iam || self.inTransitEncryption != 'None'",
            message="EFS checks IAM rights through TLS alone: remove inTransitEncryption, or set "
            "it to TLS1_2; or set iam to false",
            field=".inTransitEncryption",
            holds=lambda efs: not efs.iam or efs.in_transit_encryption != "None",
        ),
    )

    file_system_id: EfsFileSystemId = Field(description="For example fs-0123456789abcdef0.")
    access_point_id: EfsAccessPointId | None = Field(
        default=None,
        description="An access point to enter by. Where it enforces a user, all files belong to "
        "that user, and ownership cannot be preserved.",
    )
    path: EfsPath = Field(
        default="/",
        description="A folder that exists, from the root of the file system or access point.",
    )
    in_transit_encryption: InTransitEncryption = Field(
        default="TLS1_2", description="None: NFS in the clear."
    )
    iam: bool = Field(
        default=False,
        description="Mount with the IAM identity of the CSI driver's node pods, for a file system "
        "policy that asks for one.",
    )

    @property
    def uri(self) -> str:
        """The location as one line; an access point is written as a folder of the file system."""
        root = f"efs://{self.file_system_id}/"
        return below(below(root, self.access_point_id or ""), self.path)


class FsxLustre(ApiModel):
    """An Amazon FSx for Lustre file system, or a folder of it."""

    dns_name: Host = Field(
        description="For example fs-0123456789abcdef0.fsx.eu-central-1.amazonaws.com."
    )
    mount_name: LustreMountName = Field(
        description="The file system's MountName; fsx for the deployment type SCRATCH_1."
    )
    path: AbsolutePath = Field(
        default="/", description="A folder, from the root of the file system."
    )

    @property
    def uri(self) -> str:
        """The location as one line."""
        return below(f"fsxl://{self.dns_name}/", self.path)


class FsxOpenZfs(ApiModel):
    """An Amazon FSx for OpenZFS volume, or a folder of it, by NFS 4.2."""

    dns_name: Host = Field(
        description="For example fs-0123456789abcdef0.fsx.eu-central-1.amazonaws.com."
    )
    path: OpenZfsPath = Field(
        default="/fsx", description="A volume's path, or a folder in it; begins with /fsx."
    )

    @property
    def uri(self) -> str:
        """The location as one line."""
        return below(f"fsxz://{self.dns_name}/", self.path)


class OntapShare(SmbSession):
    """A share of a storage virtual machine; the runner speaks SMB itself, nothing is mounted."""

    share: ShareName = Field(description="The name of the share, for example projects.")
    path: SmbPath = Field(default="", description="A folder within the share, with '/'.")


class FsxOntap(ApiModel):
    """An Amazon FSx for NetApp ONTAP volume by NFS 3, as AWS DataSync does, or a share by SMB."""

    rules = (
        Rule(
            cel="has(self.path) != has(self.smb)",
            message="set either path, a volume's junction path, to go by NFS, or smb, a share, to "
            "go by SMB",
            field=".path",
            holds=lambda ontap: (ontap.path is None) != (ontap.smb is None),
        ),
        Rule(
            cel="!has(self.smb) || self.smb.authentication != 'Kerberos' || "
            f"{has_a_name('self.dnsName')}",
            message=NEEDS_A_NAME,
            field=".dnsName",
            holds=lambda ontap: (
                ontap.smb is None
                or ontap.smb.authentication != "Kerberos"
                or is_a_name(ontap.dns_name)
            ),
        ),
    )

    dns_name: Host = Field(
        description="The DNS name of the storage virtual machine. With path that of its NFS "
        "endpoint, for example "
        "svm-0123456789abcdef0.fs-0123456789abcdef0.fsx.eu-central-1.amazonaws.com; with smb that "
        "of its SMB endpoint, for example projects.corp.example.com."
    )
    path: JunctionPath | None = Field(
        default=None, description="A volume's junction path, or a folder below it, by NFS."
    )
    smb: OntapShare | None = Field(default=None, description="A share, by SMB.")

    @property
    def uri(self) -> str:
        """The location as one line."""
        if self.smb is not None:
            return below(f"fsxn-smb://{self.dns_name}/{self.smb.share}/", self.smb.path)
        return below(f"fsxn-nfs://{self.dns_name}/", self.path or "")
