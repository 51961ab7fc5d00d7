"""Files, links and folders below a root: reading, writing whole, checking.  Synchronous.

Writing: a temporary name in the target's own folder, metadata first, then rename, so that a reader
sees the old file or the new one.  Durability: a file is on the disk (fdatasync) before it counts as
verified; without verification that is left to the kernel.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Generator
from typing import Final

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.core.parts import MIB, SMALL_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.port import Content, Written
from datasync_runner.storage.posix_folders import Folders, split_key
from datasync_runner.storage.posix_walk import entry_of

CHUNK: Final = 8 * MIB
TRIES: Final = 3
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def stamp(found: os.stat_result) -> tuple[int, int, int, int]:
    """What changes when a file's content does."""
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def open_file(folders: Folders, key: bytes) -> int:
    """A regular file's descriptor.  Raises: OSError, Conflict when it is no regular file."""
    folder, name = split_key(key)
    with folders.open(folder) as folder_fd:
        fd = os.open(name, _READ, dir_fd=folder_fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise errors.Conflict("it is no regular file any more", key)
    return fd


def read_small(folders: Folders, entry: Entry) -> Content:
    """A whole file, or a link's target; read again while it changes.

    Raises: OSError, ChangedDuringTransfer.
    """
    if entry.kind is Kind.SYMLINK:
        return _read_link(folders, entry.key)
    for _ in range(TRIES):
        fd = open_file(folders, entry.key)
        try:
            before = os.fstat(fd)
            if before.st_size > SMALL_BYTES:
                break
            pieces = list(iter(lambda fd=fd: os.read(fd, SMALL_BYTES + 1), b""))
            same = stamp(before) == stamp(os.fstat(fd))
        finally:
            os.close(fd)
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if same and len(body) == before.st_size:
            return Content(entry_of(entry.key, before), body)
    raise errors.ChangedDuringTransfer("it kept changing while it was read", entry.key)


def _read_link(folders: Folders, key: bytes) -> Content:
    folder, name = split_key(key)
    with folders.open(folder) as folder_fd:
        found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        return Content(entry_of(key, found), os.readlink(name, dir_fd=folder_fd))


def temporary_name(name: bytes) -> bytes:
    """The same for the same name, so that a later run overwrites what an interrupted one left."""
    return b".datasync-" + hashlib.sha256(name).hexdigest()[:16].encode() + b".tmp"


def write_small(folders: Folders, content: Content) -> Written:
    """Write a whole file or a link.  Raises: OSError, NameNotRepresentable."""
    entry, body = content
    folder, name = split_key(entry.key)
    with folders.open(folder, create=True) as folder_fd:
        if entry.kind is Kind.SYMLINK:
            _write_link(folder_fd, name, entry, body)
        else:
            with temporary(folder_fd, name) as fd:
                write_all(fd, body)
                commit(folder_fd, name, fd, entry)
    return Written(entry, crc64(body))


@contextlib.contextmanager
def temporary(folder_fd: int, name: bytes) -> Generator[int]:
    """A new temporary file for a name, removed again unless it was committed.

    What an interrupted run left, or somebody planted, under that name is removed, never opened: it
    may be a link to another file.
    """
    path = temporary_name(name)
    try:
        fd = os.open(path, _WRITE, 0o600, dir_fd=folder_fd)
    except FileExistsError:
        os.unlink(path, dir_fd=folder_fd)
        fd = os.open(path, _WRITE, 0o600, dir_fd=folder_fd)
    try:
        yield fd
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path, dir_fd=folder_fd)
        raise
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write everything.  Raises: OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def commit(folder_fd: int, name: bytes, fd: int, entry: Entry) -> None:
    """Metadata, then the final name.  Raises: OSError."""
    wanted = entry.metadata or PosixMetadata()
    if wanted.uid is not None or wanted.gid is not None:
        os.fchown(fd, _or_keep(wanted.uid), _or_keep(wanted.gid))
    mode = wanted.mode
    os.fchmod(fd, _usual_mode(folder_fd, name) if mode is None else mode)
    if wanted.mtime_ns is not None:
        os.utime(fd, ns=_times(wanted, wanted.mtime_ns))
    os.rename(temporary_name(name), name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)


def _or_keep(number: int | None) -> int:
    return -1 if number is None else number


def _times(wanted: PosixMetadata, mtime_ns: int) -> tuple[int, int]:
    return (mtime_ns if wanted.atime_ns is None else wanted.atime_ns, mtime_ns)


def _usual_mode(folder_fd: int, name: bytes) -> int:
    """The mode of the file that is replaced; for a new one what `open` would give."""
    with contextlib.suppress(OSError):
        found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            return stat.S_IMODE(found.st_mode)
    return 0o644


