"""Another name for a file that is there: link(2) under a temporary name, then renamed."""

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from datasync_runner.storage import errors
from datasync_runner.storage.posix.folders import Folders, split_key
from datasync_runner.storage.posix.temporary_files import free
from datasync_runner.storage.temporary_names import refuse_temporary, temporary_name

if TYPE_CHECKING:
    from datasync_runner.core.entry import Entry
    from datasync_runner.storage.values import Link


def make_link(folders: Folders, link: "Link") -> "Entry":
    """Give a file another name.

    Raises: OSError, as where the file system has no links or the file too many; Conflict when the
    first name is not what it should be.
    """
    folder, name = split_key(link.entry.key)
    refuse_temporary(name)
    first_folder, first = split_key(link.first)
    with folders.open(first_folder) as first_fd, folders.open(folder, create=True) as folder_fd:
        found = os.stat(first, dir_fd=first_fd, follow_symlinks=False)
        if problem := _problem(link, found):
            raise errors.Conflict(problem, link.entry.key)
        path = temporary_name(name)
        free(folder_fd, path)
        os.link(first, path, src_dir_fd=first_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
        try:
            made = os.stat(path, dir_fd=folder_fd, follow_symlinks=False)
            if _inode(made) != _inode(found):
                raise errors.Conflict("its first name was replaced meanwhile", link.entry.key)
            os.rename(path, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        finally:
            # Renamed onto a name of the same inode it would stay: rename(2).
            with contextlib.suppress(OSError):
                os.unlink(path, dir_fd=folder_fd)
    return link.entry


def _problem(link: "Link", found: os.stat_result) -> str:
    """Why the first name is not what the link is for; empty when it is."""
    if not stat.S_ISREG(found.st_mode) or found.st_size != link.entry.size_bytes:
        return "its first name is another file now"
    if link.kept and link.inode is not None and _inode(found) != link.inode:
        return "its first name was replaced meanwhile"
    if not link.kept and _inode(found) == link.inode:
        return "its first name could not be transferred"
    return ""


def _inode(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
