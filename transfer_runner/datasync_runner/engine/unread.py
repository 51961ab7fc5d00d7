"""What no listing of objects tells of hard links, asked for where it may matter, and not else.

Two things are put aside while objects are listed that go to a file system with links:

- A large object of the same size as one before it.  When all is listed it is asked about: where it
  states an inode, it may be another name of what this run reads anyway, and becomes a link then.
  Of what is nobody's content yet, one name is read beside all the rest.
  A small one is read: that is one request as well.
- A pair that the baseline proves, whose file has several names at the destination.  Nobody looks at
  it, but a name that is new may be one of its own: then one name of the file is asked about.

What is found out are records of `core.restored`; `joining` makes the links.

Memory: the records that MEMORY_BYTES hold, the rest is on disk; SIZES sizes, each with a key, and
as many contents.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from struct import Struct
from typing import Final

from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.hard_links import has_several_names, inode_of
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.core.restored import Restored, State, record_of, restored, size_and_time
from datasync_runner.core.wanted import wanted
from datasync_runner.engine.collected_names import MEMORY_BYTES
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.engine.spool import Spool, pack_work, unpack_work
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.sorting import Sorter
from datasync_runner.storage.values import Examined

SIZES: Final = 65_536
"""So many different sizes of large objects are remembered, and so many contents."""
INODES_ASKED: Final = 64
"""Of so many files with one size and time it is asked whether a new name is theirs."""
_BATCH: Final = 1000
_NEW, _PROVEN = b"\0", b"\1"
_SIZE_AND_TIME: Final = len(size_and_time(0, 0))
_INODE: Final = Struct(">QQ")


class Unread:
    """The objects of one run that were put aside."""

    def __init__(self, source: Patient, options: CompareOptions, board: Board) -> None:
        """`options`: with the baseline, where it holds."""
        self._source, self._options = source, options
        self._board, self._tally = board, board.tally
        self._sizes: dict[int, bytes] = {}
        """With the key of the object that is read of each; empty: there may be other contents."""
        self._begun: set[int] = set()
        self._waiting = Spool()
        self._proven = Sorter(MEMORY_BYTES)
        self._listed: list[bytes] = []
        self._any_proven = False

    def close(self) -> None:
        """Give the disk's space back."""
        self._waiting.close()
        self._proven.close()

    def proven(self, source: Entry, destination: Entry) -> None:
        """A pair that a listing settles; what size and time alone say of it proves nothing."""
        inode = inode_of(destination)
        if inode is None or not has_several_names(destination) or source.version_id:
            return
        if not self._options.proven(source, destination):
            return
        what = size_and_time(destination.size_bytes, destination.mtime_ns)
        name = source.key + b"\0" + source.etag.encode()
        self._listed.append(what + _PROVEN + _INODE.pack(*inode) + name)
        self._note(source.size_bytes, b"")

    async def put_aside(self, works: Sequence[Work]) -> list[Work]:
        """What of these is not put aside."""
        if self._listed:
            self._any_proven = True
            await asyncio.to_thread(self._proven.push_many, self._listed)
            self._listed = []
        go_on: list[Work] = []
        for work in works:
            size_bytes = work.source.size_bytes
            if work.large and size_bytes in self._sizes and not work.source.version_id:
                self._tally.estimated_bytes_to_transfer -= size_bytes
                self._waiting.push(pack_work(work))
            else:
                read = work.large and not work.source.version_id
                self._note(size_bytes, work.source.key if read else b"")
                go_on.append(work)
        return go_on

    def _note(self, size_bytes: int, key: bytes) -> None:
        if size_bytes in self._sizes:
            self._sizes[size_bytes] = b""
        elif size_bytes > SMALL_BYTES and len(self._sizes) < SIZES:
            self._sizes[size_bytes] = key

    async def settle(self, queue: WorkQueue) -> None:
        """All is listed: what is no name of anything that is read yet goes on to be read.

        Raises: StopError.
        """
        known: dict[int, bool] = {}
        for packed in self._waiting.reversed_batches(_BATCH):
            works = list(map(unpack_work, packed))
            sizes = {work.source.size_bytes for work in works} - known.keys()
            known.update(await self._ask_about_first(sorted(sizes)))
            go_on: list[Work] = []
            names: list[bytes] = []
            replacing: list[bytes] = []
            answers = await self._source.examine([work.source for work in works])
            for work, answer in zip(works, answers, strict=True):
                name = None
                if not isinstance(answer, StorageError):
                    name = self._record(answer, State.UNREAD)
                    if name and known[work.source.size_bytes] and self._begins(restored(name)):
                        name = None
                if name is None:
                    self._tally.estimated_bytes_to_transfer += work.source.size_bytes
                    go_on.append(work)
                    continue
                names.append(name)
                if work.replaces:
                    replacing.append(work.source.key)
            if self._board.restored is not None:
                self._board.restored(names)
            if self._board.files is not None:
                self._board.files.replacing(replacing)
            if go_on:
                await queue.put(go_on)

    async def _ask_about_first(self, sizes: Sequence[int]) -> dict[int, bool]:
        """For each size, whether all is known now that there is of it beside what was put aside."""
        keys = {size: key for size in sizes if (key := self._sizes[size])}
        answers = await self._source.examine([Entry(key, Kind.FILE) for key in keys.values()])
        known = dict.fromkeys(sizes, False)
        for size, answer in zip(keys, answers, strict=True):
            if not isinstance(answer, StorageError):
                known[size] = True
                if name := self._record(answer, State.WRITTEN):
                    self._begun |= _contents(restored(name))
        return known

    def _begins(self, name: Restored) -> bool:
        """Whether it is the first name of its content; it is read then."""
        contents = _contents(name)
        if len(self._begun) >= SIZES or not self._begun.isdisjoint(contents):
            return False
        self._begun |= contents
        return True

    async def recall(self, records: Spool) -> None:
        """Add what is proven and may be one file with a name that is not.  Raises: StopError."""
        if not self._any_proven:
            return
        for batch in records.reversed_batches(_BATCH):
            names = [name for name in map(restored, batch) if name.state is not State.RIGHT]
            new = [name.size_and_time + _NEW for name in names]
            await asyncio.to_thread(self._proven.push_many, new)
        candidates = _candidates(self._proven.sorted())
        while some := await asyncio.to_thread(lambda: list(islice(candidates, _BATCH))):
            for listed, answer in zip(some, await self._source.examine(some), strict=True):
                # What has another ETag now is not what is proven to be at the destination.
                if isinstance(answer, StorageError) or answer.entry.etag != listed.etag:
                    continue
                name = self._record(answer, State.RIGHT)
                if name is not None:
                    records.push(name)

    def _record(self, examined: Examined, state: State) -> bytes | None:
        return record_of(wanted(examined.entry, self._options), examined.checksum, state)


def _contents(name: Restored) -> set[int]:
    """What two names that are one file may have in common; of two that are not, hardly ever."""
    told = (name.etag or None, name.checksum)
    return {hash((name.group, one)) for one in told if one is not None}


def _candidates(records: Iterable[bytes]) -> Iterator[Entry]:
    """Of sorted records: a name of each proven file that has the size and time of a new name."""
    wanted = inode = b""
    asked = 0
    for record in records:
        what, kind = record[:_SIZE_AND_TIME], record[_SIZE_AND_TIME : _SIZE_AND_TIME + 1]
        if kind == _NEW:
            wanted, inode, asked = what, b"", 0
            continue
        at = _SIZE_AND_TIME + 1 + _INODE.size
        other, name = record[:at], record[at:]
        if what == wanted and other != inode and asked < INODES_ASKED:
            inode, asked = other, asked + 1
            key, etag = name.split(b"\0")
            yield Entry(key, Kind.FILE, 0, etag=etag.decode())
