"""The names under which files are written before they get their own."""

import contextlib
import hashlib
import os
import re
from typing import Final

from datasync_runner.storage.errors import NameNotRepresentable

TEMPORARY: Final = re.compile(rb"\.datasync-[0-9a-f]{16}(?:[0-9a-f]{16})?\.tmp")
"""Also the shorter form of earlier releases, so that their leftovers go too."""
PREFIX: Final = b".datasync-"

READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def temporary_name(name: bytes) -> bytes:
    """The same for the same name, so that a later run overwrites what an interrupted one left.

    128 bits: nobody finds two names of one folder that would meet in it.
    """
    return PREFIX + hashlib.blake2b(name, digest_size=16).hexdigest().encode() + b".tmp"


def refuse_temporary(name: bytes) -> None:
    """Raises: NameNotRepresentable for a file that would be taken for one of ours, and removed."""
    if TEMPORARY.fullmatch(name):
        raise NameNotRepresentable("it has the name of a temporary file of the runner itself")


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
        return os.open(path, CREATE, mode, dir_fd=folder_fd)
    except FileExistsError:
        os.unlink(path, dir_fd=folder_fd)
        return os.open(path, CREATE, mode, dir_fd=folder_fd)
