"""TransferPlan: everything a runner needs to know, as one immutable JSON document.

The operator writes it into a ConfigMap, `datasync run` into a file; the runner reads nothing else.
It names where credentials are mounted and never holds them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from datasync_api.base import ApiModel
from datasync_api.baseline import Baseline
from datasync_api.conditions import Reason
from datasync_api.file_conditions import FileConditions
from datasync_api.filter_rules import ExcludeRule, IncludeRule
from datasync_api.hold import Acknowledgement
from datasync_api.location import LocationSpec
from datasync_api.logging_target import CloudWatchStream, stream_of
from datasync_api.manifest import TransferManifest
from datasync_api.object_storage import AddressingStyle, PayloadSigning
from datasync_api.prices import EstimatedCost, estimated_cost
from datasync_api.report import RunMode
from datasync_api.s3_location import Encryption, StorageClass
from datasync_api.smb import DEFAULT_PORT, SmbEncryption, SmbVersion
from datasync_api.task import Guards, TaskSpec
from datasync_api.task_options import TaskOptions
from datasync_api.task_report import OutputType, ReportLevel, TaskReport


class PosixSide(ApiModel):
    """A folder: of an NFS server, of EFS or FSx, of a volume, or a local one."""

    kind: Literal["Posix"] = "Posix"
    uri: str
    root: str
    """Where it is mounted, an absolute path."""
    path: str = ""
    """A folder below the root, reached without following links."""
    read_only: bool = False


class S3Side(ApiModel):
    """A bucket, or a prefix in it."""

    kind: Literal["S3"] = "S3"
    uri: str
    bucket: str
    prefix: str = ""
    """Empty, or ending in a slash."""
    region: str
    endpoint: str | None = None
    """Absent: the region's public endpoint."""
    addressing_style: AddressingStyle = "Virtual"
    credentials_path: str | None = None
    """A folder with a file for each key of the Secret; absent: botocore's credential chain."""
    ca_bundle_path: str | None = None
    payload_signing: PayloadSigning = "Automatic"
    """Automatic: bodies are signed over http://, and left to TLS over https://."""
    storage_class: StorageClass = "Standard"
    """Of new objects."""
    encryption: Encryption | None = None
    """Of what is written; absent: as the bucket has it."""
    role_arn: str | None = None
    """Assumed with the credentials."""
    expected_bucket_owner: str | None = None
    requester_pays: bool = False


class SmbSide(ApiModel):
    """A share of an SMB server, or a folder in it."""

    kind: Literal["Smb"] = "Smb"
    uri: str
    server: str
    port: int = DEFAULT_PORT
    share: str
    path: str = ""
    """Empty, or ending in a slash."""
    version: SmbVersion = "Automatic"
    encryption: SmbEncryption = "IfOffered"
    credentials_path: str
    """A folder with a file for each key of the Secret: the password's, or the keytab's."""
    kerberos_principal: str | None = None
    """Who logs on by Kerberos; absent: NTLM."""
    krb5_conf_path: str | None = None
    """The krb5.conf of the principal's realm."""


AnySide = PosixSide | S3Side | SmbSide
Side = Annotated[AnySide, Field(discriminator="kind")]


class ManifestPlace(ApiModel):
    """Where the runner reads the list of files to transfer."""

    kind: Literal["Mounted", "Source", "Object"]
    """Mounted: a file of its own.  Source: below the source location.  Object: in a bucket."""
    path: str
    """Absolute, or the key below the source or the bucket's prefix."""
    side: S3Side | None = None
    """Of an Object: its bucket."""
    version_id: str | None = None
    """Of an Object: this version; absent: the newest."""


class ExecutionIdentity(ApiModel):
    """Which execution a plan, a result or an exchange belongs to."""

    namespace: str
    name: str
    uid: str
    task: str = ""
    """Whose run it is: the log is filed by it."""


class Exchange(ApiModel):
    """Where the runner listens for the operator, and the file with the bearer token it asks for."""

    host: str = "0.0.0.0"  # noqa: S104 - the operator reaches the pod at its own address
    port: int
    """0: any free port, told in the first line of the runner's log."""
    token_path: str


class PlannedReport(ApiModel):
    """The task report that a run writes."""

    destination: Side
    output_type: OutputType
    transferred: ReportLevel
    verified: ReportLevel
    deleted: ReportLevel
    skipped: ReportLevel
    object_version_ids: bool
    html: bool


