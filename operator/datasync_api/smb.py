"""The members of a location that are reached by SMB: a server's share, and FSx for Windows."""

from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.text import Host, Reference, RelativePath, written_as

SmbVersion = Literal["Automatic", "SMB2", "SMB3", "SMB3_1_1"]
SmbAuthentication = Literal["NTLM"]
SmbEncryption = Literal["Required", "IfOffered", "Off"]

DEFAULT_PORT = 445

ShareName = Annotated[
    str,
    Field(min_length=1, max_length=80),
    written_as(
        r'[^/\\:*?"<>|\x00-\x1f]+',
        "is not the name of a share: write it alone, as in projects, and folders of it in path",
    ),
]
"""MS-DFSC 2.2.3, "sharename": at most 80 characters."""

SmbPath = Annotated[
    RelativePath,
    Rule(
        cel=r"!self.contains('\\')",
        message="must not contain a backslash: write folders with '/', as in projects/2024",
        holds=lambda path: "\\" not in path,
    ),
]


class Smb(ApiModel):
    """A share of an SMB server; the runner speaks SMB itself, nothing is mounted."""

    rules = (
        Rule(
            cel="self.encryption != 'Required' || self.version != 'SMB2'",
            message="SMB 2.1 cannot encrypt: set version to Automatic, SMB3 or SMB3_1_1, or "
            "encryption to IfOffered",
            field=".encryption",
            holds=lambda smb: smb.encryption != "Required" or smb.version != "SMB2",
        ),
    )

    server: Host = Field(description="DNS name or IP address of the SMB server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=DEFAULT_PORT, description="TCP port of the server."
    )
    share: ShareName = Field(description="The name of the share, for example projects.")
    path: SmbPath = Field(default="", description="A folder within the share, with '/'.")
    version: SmbVersion = Field(
        default="Automatic",
        description="Automatic: the newest that both sides know, from 2.1 to 3.1.1. SMB2 is 2.1 "
        "alone, SMB3 is 3.0.2 alone, SMB3_1_1 is 3.1.1 alone.",
    )
    authentication: SmbAuthentication = Field(
        default="NTLM", description="How the user of the Secret logs on: NTLMv2."
    )
    encryption: SmbEncryption = Field(
        default="IfOffered",
        description="Required: a server that cannot encrypt is refused. IfOffered: encrypted "
        "where the server can. Off: only where the server insists. Messages are signed always.",
    )
    credentials_secret_ref: Reference = Field(
        description="A Secret with username, password and, where the user is of one, domain."
    )


class FsxWindows(ApiModel):
    """A share of an Amazon FSx for Windows File Server file system."""

    dns_name: Host = Field(
        description="The file system's DNS name, for example amznfsxa1b2c3d4.corp.example.com."
    )
    share: ShareName = Field(default="share", description="The name of the share.")
    path: SmbPath = Field(default="", description="A folder within the share, with '/'.")
    credentials_secret_ref: Reference = Field(
        description="A Secret with username, password and, where the user is of one, domain."
    )


def address(server: str, port: int) -> str:
    """Host and port of a URI; the usual port is left out.

    | server | port | |
    |---|---|---|
    | nas | 445 | nas |
    | nas | 4450 | nas:4450 |
    | fd00::1 | 4450 | [fd00::1]:4450 |
    """
    host = f"[{server}]" if ":" in server else server
    return host if port == DEFAULT_PORT else f"{host}:{port}"
