"""Where the tools read and write: a bucket of a server, a folder, or a share."""

from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import boto3
from botocore.config import Config


class Server(Protocol):
    """What a benchmark needs of an S3 server; the bench server's own controls may do nothing."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str

    def stats(self) -> dict[str, int]: ...
    def zero(self) -> None: ...
    def clear(self, bucket: str) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """All of a bucket, and how to be let in."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    ca: Path | None = None
    """The certificates to trust, over https."""
    sign_payload: bool = False
    """Over http ours signs the hash of every body too; the fastest peer does not."""

    @classmethod
    def of(cls, server: Server, name: str, *, endpoint: str = "", ca: Path | None = None) -> Self:
        """A bucket of that server, reached by its http endpoint or by another one."""
        return cls(
            endpoint=endpoint or server.endpoint,
            name=name,
            access_key=server.access_key,
            secret_key=server.secret_key,
            region=server.region,
            ca=ca,
        )

    def by(self, proxy: str) -> "Bucket":
        """The same bucket through a proxy that may change bytes: every body is signed."""
        return replace(self, endpoint=proxy, sign_payload=True)

    def client(self) -> Any:
        """A boto3 client, for looks behind the scenes; close it after use."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            verify=str(self.ca) if self.ca else None,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    path: Path


class Protection(Enum):
    """Of the messages between a share and its clients, all of them."""

    PLAIN = "not signed"
    SIGNED = "signed"
    ENCRYPTED = "encrypted"


@dataclass(frozen=True, kw_only=True)
class Share:
    """A folder of an SMB server's share, and how to be let in."""

    host: str
    port: int
    name: str
    path: str
    username: str
    password: str = field(repr=False)
    protection: Protection

    @property
    def encryption(self) -> Literal["Required", "Off"]:
        """Of a location."""
        return "Required" if self.protection is Protection.ENCRYPTED else "Off"

    @property
    def signing(self) -> Literal["Required", "IfRequired"]:
        """Of a location; the server does not insist."""
        return "IfRequired" if self.protection is Protection.PLAIN else "Required"


Place = Bucket | Folder | Share
