"""The clock that stamps a file system's changes, and which file system it is.

A file that is made for the purpose tells a file server's clock; where nothing may be written, a
margin covers what may lie between that clock and ours.
"""

import os
import time
from typing import Final

from datasync_runner.storage.posix.temporary_files import create
from datasync_runner.storage.temporary_names import temporary_name
from datasync_runner.storage.values import Standing

NS: Final = 1_000_000_000
NETWORK_MARGIN_SECONDS: Final = 300
"""How far behind ours a file server's clock may be."""
LOCAL_MARGIN_SECONDS: Final = 3
"""Ours is the clock; but stamps have two seconds on the coarsest file systems, and lag a tick."""


def standing(root_fd: int) -> Standing:
    """Which file system and folder this is, and when the folder last changed.  Raises: OSError."""
    found = os.fstat(root_fd)
    return Standing(f"{os.fstatvfs(root_fd).f_fsid:x}:{found.st_ino:x}", found.st_ctime_ns)


def earliest_stamp_ns(*, network: bool) -> int:
    """Before every stamp of changes from now on."""
    margin_seconds = NETWORK_MARGIN_SECONDS if network else LOCAL_MARGIN_SECONDS
    return time.time_ns() - margin_seconds * NS


def latest_stamp_ns(root_fd: int) -> int:
    """The stamp of a file that was made just now, and is gone again.  Raises: OSError."""
    name = temporary_name(b"clock")
    fd = create(root_fd, name)
    try:
        return os.fstat(fd).st_ctime_ns
    finally:
        os.close(fd)
        os.unlink(name, dir_fd=root_fd)
