"""Folders read ahead by several threads, the next ones in the order of the walk first.

A network file system answers slowly, and so does a disk that must be read: a walk that asks for one
folder after the other waits for each.  Where all answers come from memory threads only cost, so a
local file system is read ahead from the first folder on that took a disk's time.

Bounds: AHEAD_FOLDERS folders read or being read, AHEAD_NAMES entries of folders that were
read and are not yet wanted (beside what the threads have in hand), KEPT_FOLDERS descriptors.
"""

import heapq
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from datasync_api.patterns import Filter
from datasync_runner.storage.posix.folders import Folders
from datasync_runner.storage.posix.listing import Chunk, Listing, read_folder
from datasync_runner.storage.posix.turns import blocks_read

AHEAD_FOLDERS: Final = 64
AHEAD_NAMES: Final = 20_000


class Ahead:
    """The folders of one walk; `readers` threads read ahead.

    `at_once`: from the beginning, else from the first folder on for which a disk was read.
    """

    def __init__(self, root_fd: int, chosen: Filter, readers: int, *, at_once: bool) -> None:
        self._chosen, self._pays = chosen, at_once
        self._root_fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
        self._folders = Folders(self._root_fd)
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(readers, "walk")
        self._lock = threading.Lock()
        self._known: list[tuple[bytes, int]] = []  # a heap: the next in the walk's order first
        self._asked: dict[bytes, Future[Listing]] = {}
        self._names = 0
        self._at = b""

    def take(self, key: bytes, moved_ns: int = 0) -> Listing:
        """A folder (empty for the root) read; keys are asked for in rising order.

        `moved_ns`: when it may have been moved there.  Raises: OSError.
        """
        with self._lock:
            self._at = key
            asked = self._asked.pop(key, None)
        if asked is None or asked.cancel():
            listing = self._read(key, moved_ns)
        else:
            listing = asked.result()
            with self._lock:
                self._names -= listing.names
        self.offer(listing.first)
        return listing

    def offer(self, chunk: Chunk) -> None:
        """Folders that will be asked for: those of a chunk that the walk has reached."""
        if chunk.folders:
            with self._lock:
                self._learn(chunk)
                self._fill()

    def close(self) -> None:
        """Stop reading, and close all that was read and not taken; raises nothing."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
        for asked in self._asked.values():
            if not asked.cancelled() and asked.exception() is None:
                asked.result().close()
        self._folders.close()
        os.close(self._root_fd)

    def _read(self, key: bytes, moved_ns: int) -> Listing:
        before = blocks_read()
        with self._folders.open(key) as fd:
            listing = read_folder(fd, key, self._chosen, moved_ns=moved_ns)
        self._pays = self._pays or blocks_read() > before
        return listing

    def _read_ahead(self, key: bytes, moved_ns: int) -> Listing:
        listing = self._read(key, moved_ns)
        with self._lock:
            self._names += listing.names
            if key in self._asked:
                self._learn(listing.first)
            self._fill()
        return listing

    def _learn(self, chunk: Chunk) -> None:
        for at in chunk.folders:
            heapq.heappush(self._known, (chunk.entries[at].key, chunk.moved_ns(at)))

    def _fill(self) -> None:
        while (
            self._pays
            and self._pool is not None
            and self._known
            and len(self._asked) < AHEAD_FOLDERS
            and self._names < AHEAD_NAMES
        ):
            key, moved_ns = heapq.heappop(self._known)
            if key > self._at and key not in self._asked:
                self._asked[key] = self._pool.submit(self._read_ahead, key, moved_ns)
