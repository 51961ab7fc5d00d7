"""The options with which a node mounts an SMB share.  Pure.

Source: mount.cifs(8), and csi-driver-smb, docs/driver-parameters.md and deploy/example/pv-smb.yaml.
"""

from typing import Final

from datasync_api.smb import DEFAULT_PORT, Smb
from datasync_operator.decide.naming import Side

_DIALECTS: Final = {"SMB2": "2.1", "SMB3": "3.02", "SMB3_1_1": "3.1.1"}
_ALWAYS: Final = (
    # What a share does not tell of its files, as AWS DataSync fills it in.
    "uid=65534",
    "gid=65534",
    "file_mode=0644",
    "dir_mode=0755",
    # The server says who may do what, not the line above: the runner is another user.
    "noperm",
    "cache=strict",
    # The driver's documentation: numbers of files that some servers give twice corrupt data.
    "noserverino",
    # A session of its own, so that a password that was changed holds from the next run on.
    "nosharesock",
)
_NTLM: Final = {"Required": "sec=ntlmsspi", "IfRequired": "sec=ntlmssp"}
"""NTLMv2, with all messages signed, or only where the server insists."""


def share_mount_options(share: Smb, side: Side) -> list[str]:
    """The mount options of a share.

    | field | option |
    |---|---|
    | version SMB2, SMB3, SMB3_1_1 | vers=2.1, vers=3.02, vers=3.1.1 |
    | version Automatic | none: from 2.1 to 3.1.1, as the node's kernel negotiates |
    | encryption Required | seal, by which a server that cannot encrypt is refused |
    | encryption Off | none: only where the server insists |
    | signing Required | sec=ntlmsspi: messages are signed |
    | signing IfRequired | sec=ntlmssp: where the server insists |
    | port, other than 445 | port= |
    | the location is the source | ro |
    """
    options: list[str] = [*_ALWAYS, _NTLM[share.signing]]
    if share.version != "Automatic":
        options.append(f"vers={_DIALECTS[share.version]}")
    if share.encryption == "Required":
        options.append("seal")
    if share.port != DEFAULT_PORT:
        options.append(f"port={share.port}")
    if side == "source":
        options.append("ro")
    return options
