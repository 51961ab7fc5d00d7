"""A share as storage: an SMB server's, or FSx for Windows'.

Calls block and run in threads, a batch in one thread, each with a connection for itself; within a
batch many messages are on their way at once.  What it refuses: following links and junctions,
writing links, names that Windows cannot have, and two names that differ in their case alone.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from datasync_api.patterns import Filter
from datasync_api.sides import SmbSide
from datasync_api.task_options import SecurityDescriptorCopyFlags
from datasync_runner.core.entry import Entry, Keeps
from datasync_runner.storage import errors
from datasync_runner.storage.charge import Charge
from datasync_runner.storage.port import Moved, Reader, Source, nobody
from datasync_runner.storage.smb import changes, clock, lookup, times
from datasync_runner.storage.smb.connecting import connect
from datasync_runner.storage.smb.folders import Folders
from datasync_runner.storage.smb.large import LargeWriter
from datasync_runner.storage.smb.names import root_of
from datasync_runner.storage.smb.reader import ShareReader
from datasync_runner.storage.smb.reading import read_batch
from datasync_runner.storage.smb.responses import State
from datasync_runner.storage.smb.security import PARTS
from datasync_runner.storage.smb.share import Root
from datasync_runner.storage.smb.walk import walk
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.smb.wires import Wires
from datasync_runner.storage.smb.writing import SmallWriter
from datasync_runner.storage.threads import Threads
from datasync_runner.storage.throttle import Throttle
from datasync_runner.storage.values import Batch, Content, Examined, Standing, Written

R = TypeVar("R")
THREADS: Final = 4
MAX_LEFTOVERS: Final = 10_000


class SmbStorage:
    """A share, or a folder in it, as source or destination (`writes`).

    Connections: one for each of THREADS calls at once, one for a listing, and one for each large
    file that is being read or written.
    """

    objects = False

    def __init__(
        self,
        side: SmbSide,
        *,
        writes: bool,
        started_ns: int,
        verifies: bool = False,
        creates: bool = True,
        throttle: Throttle | None = None,
        descriptors: SecurityDescriptorCopyFlags = "None",
    ) -> None:
        """`verifies`: what is written, descriptors too, is read back before it gets its name.

        `creates` False: a destination that is not there yet is empty, and is not made.
        `throttle`: is charged with what is written; for a run in which no connection is charged.
        `descriptors`: what of security descriptors is read, compared and set.
        """
        self._side, self._writes, self._started_ns = side, writes, started_ns
        self._creates = writes and creates
        self._absent = False
        self._root = Root(root_of(side.path), PARTS[descriptors]._replace(proven=verifies))
        self.keeps = Keeps(
            owners=False, time_grain_ns=times.GRAIN_NS, descriptors=descriptors != "None"
        )
        self._threads = Threads(THREADS, "smb")
        self._there = side
        self._wires = Wires(self._connect)
        self._folders = Folders(self._root)
        self._charge = Charge(throttle)
        self._small = SmallWriter(self._root, self._folders, verifies=verifies)
        self._large = LargeWriter(self._threads, self._wires, self._charge, verifies=verifies)
        self._leftovers: list[bytes] = []

    def _connect(self) -> Wire:
        """Log on where the location is, or was the last time: a namespace may refer elsewhere."""
        try:
            wire = connect(self._there)
        except errors.StorageError:
            if self._there is self._side:
                raise
            self._there = self._side
            wire = connect(self._side)
        if wire.side is not self._there:
            self._there = wire.side
            self._root.path = root_of(wire.side.path)
        return wire

    async def check(self) -> None:
        """Log on and open the location's folder, which is made where it is to be written.

        Raises: ConfigurationInvalid, CredentialsRefused, Unavailable.
        """
        try:
            await self._with_wire(partial(changes.enter, root=self._root, create=self._creates))
        except errors.FileError as error:
            if self._writes and not self._creates and isinstance(error, errors.Missing):
                self._absent = True
                return
            raise errors.ConfigurationInvalid(
                f"{self._side.uri}: {error.message}; check that the path exists, is a folder, and "
                "that the user of the location may use it"
            ) from error

    async def listing(self, chosen: Filter) -> AsyncIterator[Batch]:
        """Everything that takes part, sorted.  Raises: StorageError about the root."""
        if self._absent:
            return
        walker = None
        try:
            walker = await self._threads.run(
                lambda: walk(self._wires, self._root, chosen, self._leftover)
            )
            while (batch := await self._threads.run(partial(next, walker, None))) is not None:
                yield batch
        finally:
            if walker is not None:
                await self._threads.run(walker.close)

    def _leftover(self, key: bytes, state: State) -> None:
        created_ns = times.to_ns(state.created)
        if (
            self._writes
            and created_ns is not None
            and created_ns < self._started_ns
            and len(self._leftovers) < MAX_LEFTOVERS
        ):
            self._leftovers.append(key)

    async def standing(self) -> Standing:
        """Which folder this is.  Raises: StorageError."""
        if self._absent:
            return Standing()
        return await self._with_wire(partial(clock.standing, root=self._root))

    async def earliest_stamp(self) -> int | None:
        """By our own clock: a source is not written to."""
        return clock.earliest_stamp_ns()

    async def latest_stamp(self) -> int | None:
        """By a file made for the purpose.  Raises: StorageError."""
        return await self._with_wire(partial(clock.latest_stamp_ns, root=self._root))

    async def inspect(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """A listing knows everything but descriptors; what is only named is looked up."""
        if not (self.keeps.descriptors or any(entry[4] is None for entry in entries)):
            return list(entries)
        if self._absent:
            return [errors.Missing("nothing is there yet", entry.key) for entry in entries]
        return await self._with_wire(lambda wire: lookup.inspect(wire, self._root, entries))

    async def examine(self, entries: Sequence[Entry]) -> list[Examined | errors.StorageError]:
        """A share keeps no checksums."""
        known = await self.inspect(entries)
        return [one if isinstance(one, errors.StorageError) else Examined(one) for one in known]

    async def read_small(self, entries: Sequence[Entry]) -> list[Content | errors.StorageError]:
        """Whole files; those that change while being read are read again, three times."""
        return await self._with_wire(lambda wire: read_batch(wire, self._root, entries))

    async def open(self, entry: Entry) -> Reader:
        """Begin to read.  Raises: any FileError, Unavailable."""
        return await self._threads.run(
            partial(ShareReader, self._threads, self._wires, self._root, entry.key)
        )

    async def write_small(self, contents: Sequence[Content]) -> list[Written | errors.StorageError]:
        """Write whole files; links are NotSupported."""
        await self._charge.pay(sum(len(content.body) for content in contents))
        return await self._with_wire(lambda wire: self._small.write_batch(wire, contents))

    async def write(self, entry: Entry, reader: Reader, moved: Moved = nobody) -> Written:
        """Write a large file.  Raises: any FileError, Unavailable."""
        return await self._large.write(self._root, self._folders, entry, reader, moved)

    def copies_from(self, source: Source) -> bool:
        """Everything travels through here."""
        return False

    async def copy(
        self, entries: Sequence[Entry], source: Source
    ) -> list[Written | errors.StorageError]:
        """Refused: see `copies_from`."""
        return [errors.Denied("a share does not copy by itself", e.key) for e in entries]

    async def update_metadata(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """Change times."""
        return await self._with_wire(lambda wire: changes.set_times(wire, self._root, entries))

    async def write_folders(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """Make folders, and give them their times."""
        return await self._with_wire(
            lambda wire: changes.write_folders(wire, self._root, self._folders, entries)
        )

    async def delete(self, keys: Sequence[bytes]) -> list[bytes | errors.StorageError]:
        """Remove items; a folder that still holds excluded files stays, as Conflict."""
        return await self._with_wire(
            lambda wire: changes.delete(wire, self._root, self._folders, keys)
        )

    async def verify(self, written: Sequence[Written]) -> list[Written | errors.StorageError]:
        """Read back from the server."""
        return await self._with_wire(
            lambda wire: [changes.verify(wire, self._root, one) for one in written]
        )

    async def finish(self) -> None:
        """Remove temporary files that are older than this run."""
        keys, self._leftovers = self._leftovers, []
        if keys:
            try:
                await self.delete(keys)
            except errors.StorageError:
                return  # nobody is harmed by them, and the next run tries again

    async def close(self) -> None:
        """Hang up."""
        self._threads.close()
        self._wires.close()

    async def _with_wire(self, call: Callable[[Wire], R]) -> R:
        def work() -> R:
            with self._wires.lease() as wire:
                return call(wire)

        return await self._threads.run(work)
