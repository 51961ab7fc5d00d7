"""Temporary files: made anew and removed, never opened where somebody else left one."""

import contextlib
import os
from typing import Final

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
