"""DataSyncLocation: one end of a transfer; exactly one kind of storage each."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field
from pydantic.alias_generators import to_camel

from datasync_api.aws_file_systems import Efs, FsxLustre, FsxOntap, FsxOpenZfs
from datasync_api.base import ApiModel, ListOf, Rule
from datasync_api.conditions import Conditions
from datasync_api.location_check import CheckTag, OngoingCheck
from datasync_api.meta import Resource
from datasync_api.nfs import Nfs
from datasync_api.object_storage import ObjectStorage
from datasync_api.s3_location import S3
from datasync_api.smb import FsxWindows, Smb, SmbSession, address
from datasync_api.text import Name, Reference, RelativePath, below

LocationType = Literal[
    "NFS",
    "SMB",
    "ObjectStorage",
    "S3",
    "FSxWindows",
    "PersistentVolumeClaim",
    "EFS",
    "FSxLustre",
    "FSxOpenZFS",
    "FSxONTAP",
]

TaskName = Annotated[str, Field(max_length=253)]
MAX_USED_BY: Final = 256
"""More tasks than that are not listed in a status."""


class PersistentVolumeClaim(ApiModel):
    """A claim in the same namespace, and with it any CSI driver."""

    claim_name: Name
    path: RelativePath = Field(default="", description="A folder within the volume.")
    read_only: bool = Field(
        default=False, description="Mount read-only; then it can only be a source."
    )


_MEMBERS: Final[Mapping[str, LocationType]] = {
    "nfs": "NFS",
    "smb": "SMB",
    "object_storage": "ObjectStorage",
    "s3": "S3",
    "fsx_windows": "FSxWindows",
    "persistent_volume_claim": "PersistentVolumeClaim",
    "efs": "EFS",
    "fsx_lustre": "FSxLustre",
    "fsx_open_zfs": "FSxOpenZFS",
    "fsx_ontap": "FSxONTAP",
}
"""Fields of which a location has one, and its type by that."""

_NAMES: Final = [to_camel(name) for name in _MEMBERS]


class LocationSpec(ApiModel):
    """Where bytes live: exactly one member, and the agents that can reach it."""

    rules = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in _NAMES)}].filter(m, m).size() == 1",
            message=f"set exactly one of {', '.join(_NAMES[:-1])} and {_NAMES[-1]}",
            holds=lambda spec: len(spec.members()) == 1,
        ),
        Rule(
            cel="!has(self.nfs) || (has(self.agentRefs) && self.agentRefs.size() > 0)",
            message="an nfs location needs at least one agent: name the DataSyncAgent that can "
            "reach the server",
            field=".agentRefs",
            holds=lambda spec: spec.nfs is None or len(spec.agent_refs) > 0,
        ),
        Rule(
            cel="!has(self.smb) || (has(self.agentRefs) && self.agentRefs.size() > 0)",
            message="an smb location needs at least one agent: name the DataSyncAgent that can "
            "reach the server",
            field=".agentRefs",
            holds=lambda spec: spec.smb is None or len(spec.agent_refs) > 0,
        ),
        Rule(
            cel="!has(self.s3) || !has(self.agentRefs) || self.agentRefs.size() == 0",
            message="an s3 location takes no agents: name them on the location at the other end",
            field=".agentRefs",
            holds=lambda spec: spec.s3 is None or len(spec.agent_refs) == 0,
        ),
        Rule(
            cel="!has(self.fsxWindows) || !has(self.agentRefs) || self.agentRefs.size() == 0",
            message="an fsxWindows location takes no agents: name them on the location at the "
            "other end",
            field=".agentRefs",
            holds=lambda spec: spec.fsx_windows is None or len(spec.agent_refs) == 0,
        ),
    )

    nfs: Nfs | None = None
    smb: Smb | None = None
    object_storage: ObjectStorage | None = None
    s3: S3 | None = None
    fsx_windows: FsxWindows | None = None
    persistent_volume_claim: PersistentVolumeClaim | None = None
    efs: Efs | None = None
    fsx_lustre: FsxLustre | None = None
    fsx_open_zfs: FsxOpenZfs | None = None
    fsx_ontap: FsxOntap | None = None
    agent_refs: Annotated[list[Reference], ListOf(), Field(max_length=8)] = Field(
        default_factory=list[Reference],
        description="Agents that can reach this storage; any one that is Online with a free slot "
        "is used.",
    )
    check: CheckTag = Field(
        default="",
        description="Change it to have the location looked at now, without a run: can it be "
        "reached, does it let the runner in? Nothing is written there. The answer is in the "
        "conditions CredentialsAvailable and Reachable once the tag is in status.lastCheck.",
    )

    def members(self) -> tuple[LocationType, ...]:
        """The members that are set, as the location's types."""
        return tuple(type_ for name, type_ in _MEMBERS.items() if getattr(self, name) is not None)

    @property
    def type(self) -> LocationType:
        """The kind of storage that this location is."""
        return self.members()[0]

    @property
    def smb_session(self) -> SmbSession | None:
        """How the runner speaks to the share, where it does and the location says how."""
        if self.mounted_share is not None:
            return None
        return self.fsx_ontap.smb if self.fsx_ontap is not None else self.smb

    @property
    def mounted_share(self) -> Smb | None:
        """The share that a node mounts, where it is one."""
        return self.smb if self.smb is not None and self.smb.access == "Mount" else None

    @property
    def credentials_secret_ref(self) -> Reference | None:
        """The Secret that is mounted for the storage's client, where there is one.

        That of a mounted share is the CSI driver's matter: the pod does not get it.
        """
        if session := self.smb_session:
            return session.secret_ref
        for member in (self.object_storage, self.s3, self.fsx_windows):
            if member is not None:
                return member.credentials_secret_ref
        return None

    @property
    def needs_credentials(self) -> bool:
        """Whether the storage lets in by credentials: of a Secret, or the pod's own."""
        others = (self.object_storage, self.s3, self.mounted_share)
        by_others = any(member is not None for member in others)
        return by_others or self.credentials_secret_ref is not None

    @property
    def krb5_conf_ref(self) -> Reference | None:
        """The ConfigMap with krb5.conf that is mounted, where there is one."""
        session = self.smb_session
        return session.kerberos.krb5_conf_ref if session and session.kerberos else None

    @property
    def uri(self) -> str:
        """The location as one line, for people; folders end with a slash."""
        if self.nfs is not None:
            return f"nfs://{self.nfs.server}{self.nfs.path.rstrip('/')}/"
        if self.smb is not None:
            host = address(self.smb.server, self.smb.port)
            return below(f"smb://{host}/{self.smb.share}/", self.smb.path)
        if self.object_storage is not None:
            host = self.object_storage.endpoint.split("://", 1)[1].rstrip("/")
            where = f"object-storage://{host}/{self.object_storage.bucket}/"
            return below(where, self.object_storage.prefix)
        if self.s3 is not None:
            return below(f"s3://{self.s3.bucket}/", self.s3.prefix)
        if fsx := self.fsx_windows:
            return below(f"fsxw://{fsx.dns_name}/{fsx.share}/", fsx.path)
        for file_system in (self.efs, self.fsx_lustre, self.fsx_open_zfs, self.fsx_ontap):
            if file_system is not None:
                return file_system.uri
        assert self.persistent_volume_claim is not None  # noqa: S101 - the model's own rule
        claim = self.persistent_volume_claim
        return below(f"pvc://{claim.claim_name}/", claim.path)


class LocationStatus(ApiModel):
    """What the operator found out about the location."""

    observed_generation: int | None = None
    type: LocationType | None = None
    uri: Annotated[str, Field(max_length=8192)] | None = None
    used_by: Annotated[tuple[TaskName, ...], ListOf(), Field(max_length=MAX_USED_BY)] = Field(
        default=(),
        description="Tasks whose source or destination this is, that report here, or whose "
        f"manifest lies here, by name; the first {MAX_USED_BY} of them.",
    )
    last_check_time: datetime | None = Field(
        default=None,
        description="When the start of a run, or a check, last found out whether the location, as "
        "its spec is now, can be used: conditions CredentialsAvailable and Reachable.",
    )
    last_check: CheckTag | None = Field(
        default=None, description="The last spec.check that was answered."
    )
    ongoing_check: OngoingCheck | None = None
    conditions: Conditions = ()


class Location(Resource):
    """An end of a transfer; the counterpart of an AWS DataSync location."""

    kind_name: ClassVar[str] = "DataSyncLocation"

    kind: Literal["DataSyncLocation"] = "DataSyncLocation"
    spec: LocationSpec
    status: LocationStatus = Field(default_factory=LocationStatus)
