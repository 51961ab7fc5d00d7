"""What kind of file system a folder is on: how it is read ahead, preallocated and copied depends.

It reads the kernel's own table, by the mount's number: names of devices mislead on overlays and
subvolumes.
"""

import os
import re
from pathlib import Path
from typing import Final

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "virtiofs", "lustre", "glusterfs", "afs"}
)
_SELF: Final = Path("/proc/self")


def file_system(fd: int) -> str:
    """The type of the file system (`ext4`, `nfs4`, ...); empty where the kernel does not tell."""
    try:
        info = (_SELF / "fdinfo" / str(fd)).read_text()
        mounts = os.fsdecode((_SELF / "mountinfo").read_bytes())
    except OSError:
        return ""
    return type_of_mount(mounts, info)


def type_of_mount(mounts: str, info: str) -> str:
    """The type in the text of `mountinfo` for a descriptor's `fdinfo`; empty when it is not there.

    Source: proc(5).  A line: number, parent, device, root, place, options, optional fields, ` - `,
    type, source, options.
    """
    number = re.search(r"^mnt_id:\s*(\d+)$", info, re.MULTILINE)
    if number is None:
        return ""
    found = re.search(rf"^{number[1]} .*? - (\S+)", mounts, re.MULTILINE)
    return found[1] if found else ""


def is_network(file_system_type: str) -> bool:
    """Whether calls wait for another machine (or for a program, in a FUSE file system)."""
    return file_system_type in _NETWORK or file_system_type.startswith("fuse")


def in_memory(file_system_type: str) -> bool:
    """Whether the page cache is all there is: no disk to sync to, or to ask for space."""
    return file_system_type in ("tmpfs", "ramfs")
