"""One file that is written under a temporary name: in pieces, proven, then named.

Blocking.  It is read back from the server, after the server was asked to have it on its disk; what
a server tells from its own memory it answers for.
"""

import contextlib
from collections.abc import Iterator, Sequence

from datasync_runner.core.entry import Entry, WindowsMetadata, parent_of
from datasync_runner.storage import errors
from datasync_runner.storage.smb import names, requests, responses, statuses, times
from datasync_runner.storage.smb.folders import Folders
from datasync_runner.storage.smb.naming import (
    creation,
    creation_error,
    naming,
    settle_name,
    temporary_key,
)
from datasync_runner.storage.smb.security import check_set, settings
from datasync_runner.storage.smb.share import Root, checksum_of, remove_files, write_at
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.values import Written


class Target:
    """`begin` first, then `commit` or `discard`."""

    def __init__(self, wire: Wire, root: Root, folders: Folders, entry: Entry) -> None:
        self.wire, self.entry = wire, entry
        self._root, self._folders = root, folders
        self._file = b""
        self._named = False

    def begin(self) -> None:
        """Make the temporary file.  Raises: StorageError."""
        key = self.entry.key
        names.check(key)
        self._folders.ensure(self.wire, parent_of(key))
        status = self._create()
        if status == statuses.NAME_COLLISION:
            (removed,) = remove_files(self.wire, self._root, [temporary_key(key)])
            if isinstance(removed, errors.StorageError):
                raise removed
            status = self._create()
        if status != statuses.OK:
            if status == statuses.PATH_NOT_FOUND:
                self._folders.forget(parent_of(key))
            raise creation_error(status, key)

    def _create(self) -> int:
        """Under the rights that it shall have, before there is anything to be read in it."""
        rights = self._root.parts.to_write
        key = temporary_key(self.entry.key)
        answer, *told = self.wire.ask(
            creation(self._root, key, rights=rights), *settings(self.entry, self._root.parts)
        )
        if answer.status == statuses.OK:
            self._file = responses.opened(answer.body).file
            check_set(told, self.entry, self._root.parts)
        return answer.status

    def write(self, pieces: Sequence[bytes], start: int) -> None:
        """Write what follows `start`.  Raises: StorageError."""
        steps = _steps(pieces, self.wire.chunk_bytes)
        write_at(self.wire, self._file, steps, start=start, key=self.entry.key)

    def commit(self, checksum: int, *, verifies: bool) -> Written:
        """Prove it, give it its times and its name, and close it.

        Raises: VerificationFailed, Conflict, other StorageErrors.
        """
        entry, wire = self.entry, self.wire
        if verifies:
            self._prove(checksum)
        if request := times_of(entry, self._file):
            self._ask(request, "set its times")
        (answer,) = wire.ask(naming(self._root, entry.key, self._file))
        settle_name(wire, self._root, entry.key, file=self._file, status=answer.status)
        self._named = True
        if request := windows_of(entry, self._file):
            self._ask(request, "set its attributes")
        state = responses.closed(self._ask(requests.close(self._file), "close it"))
        self._file = b""
        check_end(entry, state)
        return Written(entry, checksum, verifies)

    def _prove(self, checksum: int) -> None:
        entry = self.entry
        self._ask(requests.flush(self._file), "have it on the disk")
        found = checksum_of(self.wire, self._file, entry.size_bytes, entry.key)
        if found != (checksum, entry.size_bytes):
            raise errors.VerificationFailed("its content differs from what was sent", entry.key)

    def _ask(self, request: requests.Request, doing: str) -> bytes | memoryview:
        (answer,) = self.wire.ask(request)
        if answer.status != statuses.OK:
            raise statuses.error_of(answer.status, self.entry.key, doing)
        return answer.body

    def discard(self) -> None:
        """Remove it, unless it has its name; raises nothing."""
        if self._file and not self.wire.broken:
            with contextlib.suppress(errors.Unavailable):
                if not self._named:
                    self.wire.ask(requests.delete(self._file))
                self.wire.ask(requests.close(self._file))
        self._file = b""


def times_of(entry: Entry, file: bytes = requests.LAST_FILE) -> requests.Request | None:
    """The request that sets a file's or folder's times, where there are any to be kept."""
    metadata = entry.metadata
    if metadata is None or (metadata.mtime_ns is None and metadata.atime_ns is None):
        return None
    return requests.set_times(
        accessed=times.to_filetime(metadata.atime_ns),
        written=times.to_filetime(metadata.mtime_ns),
        file=file,
    )


def windows_of(entry: Entry, file: bytes = requests.LAST_FILE) -> requests.Request | None:
    """The request that sets attributes and create time, where a share has stated them.

    The last before a new file is closed: writing and renaming mark it as to be archived, and what
    is read-only can be removed no more.
    """
    if not isinstance(entry.node, WindowsMetadata):
        return None
    return requests.set_attributes(entry.node.attributes, created=entry.node.created, file=file)


def check_end(entry: Entry, state: responses.State) -> None:
    """Raises VerificationFailed where the closed file is not as it should be."""
    wanted_ns = entry.metadata.mtime_ns if entry.metadata else None
    if state.size_bytes != entry.size_bytes:
        raise errors.VerificationFailed("its size differs from what was sent", entry.key)
    if not times.same(wanted_ns, times.to_ns(state.written)):
        raise errors.VerificationFailed("it did not keep its modification time", entry.key)


def _steps(pieces: Sequence[bytes], most_bytes: int) -> Iterator[bytes]:
    """The same bytes in steps of `most_bytes`, the last one possibly smaller."""
    kept: list[bytes | memoryview] = []
    kept_bytes = 0
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            part = rest[: most_bytes - kept_bytes]
            kept.append(part)
            kept_bytes += len(part)
            rest = rest[len(part) :]
            if kept_bytes == most_bytes:
                yield b"".join(kept)
                kept, kept_bytes = [], 0
    if kept:
        yield b"".join(kept)
