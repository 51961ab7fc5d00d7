"""A small file or link under its temporary name: created, synced, proven, renamed, or removed.

The temporary name is in the target's own folder, and the metadata is set before the rename, so that
a reader sees the old file or the new one.

Durability: a verified file's bytes are on the disk (fdatasync) before they are read back past the
page cache; without verification that is left to the kernel.  A rename is never forced to the disk:
after a power loss the old file or the new one is there, whole.
"""

import contextlib
import os
from typing import Final

from datasync_runner.checksums import crc64
from datasync_runner.storage import errors
from datasync_runner.storage.posix.files import checksum_of, write_all
from datasync_runner.storage.posix.metadata import (
    NOTHING,
    apply_to_name,
    difference,
    entry_of,
    settle_owner_and_mode,
    times,
    usual_mode,
)
from datasync_runner.storage.posix.temporary_files import create, free, refuse_taken
from datasync_runner.storage.temporary_names import temporary_name
from datasync_runner.storage.values import Content

_OWN_UID: Final = os.geteuid()
_OWN_GID: Final = os.getegid()
"""A process keeps its user and group."""


class NewFile:
    """One file; each step raises OSError or a StorageError, which the caller keeps in `error`."""

    __slots__ = ("body", "checksum", "entry", "error", "fd", "folder_fd", "mode", "name", "path")

    def __init__(self, content: Content) -> None:
        self.entry, self.body = content
        self.checksum = crc64(self.body)
        self.mode = 0
        self.error: errors.StorageError | None = None
        self.fd = self.folder_fd = -1
        self.name = self.path = b""

    def create(self, folder_fd: int, name: bytes) -> None:
        """The bytes and the times; the mode too, where owner and group are right."""
        body, wanted = self.body, self.entry.metadata or NOTHING
        mode = wanted.mode
        if mode is None:
            mode = usual_mode(folder_fd, name)
        self.folder_fd, self.name, self.mode = folder_fd, name, mode
        path = temporary_name(name)
        own = wanted.uid in (None, _OWN_UID) and wanted.gid in (None, _OWN_GID)
        early = mode & 0o777 if own else 0o600  # another group may not look in before it is settled
        fd = self.fd = create(folder_fd, path, early)
        self.path = path
        count = os.write(fd, body)
        if count != len(body):
            write_all(fd, body[count:])
        mtime_ns = wanted.mtime_ns
        if mtime_ns is not None:
            os.utime(fd, ns=times(wanted, mtime_ns))

    def settle(self) -> None:
        """Owner and mode, where it was not made with them."""
        if self.fd >= 0:
            self._settled()

    def start_sync(self) -> None:
        """Let the kernel begin to write, so that the syncs of a group wait once together."""
        if self.fd >= 0:
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def sync(self) -> None:
        """On the disk, and out of the page cache."""
        if self.fd >= 0:
            os.fdatasync(self.fd)
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def prove(self) -> None:
        """Settle it, and compare what is there with what was sent."""
        size_bytes = len(self.body)
        checksum = checksum_of(self.fd, size_bytes)
        found = self._settled()  # last, just before the rename: it sees whether the name is taken
        if (found.st_size, checksum) != (size_bytes, self.checksum):
            raise errors.VerificationFailed("its content differs from what was sent")
        self._compare(found)

    def _settled(self) -> os.stat_result:
        """What is there once owner and mode are right, as far as they can be made so."""
        made = os.fstat(self.fd)
        if made.st_nlink == 0:  # asked only then: one more call for each file would cost
            self.refuse_taken()
        return settle_owner_and_mode(self.fd, self.entry.metadata or NOTHING, self.mode, made)

    def refuse_taken(self) -> None:
        """See that no other run has taken the name, where settling may not have seen it.

        That is when others were proven since, and on network file systems: NFS keeps a file that is
        removed while it is open, under another name.  Raises: Overtaken, OSError.
        """
        if self.fd >= 0:
            try:
                refuse_taken(self.folder_fd, self.path, self.fd)
            except errors.Overtaken:
                self.path = b""  # the other run's, not to be removed
                raise

    def _compare(self, found: os.stat_result) -> None:
        entry = self.entry
        wanted = entry.metadata or NOTHING
        if (
            wanted.mtime_ns in (None, found.st_mtime_ns)
            and wanted.mode in (None, found.st_mode & 0o7777)
            and wanted.uid in (None, found.st_uid)
            and wanted.gid in (None, found.st_gid)
        ):
            return  # nearly always, and cheaper than the words below
        have = entry_of(entry.key, found).metadata or NOTHING
        if problem := difference(wanted, have, entry.kind):
            raise errors.VerificationFailed(problem)

    def rename(self) -> None:
        """Give it its name."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)  # where a network file system tells at last that it could not write
        folder_fd = self.folder_fd
        os.rename(self.path, self.name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        self.path = b""

    def discard(self) -> None:
        """Close and remove it, unless it was renamed; raises nothing."""
        if self.fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self.fd)
            self.fd = -1
        if self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path, dir_fd=self.folder_fd)


class NewLink(NewFile):
    """One symbolic link; nothing of it can be synced."""

    __slots__ = ()

    def create(self, folder_fd: int, name: bytes) -> None:
        """The link and its metadata."""
        target = self.body
        if not target or b"\0" in target or len(target) > 4095:
            raise errors.NameNotRepresentable("the link's target is empty, too long or holds NUL")
        path = temporary_name(name)
        free(folder_fd, path)
        os.symlink(target, path, dir_fd=folder_fd)
        self.folder_fd, self.name, self.path = folder_fd, name, path
        apply_to_name(folder_fd, path, self.entry)

    def prove(self) -> None:
        """Compare what is there with what was sent."""
        found = os.stat(self.path, dir_fd=self.folder_fd, follow_symlinks=False)
        if os.readlink(self.path, dir_fd=self.folder_fd) != self.body:
            raise errors.VerificationFailed("its content differs from what was sent")
        self._compare(found)