class TransferPlan(ApiModel):
    """One run: two sides, the options, the filters."""

    version: Literal[1] = 1
    execution: ExecutionIdentity
    mode: RunMode = "Transfer"
    """DryRun: nothing is written."""
    source: Side
    destination: Side
    options: TaskOptions
    includes: tuple[IncludeRule, ...] = ()
    excludes: tuple[ExcludeRule, ...] = ()
    file_conditions: FileConditions | None = None
    manifest_place: ManifestPlace | None = None
    """Only what is listed there takes part; no filters then, and nothing is deleted."""
    guards: Guards = Field(default_factory=Guards)
    acknowledge: Acknowledgement = ""
    """The token of a hold that may go on."""
    cloud_watch: CloudWatchStream | None = None
    """Where the log goes beside stdout."""
    exchange: Exchange | None = None
    report: PlannedReport | None = None
    """The files that are written about the run; of a dry run none."""
    count_sizes: bool = False
    """Whether the result tells what was transferred by size."""
    baseline: Baseline | None = None
    """What the last run that succeeded has proven; it counts only for the same recipe."""

    def text(self) -> str:
        """The JSON document, the same text for the same plan."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    def hash(self) -> str:
        """What identifies the recipe: sha256 of what the run does.

        Not of who runs it, how fast, where credentials are mounted, and what earlier runs proved.
        """
        mounted = {"credentials_path", "ca_bundle_path", "krb5_conf_path"}
        recipe = self.model_dump_json(
            by_alias=True,
            exclude={
                "execution": True,
                "mode": True,
                "acknowledge": True,
                "exchange": True,
                "count_sizes": True,
                "report": True,
                "cloud_watch": True,
                "baseline": True,
                "options": {"bytes_per_second", "log_level"},
                "source": mounted,
                "destination": mounted,
                "manifest_place": {"side": mounted},
            },
        )
        return hashlib.sha256(recipe.encode()).hexdigest()

    def token(self, reason: Reason, deletions: int) -> str:
        """The token of a hold: it binds why, how many files, the two places and the filters.

        Not who runs it, so that a token holds for the next run of the same task as well, and not
        where a side is mounted, which changes with each local run.
        """
        places = self.model_dump_json(
            include={
                "source": {"uri"},
                "destination": {"uri"},
                "includes": True,
                "excludes": True,
                "file_conditions": True,
                "options": {"hidden_files"},
            }
        )
        bound = hashlib.sha256(f"{reason}/{deletions}/{places}".encode()).hexdigest()
        return f"{deletions}-{bound[:10]}"

    def acknowledged(self, reason: Reason) -> int:
        """How many deletions were acknowledged of those held back for this reason.

        0 where nothing was, or by the token of another hold.
        """
        number = self.acknowledge.partition("-")[0]
        deletions = int(number) if number else 0
        return deletions if self.acknowledge == self.token(reason, deletions) else 0


@dataclass(frozen=True)
class Places:
    """Where a side's parts are to be found by the runner, absolute paths."""

    mount: str
    credentials: str
    ca_bundle: str
    krb5_conf: str


def plan_side(location: LocationSpec, places: Places) -> AnySide:
    """The runner's view of a location whose parts are mounted at these places."""
    if lustre := location.fsx_lustre:
        # Its driver mounts whole file systems; the folder is reached below the mount.
        return PosixSide(uri=location.uri, root=places.mount, path=lustre.path.strip("/"))
    if location.nfs or location.efs or location.fsx_open_zfs or location.fsx_ontap:
        return PosixSide(uri=location.uri, root=places.mount)
    if claim := location.persistent_volume_claim:
        return PosixSide(
            uri=location.uri, root=places.mount, path=claim.path, read_only=claim.read_only
        )
    if storage := location.object_storage:
        return S3Side(
            uri=location.uri,
            bucket=storage.bucket,
            prefix=_folder(storage.prefix),
            region=storage.region,
            endpoint=storage.endpoint.rstrip("/"),
            addressing_style=storage.addressing_style,
            credentials_path=places.credentials if storage.credentials_secret_ref else None,
            ca_bundle_path=places.ca_bundle if storage.ca_bundle else None,
            payload_signing=storage.payload_signing,
        )
    if smb := location.smb:
        return SmbSide(
            uri=location.uri,
            server=smb.server,
            port=smb.port,
            share=smb.share,
            path=_folder(smb.path),
            version=smb.version,
            encryption=smb.encryption,
            credentials_path=places.credentials,
            kerberos_principal=smb.kerberos.principal if smb.kerberos else None,
            krb5_conf_path=places.krb5_conf if smb.kerberos else None,
        )
    if fsx := location.fsx_windows:
        return SmbSide(
            uri=location.uri,
            server=fsx.dns_name,
            share=fsx.share,
            path=_folder(fsx.path),
            credentials_path=places.credentials,
        )
    s3 = location.s3
    assert s3 is not None  # noqa: S101 - the model's own rule: exactly one member
    return S3Side(
        uri=location.uri,
        bucket=s3.bucket,
        prefix=_folder(s3.prefix),
        region=s3.region,
        endpoint=s3.endpoint.rstrip("/") if s3.endpoint else None,
        credentials_path=places.credentials if s3.credentials_secret_ref else None,
        storage_class=s3.storage_class,
        encryption=s3.encryption,
        role_arn=s3.role_arn,
        expected_bucket_owner=s3.expected_bucket_owner,
        requester_pays=s3.requester_pays,
    )


