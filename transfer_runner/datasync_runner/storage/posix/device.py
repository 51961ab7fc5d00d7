"""Device nodes: their names, numbers and metadata.  Nothing here ever opens one.

The node is made under its temporary name and gets its own when all is right, as a file does.
"""

import os
import stat

from datasync_runner.core.entry import Device, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.posix.folders import Folders, split_key
from datasync_runner.storage.posix.metadata import (
    NOTHING,
    USUAL_MODE,
    apply,
    entry_of,
    node_of,
    path_of,
)
from datasync_runner.storage.posix.new import NewFile
from datasync_runner.storage.posix.temporary_files import free
from datasync_runner.storage.temporary_names import temporary_name
from datasync_runner.storage.values import Content


def read_device(folders: Folders, key: bytes) -> Content:
    """A device node as it is now; its body is empty.  Raises: OSError, Conflict."""
    folder, name = split_key(key)
    with folders.open(folder) as folder_fd:
        entry = entry_of(key, os.stat(name, dir_fd=folder_fd, follow_symlinks=False))
    if entry.kind is not Kind.DEVICE:
        raise errors.Conflict("it is no device any more", key)
    return Content(entry, b"")


class NewDevice(NewFile):
    """One device node; nothing of it can be synced."""

    __slots__ = ()

    def create(self, folder_fd: int, name: bytes) -> None:
        """The node and its metadata.  Raises: OSError, Denied without the right to make one."""
        node = self.entry.node
        assert isinstance(node, Device)  # noqa: S101 - what lists a device lists its number
        kind = stat.S_IFBLK if node.block else stat.S_IFCHR
        wanted = self.entry.metadata or NOTHING
        mode = USUAL_MODE if wanted.mode is None else wanted.mode
        path = temporary_name(name)
        free(folder_fd, path)
        try:
            os.mknod(path, kind | 0o600, node.number, dir_fd=folder_fd)
        except PermissionError as error:
            raise errors.Denied(
                "the system lets the runner make no device node here (CAP_MKNOD)", self.entry.key
            ) from error
        self.folder_fd, self.name, self.path = folder_fd, name, path
        entry = self.entry._replace(metadata=wanted._replace(mode=mode))
        with path_of(folder_fd, path, Kind.DEVICE) as inode:
            apply(inode, entry)

    def prove(self) -> None:
        """Compare what is there with what was sent."""
        found = os.stat(self.path, dir_fd=self.folder_fd, follow_symlinks=False)
        if node_of(found) != self.entry.node:
            raise errors.VerificationFailed("it is another device than the one that was sent")
        self._compare(found)
