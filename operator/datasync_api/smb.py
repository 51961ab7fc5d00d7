"""The members of a location that are reached by SMB: a server's share, and FSx for Windows.

What a share of FSx for ONTAP has in common with them is here as well.
"""

from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.text import Host, Reference, RelativePath, written_as

SmbVersion = Literal["Automatic", "SMB2", "SMB3", "SMB3_1_1"]
SmbAuthentication = Literal["NTLM", "Kerberos"]
SmbEncryption = Literal["Required", "IfOffered", "Off"]
SmbSigning = Literal["Required", "IfRequired"]
SmbAccess = Literal["Direct", "Mount"]

DEFAULT_PORT = 445
KRB5_CONF = "krb5.conf"
"""The key of a ConfigMap that holds it."""

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

NEEDS_A_NAME = "Kerberos knows servers by name: write the server's DNS name, not its address"
"""The message to a host that is an address, where Kerberos logs on."""


def has_a_name(host: str) -> str:
    """CEL for `is_a_name`."""
    return f"!({host}.matches('^[0-9.]+$') || {host}.contains(':'))"


def is_a_name(host: str) -> bool:
    """Whether a host is told by a DNS name, and not by an IPv4 or IPv6 address."""
    return not (host.replace(".", "").isdigit() or ":" in host)


Principal = Annotated[
    str,
    Field(max_length=256),
    written_as(
        r"[^@\x00-\x20]+@[^@\x00-\x20]+",
        "is not a principal with its realm: write it as in the keytab, as in backup@EXAMPLE.COM",
    ),
]


class Kerberos(ApiModel):
    """Who logs on by Kerberos, and where the KDCs are."""

    principal: Principal = Field(
        description="The principal with its realm, as it is in the keytab: case counts."
    )
    keytab_secret_ref: Reference = Field(description="A Secret with the key keytab.")
    krb5_conf_ref: Reference = Field(
        description="A ConfigMap with the key krb5.conf: the realm, and its KDCs."
    )


class SmbSession(ApiModel):
    """How the runner speaks to a share: in which version, as whom, and how secretly."""

    rules = (
        Rule(
            cel="self.encryption != 'Required' || self.version != 'SMB2'",
            message="SMB 2.1 cannot encrypt: set version to Automatic, SMB3 or SMB3_1_1, or "
            "encryption to IfOffered",
            field=".encryption",
            holds=lambda smb: smb.encryption != "Required" or smb.version != "SMB2",
        ),
        Rule(
            cel="self.authentication != 'NTLM' || "
            "(has(self.credentialsSecretRef) && !has(self.kerberos))",
            message="NTLM needs a user and password: set credentialsSecretRef, and kerberos only "
            "with authentication Kerberos",
            field=".credentialsSecretRef",
            holds=lambda smb: (
                smb.authentication != "NTLM"
                or (smb.credentials_secret_ref is not None and smb.kerberos is None)
            ),
        ),
        Rule(
            cel="self.authentication != 'Kerberos' || "
            "(has(self.kerberos) && !has(self.credentialsSecretRef))",
            message="Kerberos needs a principal and its keytab: set kerberos, and "
            "credentialsSecretRef only with authentication NTLM",
            field=".kerberos",
            holds=lambda smb: (
                smb.authentication != "Kerberos"
                or (smb.kerberos is not None and smb.credentials_secret_ref is None)
            ),
        ),
    )

    version: SmbVersion = Field(
        default="Automatic",
        description="Automatic: the newest that both sides know, from 2.1 to 3.1.1. SMB2 is 2.1 "
        "alone, SMB3 is 3.0.2 alone, SMB3_1_1 is 3.1.1 alone.",
    )
    authentication: SmbAuthentication = Field(
        default="NTLM",
        description="NTLM: NTLMv2, with user and password of credentialsSecretRef. "
        "Kerberos: with the keytab of kerberos.",
    )
    encryption: SmbEncryption = Field(
        default="IfOffered",
        description="Required: a server that cannot encrypt is refused. IfOffered: encrypted "
        "where the server can. Off: only where the server insists.",
    )
    signing: SmbSigning = Field(
        default="Required",
        description="Of messages that are not encrypted. Required: each is signed, so that nobody "
        "can change data on their way. IfRequired: only where the server insists, and at "
        "shares of DFS namespaces, which is faster, "
        "for networks that you trust; the log-on is signed always.",
    )
    credentials_secret_ref: Reference | None = Field(
        default=None,
        description="A Secret with username, password and, where the user is of one, domain.",
    )
    kerberos: Kerberos | None = Field(
        default=None, description="Principal, keytab and realm, for authentication Kerberos."
    )

    @property
    def secret_ref(self) -> Reference | None:
        """The Secret that is mounted: of the password, or of the keytab."""
        return self.kerberos.keytab_secret_ref if self.kerberos else self.credentials_secret_ref


class Smb(SmbSession):
    """A share of an SMB server, to which the runner speaks SMB itself, or which a node mounts."""

    rules = (
        *SmbSession.rules,
        Rule(
            cel="self.access != 'Mount' || self.encryption != 'IfOffered'",
            message="a node that mounts does not ask whether the server can encrypt: set "
            "encryption to Required or Off, or access to Direct",
            field=".encryption",
            holds=lambda smb: smb.access != "Mount" or smb.encryption != "IfOffered",
        ),
        Rule(
            cel="self.access != 'Mount' || self.authentication != 'Kerberos'",
            message="the CSI driver logs on with user and password, and takes no keytab: set "
            "authentication to NTLM, or access to Direct",
            field=".authentication",
            holds=lambda smb: smb.access != "Mount" or smb.authentication != "Kerberos",
        ),
        Rule(
            cel="self.access != 'Mount' || !self.share.contains(',')",
            message="a node cannot mount a share with a comma in its name, for options are told "
            "apart by commas: share it under another name, or set access to Direct",
            field=".share",
            holds=lambda smb: smb.access != "Mount" or "," not in smb.share,
        ),
        Rule(
            cel=f"self.authentication != 'Kerberos' || {has_a_name('self.server')}",
            message=NEEDS_A_NAME,
            field=".server",
            holds=lambda smb: smb.authentication != "Kerberos" or is_a_name(smb.server),
        ),
    )

    access: SmbAccess = Field(
        default="Direct",
        description="Direct: the runner speaks SMB itself, nothing is mounted. Mount: the node "
        "mounts the share by the CSI driver smb.csi.k8s.io, which must be installed; attributes, "
        "create times and security descriptors are then not kept.",
    )
    server: Host = Field(description="DNS name or IP address of the SMB server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=DEFAULT_PORT, description="TCP port of the server."
    )
    share: ShareName = Field(description="The name of the share, for example projects.")
    path: SmbPath = Field(default="", description="A folder within the share, with '/'.")


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
