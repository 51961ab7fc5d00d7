"""The sorted walk of a share: entries in the order of their S3 keys.

The next folders are read ahead while fewer than AHEAD_NAMES entries wait: one at first, for others
wait for the first entries with nothing to do, then twice as many in each go, up to AHEAD_FOLDERS.
Memory: what one folder a depth holds (listing), and what waits.  Blocking; one connection.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final

from datasync_api.patterns import Filter
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.smb.listing import CHUNK, Folder, Leftover, Wanted, read_folders
from datasync_runner.storage.smb.share import Root
from datasync_runner.storage.smb.wires import Wires
from datasync_runner.storage.values import Batch

AHEAD_FOLDERS: Final = 16
AHEAD_NAMES: Final = 20_000
PAUSES_SECONDS: Final = (0.5, 2.0)
"""Before a lost connection is made anew and the same folders are asked for again."""


def walk(
    wires: Wires,
    root: Root,
    chosen: Filter,
    leftover: Leftover,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Batch]:
    """Everything below the root that takes part; `leftover` is told each temporary file.

    Raises: StorageError when the root itself cannot be listed, or the connection stays away.
    """
    walker = _Walk(wires, root, chosen, leftover, sleep)
    try:
        yield from walker.run()
    finally:
        walker.close()


class _Frame:
    """How far the walk is in one folder."""

    __slots__ = ("ahead", "at", "chunk", "chunks", "folder", "next")

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.chunks: Iterator[Sequence[Entry]] = folder.chunks()
        self.ahead: dict[bytes, Folder | errors.StorageError] = {}
        self.chunk: Sequence[Entry] = ()
        self.at = 0
        self.next: list[int] = []
        """Where in the chunk the folders are that are still to be entered, the next one last."""
        self.turn()

    def turn(self) -> bool:
        """Begin the next chunk; False when there is none."""
        chunk = next(self.chunks, None)
        if chunk is None:
            return False
        self.chunk, self.at = chunk, 0
        self.next = [at for at, entry in enumerate(chunk) if entry[1] is Kind.FOLDER][::-1]
        return True


class _Walk:
    def __init__(
        self,
        wires: Wires,
        root: Root,
        chosen: Filter,
        leftover: Leftover,
        sleep: Callable[[float], None],
    ) -> None:
        self._wires, self._root, self._chosen = wires, root, chosen
        self._leftover, self._sleep = leftover, sleep
        self._wire = wires.take()
        self._stack: list[_Frame] = []
        self._entries: list[Entry] = []
        self._errors: list[errors.StorageError] = []
        self._waiting = 0
        """Entries of folders that were read ahead."""
        self._at_once = 1
        """So many folders are read in the next go."""

    def run(self) -> Generator[Batch]:
        (first,) = self._read([Wanted(b"", frozenset())])
        if isinstance(first, errors.StorageError):
            raise first
        self._stack.append(_Frame(first))
        while self._stack:
            frame = self._stack[-1]
            at = frame.next.pop() if frame.next else None
            end = len(frame.chunk) if at is None else at + 1
            self._entries += frame.chunk[frame.at : end]
            frame.at = end
            if at is not None:
                self._descend(frame, frame.chunk[at].key)
            elif not frame.turn():
                self._stack.pop().folder.close()
            if len(self._entries) >= CHUNK:
                yield self._batch()
        if self._entries or self._errors:
            yield self._batch()

    def _descend(self, frame: _Frame, key: bytes) -> None:
        if key in frame.folder.hidden:
            self._entries.pop()
        found = self._take(frame, key)
        if isinstance(found, errors.Missing):
            return  # removed while we walk: it is not there, that is all
        if isinstance(found, errors.StorageError):
            self._errors.append(found)
        else:
            self._stack.append(_Frame(found))

    def _take(self, frame: _Frame, key: bytes) -> Folder | errors.StorageError:
        """A folder, read ahead or now, together with the ones that come after it."""
        if key not in frame.ahead:
            more = 0 if self._waiting >= AHEAD_NAMES else self._at_once - 1
            self._at_once = min(AHEAD_FOLDERS, 2 * self._at_once)
            keys = [key, *(frame.chunk[at].key for at in frame.next[-1 : -more - 1 : -1])]
            folders = self._read(list(map(frame.folder.inside, keys)))
            frame.ahead = dict(zip(keys, folders, strict=True))
            self._waiting += sum(map(_names, folders))
        found = frame.ahead.pop(key)
        self._waiting -= _names(found)
        return found

    def _read(self, wanted: Sequence[Wanted]) -> list[Folder | errors.StorageError]:
        for pause in (*PAUSES_SECONDS, None):
            try:
                if self._wire.broken:
                    self._wires.give_back(self._wire)
                    self._wire = self._wires.take()
                return read_folders(self._wire, self._root, wanted, self._chosen, self._leftover)
            except errors.Unavailable:
                if pause is None:
                    raise
                self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _batch(self) -> Batch:
        batch = Batch(self._entries, self._errors)
        self._entries, self._errors = [], []
        return batch

    def close(self) -> None:
        """Give the connection back, and the disk's space."""
        self._wires.give_back(self._wire)
        for frame in self._stack:
            frame.folder.close()
            for folder in frame.ahead.values():
                if isinstance(folder, Folder):
                    folder.close()


def _names(folder: Folder | errors.StorageError) -> int:
    return folder.names if isinstance(folder, Folder) else 0