def make_plan(
    execution: ExecutionIdentity,
    task: TaskSpec,
    *,
    source: AnySide,
    destination: AnySide,
    exchange: Exchange | None,
    bytes_per_second: int | None = None,
    acknowledge: str = "",
    mode: RunMode = "Transfer",
    baseline: Baseline | None = None,
    manifest_file: str = "",
    manifest_side: AnySide | None = None,
    report_side: AnySide | None = None,
) -> TransferPlan:
    """The plan of one run of a task between two sides.

    `bytes_per_second` replaces the task's ceiling for this run; it is not validated again.
    `acknowledge` is the token of a hold that may go on.
    `manifest_file`: where a manifest out of a ConfigMap is, an absolute path.
    `manifest_side`: the bucket of a manifest that is an object.
    `report_side` is where the task's report goes; a dry run writes none.
    """
    logging = task.logging
    options = task.options
    if bytes_per_second is not None:
        options = options.model_copy(update={"bytes_per_second": bytes_per_second})
    return TransferPlan(
        execution=execution,
        mode=mode,
        source=source,
        destination=destination,
        options=options,
        includes=tuple(task.includes),
        excludes=tuple(task.excludes),
        file_conditions=task.file_conditions,
        manifest_place=_manifest_place(task.transfer_manifest, manifest_file, manifest_side),
        guards=task.guards,
        acknowledge=acknowledge,
        exchange=exchange,
        cloud_watch=stream_of(
            logging.cloud_watch, task=execution.task, execution=execution.name, uid=execution.uid
        )
        if logging is not None
        else None,
        baseline=baseline,
        report=_planned(task.report, report_side)
        if task.report is not None and report_side is not None and mode == "Transfer"
        else None,
        count_sizes=task.report is not None and task.report.html and mode == "Transfer",
    )


def _manifest_place(
    manifest: TransferManifest | None, mounted: str, side: AnySide | None
) -> ManifestPlace | None:
    if manifest is None:
        return None
    if (found := manifest.s3) is not None:
        assert isinstance(side, S3Side)  # noqa: S101 - `not_of_objects` is asked before
        return ManifestPlace(kind="Object", path=found.key, side=side, version_id=found.version_id)
    if manifest.path is not None:
        return ManifestPlace(kind="Source", path=manifest.path.strip("/"))
    return ManifestPlace(kind="Mounted", path=mounted)


def _planned(report: TaskReport, side: AnySide) -> PlannedReport:
    return PlannedReport(
        destination=side,
        output_type=report.output_type,
        transferred=report.level("transferred"),
        verified=report.level("verified"),
        deleted=report.level("deleted"),
        skipped=report.level("skipped"),
        object_version_ids=report.object_version_ids == "Include",
        html=report.html,
    )


REPORT_FOLDERS: Final = ("Summary-Reports", "Detailed-Reports")
"""Below them, in a folder for each task and execution, are the files of a report (AWS's names)."""


def cost_of(requests: Mapping[str, int], *sides: AnySide) -> EstimatedCost | None:
    """What requests to these sides cost.

    None where one of them is object storage that is not Amazon's: whose a request was is not known.
    The class of the last side that is a bucket counts: the destination's.
    """
    buckets = [side for side in sides if isinstance(side, S3Side)]
    if not buckets or not all(side.uri.startswith("s3://") for side in buckets):
        return None
    return estimated_cost(requests, storage_class=getattr(buckets[-1], "storage_class", "Standard"))


def reported_into(report: AnySide, synced: AnySide) -> bool:
    """Whether a report's files would lie inside of what a task synchronizes.

    | report | synced | |
    |---|---|---|
    | s3://a/x/ | s3://a/x/ | yes |
    | s3://a/x/y/ | s3://a/x/ | yes |
    | s3://a/ | s3://a/x/ | no: beside it |
    | s3://a/ | s3://a/Summary-Reports/ | yes |
    | s3://a/reports/ | s3://b/ | no |
    """
    if not nested(report, synced):
        return False
    one, other = report.uri, synced.uri
    if isinstance(report, SmbSide):
        one, other = one.casefold(), other.casefold()
    if one.startswith(other):
        return True
    return any(other.startswith(one + _cased(folder, report)) for folder in REPORT_FOLDERS)


def _cased(folder: str, side: AnySide) -> str:
    return f"{folder.casefold() if isinstance(side, SmbSide) else folder}/"


def nested(source: AnySide, destination: AnySide) -> bool:
    """Whether one side is the other, or a folder inside it: such a pair is refused.

    | source | destination | nested |
    |---|---|---|
    | s3://a/x/ | s3://a/x/ | yes |
    | s3://a/ | s3://a/x/ | yes |
    | s3://a/x/ | s3://a/xy/ | no |
    | nfs://h/a/ | nfs://h/a/b/ | yes |
    | nfs://h/a/ | s3://a/ | no |
    | smb://h/s/A/ | smb://H/S/a/b/ | yes: SMB does not tell cases apart |
    | efs://fs-1/ | efs://fs-1/fsap-2/ | yes: wherever an access point leads, it is within |
    | efs://fs-1/a/ | efs://fs-1/fsap-2/ | no: where it leads is not known |
    """
    if source.kind != destination.kind:
        return False
    one, other = source.uri, destination.uri
    if isinstance(source, SmbSide):
        one, other = one.casefold(), other.casefold()
    return one.startswith(other) or other.startswith(one)


def _folder(prefix: str) -> str:
    stripped = prefix.strip("/")
    return f"{stripped}/" if stripped else ""
