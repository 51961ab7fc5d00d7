"""Opening a location's root: what must hold before anything is read or written, and what is there.

Every refusal says what to change; nothing is opened through a link.
"""

import os
import re
from pathlib import Path
from typing import Final

from datasync_api.sides import PosixSide
from datasync_runner.storage import errors
from datasync_runner.storage.posix.copy import shares_blocks
from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.folders import Folders, open_folder, split_key
from datasync_runner.storage.posix.large import Place
from datasync_runner.storage.posix.mount import (
    in_memory,
    is_network,
    is_share,
    keeps,
    mount_of,
)
from datasync_runner.storage.posix.nearby import Nearby
from datasync_runner.storage.posix.small import SmallWriter
from datasync_runner.storage.posix.turns import Turns

_CAP_CHOWN: Final = 1 << 0
_CAP_MKNOD: Final = 1 << 27


def may_chown() -> bool:
    """Whether the kernel would let this process give files away."""
    return _has(_CAP_CHOWN)


def may_mknod() -> bool:
    """Whether this process has the right to make device nodes; a container may still refuse it."""
    return _has(_CAP_MKNOD)


def _has(capability: int) -> bool:
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
        if found:
            return bool(int(found[1], 16) & capability)
    return os.geteuid() == 0


class Root:
    """An open root, and what its file system is like."""

    def __init__(self, fd: int, *, verifies: bool) -> None:
        mount, device = mount_of(fd), os.fstat(fd).st_dev
        kind = mount.type
        self.fd = fd
        self.keeps = keeps(mount)
        self.folders = Folders(fd, text_names=is_share(mount), keeps_owners=self.keeps.owners)
        self.network = is_network(kind)
        self.place = Place(
            self.folders,
            allocates=not (in_memory(kind) or self.network),
            copies=lambda reader: shares_blocks(kind) and reader.device == device,
            nearby=Nearby(network=self.network, quick=not self.network),
        )
        self.turns = Turns(network=self.network)
        self.nearby = Nearby(network=self.network)
        self.small = SmallWriter(
            self.folders,
            self.turns,
            verifies=verifies,
            syncs=not in_memory(kind),
            network=self.network,
        )

    def close(self) -> None:
        """Close every descriptor."""
        self.folders.close()
        os.close(self.fd)


def open_source(side: PosixSide) -> int:
    """The descriptor of what is read.  Raises: ConfigurationInvalid, Unavailable."""
    return _open(side, create=False)


def is_missing(side: PosixSide) -> bool:
    """Whether the path is not there yet, below a root that is; nothing is made."""
    try:
        os.close(_walk_to(side, create=False))
    except FileNotFoundError:
        return Path(side.root).is_dir()
    except OSError:
        return False  # who opens it says what is wrong
    return False


def open_destination(side: PosixSide, *, sets_owner: bool, makes_devices: bool) -> int:
    """The descriptor of what is written, made where it is missing.

    Raises: ConfigurationInvalid, Unavailable.
    """
    where = _where(side)
    if side.read_only:
        raise errors.ConfigurationInvalid(
            f"the destination {where} is read-only; set readOnly: false at the location, or "
            "name another destination"
        )
    if sets_owner and not may_chown() and _keeps_owners(side):
        raise errors.OptionsInvalid(
            f"owners cannot be kept at the destination {where}: the runner may not change the "
            "owner of files; set options.uid and options.gid to None, or the agent's "
            "privileges to PreserveOwnership"
        )
    if makes_devices and not may_mknod():
        raise errors.OptionsInvalid(
            f"device nodes cannot be kept at the destination {where}: the runner has no right to "
            "make them (CAP_MKNOD); set options.preserveDevices to None, or the agent's "
            "privileges to PreserveOwnership"
        )
    fd = _open(side, create=True)
    if not os.access(f"/proc/self/fd/{fd}", os.W_OK, effective_ids=True):
        read_only = os.fstatvfs(fd).f_flag & os.ST_RDONLY
        os.close(fd)
        if read_only:
            raise errors.ConfigurationInvalid(
                f"the destination {where} is on a file system that is mounted read-only; mount it "
                "for writing (its mount options, the export, the claim), or look for errors of its "
                "disk: the kernel takes it out of writing then"
            )
        raise errors.ConfigurationInvalid(
            f"the runner (uid {os.geteuid()}) may not write to the destination {where}; give "
            "it the right (on NFS root may have none, without no_root_squash), or set the agent's "
            "runAsUser or privileges"
        )
    return fd


def _keeps_owners(side: PosixSide) -> bool:
    try:
        fd = os.open(side.root, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return True  # who opens it says what is wrong
    try:
        return keeps(mount_of(fd)).owners
    finally:
        os.close(fd)


def _where(side: PosixSide) -> str:
    return f"{side.uri} (mounted at {side.root})"


def _open(side: PosixSide, *, create: bool) -> int:
    try:
        return _walk_to(side, create=create)
    except OSError as error:
        found = translate(error, b"", "open the folder")
        if isinstance(found, errors.Unavailable):
            raise found from error
        raise errors.ConfigurationInvalid(
            f"{found.message} '/{side.path}' of {_where(side)}; check that the path exists, is "
            "a folder reached without symbolic links, and that the runner may enter it"
        ) from error


def _walk_to(side: PosixSide, *, create: bool) -> int:
    names = [name for name in os.fsencode(side.path).split(b"/") if name not in (b"", b".")]
    for name in names:
        split_key(name)  # refuses ..
    fd = os.open(side.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in names:
        parent = fd
        try:
            fd = open_folder(name, parent, create=create)
        finally:
            os.close(parent)
    return fd
