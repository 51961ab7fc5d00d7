"""The sorted walk of a folder tree: entries in the order of their S3 keys.

Links are listed, never followed.  Memory: what one folder a depth holds (`listing`), and what
is read ahead (`ahead`).
"""

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Final

from datasync_api.patterns import Filter
from datasync_runner.storage.errors import NameNotRepresentable
from datasync_runner.storage.posix.ahead import Ahead
from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.listing import CHUNK, Chunk, Listing
from datasync_runner.storage.values import Batch

if TYPE_CHECKING:
    from datasync_runner.core.entry import Entry
    from datasync_runner.storage.errors import StorageError

READERS_LOCAL: Final = 2
READERS_NETWORK: Final = 8


def walk(
    root_fd: int, chosen: Filter, leftover: Callable[[bytes], None], *, network: bool = False
) -> Generator[Batch]:
    """Everything below the root that takes part; `leftover` is told each temporary file.

    `network`: the folders are read ahead from the beginning, by more threads.  Blocking.
    Raises: StorageError when the root itself cannot be listed.
    """
    walker = _Walk(leftover)
    try:
        readers = READERS_NETWORK if network else READERS_LOCAL
        ahead = Ahead(root_fd, chosen, readers, at_once=network)
        with contextlib.closing(ahead):
            yield from walker.run(ahead)
    except OSError as error:
        raise translate(error, b"", "list the location's folder") from error
    finally:
        walker.close()


class _Folder:
    """How far the walk is in one folder."""

    __slots__ = ("at", "chunk", "folders", "listing")

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.turn(listing.first)

    def turn(self, chunk: Chunk) -> None:
        """Begin a chunk."""
        self.chunk, self.at = chunk, 0
        self.folders: Iterator[int] = iter(chunk.folders)


class _Walk:
    def __init__(self, leftover: Callable[[bytes], None]) -> None:
        self._leftover = leftover
        self._stack: list[_Folder] = []
        self._entries: list[Entry] = []
        self._errors: list[StorageError] = []

    def run(self, ahead: Ahead) -> Generator[Batch]:
        self._enter(ahead.take(b""))
        stack = self._stack
        while stack:
            folder = stack[-1]
            at = next(folder.folders, None)
            entries = folder.chunk.entries
            end = len(entries) if at is None else at + 1
            for start in range(folder.at, end, CHUNK):
                self._entries += entries[start : min(end, start + CHUNK)]
                if len(self._entries) >= CHUNK and (at is None or start + CHUNK < end):
                    yield self._batch()
            folder.at = end
            if at is not None:
                self._descend(ahead, folder, at)
            elif chunk := next(folder.listing.rest, None):
                folder.turn(chunk)
                ahead.offer(chunk)
            else:
                stack.pop().listing.close()
            if len(self._entries) >= CHUNK:
                yield self._batch()
        if self._entries or self._errors:
            yield self._batch()

    def _descend(self, ahead: Ahead, folder: _Folder, at: int) -> None:
        key = folder.chunk.entries[at].key
        if key in folder.listing.looks.hidden:
            self._entries.pop()
        try:
            self._enter(ahead.take(key, folder.chunk.moved_ns(at)))
        except FileNotFoundError:
            return  # removed while we walk: it is not there, that is all
        except NameNotRepresentable as error:
            self._errors.append(error)  # deeper than any path may be
        except OSError as error:
            self._errors.append(translate(error, key, "list it"))

    def _enter(self, listing: Listing) -> None:
        self._stack.append(_Folder(listing))
        self._errors += listing.looks.failures
        for key in listing.looks.leftovers:
            self._leftover(key)

    def _batch(self) -> Batch:
        batch = Batch(self._entries, self._errors)
        self._entries, self._errors = [], []
        return batch

    def close(self) -> None:
        for folder in self._stack:
            folder.listing.close()
