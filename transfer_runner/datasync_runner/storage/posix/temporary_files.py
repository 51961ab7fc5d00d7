"""Temporary files: made anew and removed, never opened where somebody else left one.

Two runs that write the same file at once have one temporary name for it.  The later one takes it,
as after a crash; the earlier one has to see that, or it would give the final name to what the other
has written half, and call that verified.  No call of the system does both at once, so it looks just
before it renames; on NFS it sees another machine's run when its kernel asks the server again.
"""

import contextlib
import os
from typing import Final

from datasync_runner.storage import errors

_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def free(folder_fd: int, path: bytes) -> None:
    """Remove what an interrupted run left, or somebody planted, under a temporary name.

    Raises: OSError.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path, dir_fd=folder_fd)


def create(folder_fd: int, path: bytes, mode: int = 0o600) -> int:
    """A new temporary file, open for reading and writing.  Raises: OSError.

    What an interrupted run left, or somebody planted, under that name is removed, never opened: it
    may be a link to another file.
    """
    try:
        return os.open(path, _CREATE, mode, dir_fd=folder_fd)
    except FileExistsError:
        os.unlink(path, dir_fd=folder_fd)
        return os.open(path, _CREATE, mode, dir_fd=folder_fd)


def refuse_taken(folder_fd: int, path: bytes, fd: int) -> None:
    """See that the temporary name is that of the open file still, just before it is renamed.

    Numbers of inodes may change on network file systems; another file of the same size and time
    does no harm.  Raises: Overtaken, OSError, as where the name is gone with its folder.
    """
    ours = os.fstat(fd)
    named = os.stat(path, dir_fd=folder_fd, follow_symlinks=False)
    same = (named.st_ino, named.st_dev) == (ours.st_ino, ours.st_dev)
    if not same and (named.st_size, named.st_mtime_ns) != (ours.st_size, ours.st_mtime_ns):
        raise errors.Overtaken("another run has begun to write the same file")
