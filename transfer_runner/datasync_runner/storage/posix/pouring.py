"""A range of a large file that is written in the event loop, as its bytes come from a connection.

256 KiB are hashed and written while they are in the core's cache, no thread is handed the
interpreter's lock, and no range has to be held in memory.  As with small files (`nearby`), this is
for files that are quick to write: as soon as one write was not, ranges go through threads again.
"""

from collections.abc import Sequence
from functools import partial

from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.nearby import Nearby
from datasync_runner.storage.posix.target import Target, write_at


class PouredRange:
    """A RangeSink.

    A half-taken range is as good as none: only `finish` notes that it is there.
    """

    def __init__(self, target: Target, nearby: Nearby, start: int, size_bytes: int) -> None:
        self._target, self._nearby = target, nearby
        self._start, self._size_bytes = start, size_bytes
        self._checksum = self.taken_bytes = 0
        self._closed = False
        self._error: OSError | None = None

    def begin(self) -> None:
        """From the beginning."""
        self._checksum = self.taken_bytes = 0

    def take(self, pieces: Sequence[bytes]) -> None:
        """Write the next bytes; those behind the range's end are counted alone."""
        at = self.taken_bytes
        self.taken_bytes += sum(map(len, pieces))
        if self._closed or self._error is not None or self.taken_bytes > self._size_bytes:
            return
        write = partial(write_at, self._target.fd, pieces, self._start + at, self._checksum)
        try:
            self._checksum = self._nearby.timed(write)
        except OSError as error:
            self._error = error

    def close(self) -> None:
        """The file may be closed now, and its descriptor be another file's."""
        self._closed = True

    def finish(self) -> int:
        """Note that it is there; its checksum.  Raises: StorageError."""
        try:
            if self._error is not None:
                raise self._error
            note = partial(self._target.note_range, self._start, self._size_bytes, self._checksum)
            self._nearby.timed(note)  # it starts the writing to the disk, which may take a while
        except OSError as error:
            raise translate(error, self._target.entry.key, "write it") from error
        return self._checksum
