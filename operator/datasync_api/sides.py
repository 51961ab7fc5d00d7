"""The sides of a plan: a location as the runner sees it, mounted, and how two of them lie."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from datasync_api.aws_file_systems import OntapShare
from datasync_api.base import ApiModel
from datasync_api.location import LocationSpec
from datasync_api.object_storage import AddressingStyle, PayloadSigning
from datasync_api.s3_location import Encryption, StorageClass
from datasync_api.smb import DEFAULT_PORT, Smb, SmbEncryption, SmbSigning, SmbVersion


class PosixSide(ApiModel):
    """A folder: of an NFS server, of EFS or FSx, of a volume or a mounted share, or a local one."""

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
    signing: SmbSigning = "Required"
    credentials_path: str
    """A folder with a file for each key of the Secret: the password's, or the keytab's."""
    kerberos_principal: str | None = None
    """Who logs on by Kerberos; absent: NTLM."""
    krb5_conf_path: str | None = None
    """The krb5.conf of the principal's realm."""


AnySide = PosixSide | S3Side | SmbSide
Side = Annotated[AnySide, Field(discriminator="kind")]


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
    if mounted := location.mounted_share:
        return PosixSide(uri=location.uri, root=places.mount, path=mounted.path.strip("/"))
    ontap = location.fsx_ontap
    if location.nfs or location.efs or location.fsx_open_zfs or (ontap and ontap.path):
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
        return _share(location.uri, smb.server, smb, places, port=smb.port)
    if ontap and ontap.smb:
        return _share(location.uri, ontap.dns_name, ontap.smb, places)
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


def _share(
    uri: str, server: str, share: Smb | OntapShare, places: Places, *, port: int = DEFAULT_PORT
) -> SmbSide:
    kerberos = share.kerberos
    return SmbSide(
        uri=uri,
        server=server,
        port=port,
        share=share.share,
        path=_folder(share.path),
        version=share.version,
        encryption=share.encryption,
        signing=share.signing,
        credentials_path=places.credentials,
        kerberos_principal=kerberos.principal if kerberos else None,
        krb5_conf_path=places.krb5_conf if kerberos else None,
    )


def _folder(prefix: str) -> str:
    stripped = prefix.strip("/")
    return f"{stripped}/" if stripped else ""
