"""A folder as storage: an NFS mount, a volume, a local tree.

Calls run in threads, a batch in one thread, or in the loop while batches are quick; the engine's
workers give the parallelism.  A listing has a thread of its own: from one to another it costs more.
What it refuses: following any link below the root, and pretending to keep owners it may not set.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from functools import partial
from typing import Final

from datasync_api.patterns import Filter
from datasync_api.sides import PosixSide
from datasync_runner.core.entry import EVERYTHING, Entry, Keeps
from datasync_runner.storage import errors
from datasync_runner.storage.charge import Charge
from datasync_runner.storage.port import Moved, Reader, Source, nobody
from datasync_runner.storage.posix import clock as posix_clock
from datasync_runner.storage.posix import files as posix_files
from datasync_runner.storage.posix.calls import Calls
from datasync_runner.storage.posix.folders import Folders
from datasync_runner.storage.posix.large import LargeWriter
from datasync_runner.storage.posix.leftovers import Leftovers
from datasync_runner.storage.posix.links import make_link
from datasync_runner.storage.posix.read import read_batch
from datasync_runner.storage.posix.reader import FileReader
from datasync_runner.storage.posix.root import Root, is_missing, open_destination, open_source
from datasync_runner.storage.posix.walk import walk
from datasync_runner.storage.threads import Threads
from datasync_runner.storage.throttle import Throttle
from datasync_runner.storage.values import Batch, Content, Examined, Link, Standing, Written

THREADS: Final = 10


class PosixStorage:
    """One folder, as source or destination (`writes`)."""

    objects = False

    def __init__(
        self,
        side: PosixSide,
        *,
        writes: bool,
        sets_owner: bool,
        started_ns: int,
        verifies: bool = False,
        creates: bool = True,
        makes_devices: bool = False,
        throttle: Throttle | None = None,
    ) -> None:
        """`verifies`: what is written is proven before it gets its name.

        `creates` False: a destination that is not there yet is empty, and is not made.
        `throttle`: is charged with what is written; for a run in which no connection is charged.
        """
        self._side = side
        self._writes = writes
        self._creates = creates
        self._absent = False
        self._sets_owner = sets_owner
        self._makes_devices = makes_devices
        self._verifies = verifies
        self._charge = Charge(throttle)
        self._leftovers = Leftovers(started_ns)
        self._calls = Calls(THREADS)
        self._large = LargeWriter(self._calls, self._charge, verifies=verifies)
        self._root: Root | None = None

    async def check(self) -> None:
        """Open the root and walk to the path.

        Raises: ConfigurationInvalid, Unavailable.
        """
        await self._calls.about(b"", "reach the folder", self._check)

    def _check(self) -> None:
        if self._root is not None:
            os.fstat(self._root.fd)
            return
        self._absent = self._writes and not self._creates and is_missing(self._side)
        if self._absent:
            return
        fd = (
            open_destination(
                self._side, sets_owner=self._sets_owner, makes_devices=self._makes_devices
            )
            if self._writes
            else open_source(self._side)
        )
        self._root = Root(fd, verifies=self._verifies)

    @property
    def keeps(self) -> Keeps:
        """All, but on a share that the kernel mounted; of a folder that is not there yet, all."""
        return self._root.keeps if self._root else EVERYTHING

    @property
    def _now(self) -> Root:
        if self._root is None:
            raise RuntimeError("check() comes first")
        return self._root

    @property
    def _folders(self) -> Folders:
        return self._now.folders

    async def listing(self, chosen: Filter) -> AsyncIterator[Batch]:
        """Everything that takes part, sorted.  Raises: StorageError about the root."""
        if self._absent:
            return
        root = self._now
        walker = walk(root.fd, chosen, self._leftovers.add, network=root.network)
        with closing(Threads(1, "list")) as threads:
            try:
                while (batch := await threads.run(lambda: next(walker, None))) is not None:
                    yield batch
            finally:
                await threads.run(walker.close)

    async def standing(self) -> Standing:
        """Which location this is.  Raises: StorageError."""
        if self._absent:
            return Standing()
        fd = self._now.fd
        return await self._calls.about(b"", "look at it", lambda: posix_clock.standing(fd))

    async def earliest_stamp(self) -> int | None:
        """By our own clock: a source is not written to."""
        return posix_clock.earliest_stamp_ns(network=self._now.network)

    async def latest_stamp(self) -> int | None:
        """By a file made for the purpose.  Raises: StorageError."""
        fd = self._now.fd
        doing = "ask for its time"
        return await self._calls.about(b"", doing, lambda: posix_clock.latest_stamp_ns(fd))

    async def inspect(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """A listing knows everything already; what is only named is looked at."""
        if not any(entry[4] is None for entry in entries):
            return list(entries)
        if self._absent:
            return [errors.Missing("nothing is there yet", entry.key) for entry in entries]
        return await self._calls.each(
            self._folders, posix_files.inspect, entries, _key_of_entry, "look at it"
        )

    async def examine(self, entries: Sequence[Entry]) -> list[Examined | errors.StorageError]:
        """A file system keeps no checksums."""
        return [Examined(entry) for entry in entries]

    async def read_small(self, entries: Sequence[Entry]) -> list[Content | errors.StorageError]:
        """Whole files; those that change while being read are read again, three times."""
        root = self._now

        def work() -> list[Content | errors.StorageError]:
            with root.turns.taken():
                return read_batch(root.folders, entries)

        return await self._calls.batch(root.nearby, work)

    async def open(self, entry: Entry) -> Reader:
        """Begin to read.  Raises: any FileError, Unavailable."""
        fd = await self._calls.about(
            entry.key, "open it", lambda: posix_files.open_file(self._folders, entry.key)
        )
        return FileReader(self._calls, entry.key, fd)

    async def write_small(self, contents: Sequence[Content]) -> list[Written | errors.StorageError]:
        """Write whole files and links."""
        root = self._now
        await self._charge.pay(sum(len(content.body) for content in contents))
        return await self._calls.batch(root.nearby, partial(root.small.write_batch, contents))

    async def write(self, entry: Entry, reader: Reader, moved: Moved = nobody) -> Written:
        """Write a large file.  Raises: any FileError, Unavailable."""
        return await self._large.write(self._now.place, entry, reader, moved)

    def copies_from(self, source: Source) -> bool:
        """A file system copies by itself only where `write` finds that it can."""
        return False

    async def copy(
        self, entries: Sequence[Entry], source: Source
    ) -> list[Written | errors.StorageError]:
        """Refused: see `copies_from`."""
        return [errors.Denied("a file system copies within `write`", e.key) for e in entries]

    async def update_metadata(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """Change what differs: owner, mode, times."""
        return await self._calls.each(
            self._folders,
            posix_files.update_metadata,
            entries,
            _key_of_entry,
            "change its metadata",
        )

    async def write_folders(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """Make folders and give them their metadata."""
        return await self._calls.each(
            self._folders, posix_files.write_folder, entries, _key_of_entry, "make the folder"
        )

    async def link(self, links: Sequence[Link]) -> list[Entry | errors.StorageError]:
        """Give files further names."""
        return await self._calls.each(self._folders, make_link, links, _key_of_link, "link it")

    async def delete(self, keys: Sequence[bytes]) -> list[bytes | errors.StorageError]:
        """Remove items; a folder that still holds excluded files stays, as Conflict."""
        return await self._calls.each(
            self._folders, posix_files.delete, keys, _key_itself, "delete it"
        )

    async def verify(self, written: Sequence[Written]) -> list[Written | errors.StorageError]:
        """Read back past the page cache."""
        return await self._calls.each(
            self._folders, posix_files.verify, written, _key_of_written, "read it back"
        )

    async def finish(self) -> None:
        """Remove temporary files that are older than this run."""
        if self._writes and self._root is not None:
            await self._calls.threads.run(partial(self._leftovers.remove, self._root.folders))

    async def close(self) -> None:
        """Close descriptors and threads."""
        self._calls.threads.close()
        if self._root is not None:
            self._root.close()
            self._root = None


def _key_of_entry(entry: Entry) -> bytes:
    return entry.key


def _key_of_link(link: Link) -> bytes:
    return link.entry.key


def _key_of_written(written: Written) -> bytes:
    return written.entry.key


def _key_itself(key: bytes) -> bytes:
    return key
