"""A file's metadata below a root: what stat tells as an entry, and an entry's as system calls.

What is right already is left alone: on a network file system every call is a round trip.
"""

import contextlib
import os
import stat
from collections.abc import Generator
from typing import Final

from datasync_runner.core.entry import Device, Entry, HardLink, Kind, PosixMetadata
from datasync_runner.storage import errors

USUAL_MODE: Final = 0o644
NOTHING: Final = PosixMetadata()

_KINDS: Final = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.FOLDER,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.DEVICE,
    stat.S_IFBLK: Kind.DEVICE,
}


def entry_of(key: bytes, found: os.stat_result) -> Entry:
    """The entry of what stat told."""
    mode = found.st_mode
    kind = _KINDS.get(stat.S_IFMT(mode), Kind.SPECIAL)
    mtime_ns = found.st_mtime_ns
    return Entry(
        key,
        kind,
        0 if kind is Kind.FOLDER else found.st_size,
        mtime_ns,
        PosixMetadata(mode & 0o7777, found.st_uid, found.st_gid, mtime_ns, found.st_atime_ns),
        changed_ns=found.st_ctime_ns,
        node=node_of(found),
    )


def node_of(found: os.stat_result) -> HardLink | Device | None:
    """What is to be known of a file with several names, and of a device node."""
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFREG:
        several = found.st_nlink > 1
        return HardLink(found.st_dev, found.st_ino, found.st_nlink) if several else None
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        return Device(kind == stat.S_IFBLK, found.st_rdev)
    return None


def stamp(found: os.stat_result) -> tuple[int, int, int, int]:
    """What changes when a file's content does."""
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def settle_owner_and_mode(
    fd: int, wanted: PosixMetadata, mode: int, found: os.stat_result
) -> os.stat_result:
    """Owner first, because a change of it clears set-user-ID.  Raises: OSError, Denied."""
    owner = _is_anothers(found, wanted)
    if owner:
        _give(fd, wanted)
    if owner or found.st_mode & 0o7777 != mode:
        os.fchmod(fd, mode)
        found = os.fstat(fd)
    if owner:
        _check_given(wanted, found)
    return found


def difference(wanted: PosixMetadata, have: PosixMetadata, kind: Kind) -> str:
    """In words, the first thing that is not as it should be; empty when all is.

    A link has no mode, and its time does not count: some NFS servers (nfs-ganesha) leave it as it
    is and say that they set it.
    """
    if wanted.uid not in (None, have.uid):
        return f"its uid is {have.uid} instead of {wanted.uid}"
    if wanted.gid not in (None, have.gid):
        return f"its gid is {have.gid} instead of {wanted.gid}"
    if kind is Kind.SYMLINK:
        return ""
    if wanted.mtime_ns not in (None, have.mtime_ns):
        return f"its mtime_ns is {have.mtime_ns} instead of {wanted.mtime_ns}"
    if wanted.mode not in (None, have.mode):
        return f"its mode is {have.mode} instead of {wanted.mode}"
    return ""


def _is_anothers(found: os.stat_result, wanted: PosixMetadata) -> bool:
    """Whether owner or group are not those that are wanted."""
    return wanted.uid not in (None, found.st_uid) or wanted.gid not in (None, found.st_gid)


def _give(
    target: int | str | bytes, wanted: PosixMetadata, *, folder_fd: int | None = None
) -> None:
    """Change the owner; `folder_fd`: of a name in it, which may be a link.

    Raises: OSError, Denied: root is nobody on many an NFS export, and a runner that may give files
    away finds it out here alone.
    """
    owner, group = or_keep(wanted.uid), or_keep(wanted.gid)
    try:
        if folder_fd is None:
            os.chown(target, owner, group)
        else:
            os.chown(target, owner, group, dir_fd=folder_fd, follow_symlinks=False)
    except PermissionError as error:
        raise _not_given(wanted, os.strerror(error.errno or 0)) from error


def _check_given(wanted: PosixMetadata, found: os.stat_result) -> None:
    """Raises Denied where the owner is another one: some servers (nfs-ganesha that takes root for
    nobody, an access point of EFS with a user of its own) answer that all went well."""
    if _is_anothers(found, wanted):
        raise _not_given(wanted, f"the file system made it {found.st_uid}, {found.st_gid}")


def _not_given(wanted: PosixMetadata, why: str) -> errors.Denied:
    return errors.Denied(
        f"cannot give it to uid {wanted.uid}, gid {wanted.gid}: {why}; an NFS export needs "
        "no_root_squash for that, an access point no user of its own, the agent the privileges "
        "PreserveOwnership; or set options.uid and options.gid to None"
    )


def or_keep(number: int | None) -> int:
    """What chown takes: -1 leaves it."""
    return -1 if number is None else number


def times(wanted: PosixMetadata, mtime_ns: int) -> tuple[int, int]:
    """What utime takes."""
    return (mtime_ns if wanted.atime_ns is None else wanted.atime_ns, mtime_ns)


def usual_mode(folder_fd: int, name: bytes) -> int:
    """The mode of the file that is replaced; for a new one 0644."""
    with contextlib.suppress(OSError):
        found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            return stat.S_IMODE(found.st_mode)
    return USUAL_MODE


def apply_to_name(folder_fd: int, name: bytes, entry: Entry) -> None:
    """Give a link its metadata by name.  Raises: OSError, Denied."""
    wanted = entry.metadata or NOTHING
    have = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    if _is_anothers(have, wanted):
        _give(name, wanted, folder_fd=folder_fd)
        _check_given(wanted, os.stat(name, dir_fd=folder_fd, follow_symlinks=False))
    if wanted.mtime_ns is not None and wanted.mtime_ns != have.st_mtime_ns:
        at = times(wanted, wanted.mtime_ns)
        os.utime(name, ns=at, dir_fd=folder_fd, follow_symlinks=False)


def apply(target: int | str, entry: Entry, *, keeps_owners: bool = True) -> None:
    """Give a file or folder its metadata; `keeps_owners`: whether its file system does.

    Raises: OSError, Denied.
    """
    wanted = entry.metadata or NOTHING
    have = os.stat(target)  # noqa: PTH116 - a descriptor, mostly
    if _is_anothers(have, wanted):
        _give(target, wanted)
        have = os.stat(target)  # noqa: PTH116 - a descriptor, mostly
        if keeps_owners:
            _check_given(wanted, have)
    if wanted.mode is not None and wanted.mode != stat.S_IMODE(have.st_mode):
        os.chmod(target, wanted.mode)  # noqa: PTH101
    if wanted.mtime_ns is not None and wanted.mtime_ns != have.st_mtime_ns:
        os.utime(target, ns=times(wanted, wanted.mtime_ns))


@contextlib.contextmanager
def path_of(folder_fd: int, name: bytes, kind: Kind = Kind.FILE) -> Generator[str]:
    """A path that stands for this very inode: O_PATH needs no right to read, and opens no device.

    Raises: OSError, Conflict when it is of another kind.
    """
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
    try:
        if _KINDS.get(stat.S_IFMT(os.fstat(fd).st_mode)) is not kind:
            raise errors.Conflict("it is of another kind now")
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
