"""Temporary files of interrupted runs: met while listing, removed when a run ends."""

import os
from typing import Final

from datasync_runner.storage.posix.folders import Folders, split_key

MAX_LEFTOVERS: Final = 10_000


class Leftovers:
    """Those that one run has met; what it makes itself is not older than it."""

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._keys: list[bytes] = []

    def add(self, key: bytes) -> None:
        """Remember one, up to MAX_LEFTOVERS: the next run meets the others."""
        if len(self._keys) < MAX_LEFTOVERS:
            self._keys.append(key)

    def remove(self, folders: Folders) -> None:
        """Remove those that are older than the run.  Raises nothing."""
        for key in self._keys:
            folder, name = split_key(key)
            try:
                with folders.open(folder) as fd:
                    found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    if found.st_ctime_ns < self._started_ns:
                        os.unlink(name, dir_fd=fd)
            except OSError:
                continue  # nobody is harmed by it, and the next run tries again