def _write_link(folder_fd: int, name: bytes, entry: Entry, target: bytes) -> None:
    if not target or b"\0" in target or len(target) > 4095:
        raise errors.NameNotRepresentable(
            "the link's target is empty, too long or holds NUL", entry.key
        )
    path = temporary_name(name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path, dir_fd=folder_fd)
    os.symlink(target, path, dir_fd=folder_fd)
    try:
        _apply_to_name(folder_fd, path, entry)
        os.rename(path, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path, dir_fd=folder_fd)
        raise


def _apply_to_name(folder_fd: int, name: bytes, entry: Entry) -> None:
    """Give a link or folder its metadata by name; what is right already is left alone."""
    wanted = entry.metadata or PosixMetadata()
    have = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    if wanted.uid not in (None, have.st_uid) or wanted.gid not in (None, have.st_gid):
        os.chown(
            name,
            _or_keep(wanted.uid),
            _or_keep(wanted.gid),
            dir_fd=folder_fd,
            follow_symlinks=False,
        )
    if wanted.mtime_ns is not None and wanted.mtime_ns != have.st_mtime_ns:
        times = _times(wanted, wanted.mtime_ns)
        os.utime(name, ns=times, dir_fd=folder_fd, follow_symlinks=False)


def _apply(target: int | str, entry: Entry) -> None:
    """Give a file or folder its metadata; what is right already is left alone."""
    wanted = entry.metadata or PosixMetadata()
    have = os.stat(target)  # noqa: PTH116 - a descriptor, mostly
    if wanted.uid not in (None, have.st_uid) or wanted.gid not in (None, have.st_gid):
        os.chown(target, _or_keep(wanted.uid), _or_keep(wanted.gid))
        have = os.stat(target)  # noqa: PTH116 - a descriptor, mostly
    if wanted.mode is not None and wanted.mode != stat.S_IMODE(have.st_mode):
        os.chmod(target, wanted.mode)  # noqa: PTH101
    if wanted.mtime_ns is not None and wanted.mtime_ns != have.st_mtime_ns:
        os.utime(target, ns=_times(wanted, wanted.mtime_ns))


def update_metadata(folders: Folders, entry: Entry) -> Entry:
    """Metadata of a file or link that is there already.  Raises: OSError, Conflict."""
    folder, name = split_key(entry.key)
    if entry.kind is Kind.SYMLINK:
        with folders.open(folder) as folder_fd:
            _apply_to_name(folder_fd, name, entry)
        return entry
    with folders.open(folder) as folder_fd, _path_of(folder_fd, name) as path:
        _apply(path, entry)
    return entry


@contextlib.contextmanager
def _path_of(folder_fd: int, name: bytes) -> Generator[str]:
    """A path that stands for this very inode: O_PATH needs no right to read the file."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise errors.Conflict("it is no regular file any more")
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def write_folder(folders: Folders, entry: Entry) -> Entry:
    """Make a folder where it is missing, and give it its metadata.  Raises: OSError."""
    with folders.open(entry.key, create=True) as fd:
        _apply(fd, entry)
    return entry


def delete(folders: Folders, key: bytes) -> bytes:
    """Remove a file, a link or an empty folder; what is gone already is fine.  Raises: OSError."""
    folder, name = split_key(key)
    with contextlib.suppress(FileNotFoundError), folders.open(folder) as folder_fd:
        if key.endswith(b"/"):
            os.rmdir(name, dir_fd=folder_fd)
            folders.forget(key)
        else:
            os.unlink(name, dir_fd=folder_fd)
    return key


def verify(folders: Folders, written: Written) -> Written:
    """Read a file back past the page cache, and compare it and its metadata.

    Raises: OSError, VerificationFailed.
    """
    entry = written.entry
    if entry.kind is Kind.SYMLINK:
        content = _read_link(folders, entry.key)
        found, checksum = content.entry, crc64(content.body)
    else:
        fd = open_file(folders, entry.key)
        try:
            os.fdatasync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            found = entry_of(entry.key, os.fstat(fd))
            checksum = 0
            while chunk := os.read(fd, CHUNK):
                checksum = crc64(chunk, checksum)
        finally:
            os.close(fd)
    if found.size_bytes != entry.size_bytes or checksum != written.checksum:
        raise errors.VerificationFailed("its content differs from what was sent", entry.key)
    wanted, have = entry.metadata or PosixMetadata(), found.metadata or PosixMetadata()
    names = ("uid", "gid", "mtime_ns") + (() if entry.kind is Kind.SYMLINK else ("mode",))
    for name in names:
        if getattr(wanted, name) not in (None, getattr(have, name)):
            raise errors.VerificationFailed(
                f"its {name} is {getattr(have, name)} instead of {getattr(wanted, name)}", entry.key
            )
    return written
