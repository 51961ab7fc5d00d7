"""What kind of file system a folder is on: how it is read ahead, preallocated and copied depends,
and what it keeps of a file's metadata.

It reads the kernel's own table, by the mount's number: names of devices mislead on overlays and
subvolumes.
"""

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from datasync_runner.core.entry import EVERYTHING, Keeps

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "virtiofs", "lustre", "glusterfs", "afs"}
)
_CIFS: Final = frozenset({"cifs", "smb3"})
_KEEPS_MODES: Final = frozenset({"posix", "unix", "modefromsid", "cifsacl"})
"""Options of mount.cifs(8) with which chmod and chown reach the server."""
_CIFS_GRAIN_NS: Final = 100
"""Windows' times count so much (MS-DTYP 2.3.3)."""
_SELF: Final = Path("/proc/self")


class Mount(NamedTuple):
    """A mounted file system."""

    type: str = ""
    """`ext4`, `nfs4`, ...; empty where the kernel does not tell."""
    options: frozenset[str] = frozenset()


def mount_of(fd: int) -> Mount:
    """The file system of a descriptor."""
    try:
        info = (_SELF / "fdinfo" / str(fd)).read_text()
        mounts = os.fsdecode((_SELF / "mountinfo").read_bytes())
    except OSError:
        return Mount()
    return find_mount(mounts, info)


def find_mount(mounts: str, info: str) -> Mount:
    """The line of `mountinfo` for a descriptor's `fdinfo`; empty when it is not there.

    Source: proc(5).  A line: number, parent, device, root, place, options, optional fields, ` - `,
    type, source, options.
    """
    number = re.search(r"^mnt_id:\s*(\d+)$", info, re.MULTILINE)
    if number is None:
        return Mount()
    found = re.search(rf"^{number[1]} .*? - (\S+)(?: \S+ (\S+))?$", mounts, re.MULTILINE)
    return Mount(found[1], frozenset((found[2] or "").split(","))) if found else Mount()


def keeps(mount: Mount) -> Keeps:
    """What of POSIX metadata comes back as it was written.

    A share that the kernel mounts answers chmod and chown with success and keeps nothing of them:
    owner and mode are those that the mount's own options name.

    | type, options | owners and modes | times |
    |---|---|---|
    | ext4, nfs4, ... | kept | 1 ns |
    | cifs, nounix | not kept | 100 ns |
    | cifs, posix or modefromsid or cifsacl | kept | 100 ns |
    """
    if not is_share(mount):
        return EVERYTHING
    return Keeps(owners=bool(mount.options & _KEEPS_MODES), time_grain_ns=_CIFS_GRAIN_NS)


def is_network(file_system_type: str) -> bool:
    """Whether calls wait for another machine (or for a program, in a FUSE file system)."""
    return file_system_type in _NETWORK or file_system_type.startswith("fuse")


def is_share(mount: Mount) -> bool:
    """Whether it is an SMB share that the kernel mounted."""
    return mount.type in _CIFS


def in_memory(file_system_type: str) -> bool:
    """Whether the page cache is all there is: no disk to sync to, or to ask for space."""
    return file_system_type in ("tmpfs", "ramfs")
