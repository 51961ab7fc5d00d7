"""A range of a large file that is written in the event loop, as its bytes come from a connection.

256 KiB are hashed and written while they are in the core's cache, no thread is handed the
interpreter's lock, and no range has to be held in memory.  As with small files (`nearby`), this is
for files that are quick to write: as soon as they are not, what comes of a range is kept, for a
thread to write, and further ranges go through threads from the beginning.
"""

from collections.abc import Sequence
from functools import partial

from datasync_runner.storage.posix.calls import Calls
from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.nearby import Nearby, Took
from datasync_runner.storage.posix.target import Target, write_at


class PouredRange:
    """A RangeSink.

    A half-taken range is as good as none: only `finish` notes that it is there.
    """

    def __init__(
        self, calls: Calls, target: Target, nearby: Nearby, start: int, size_bytes: int
    ) -> None:
        self._calls, self._target, self._nearby = calls, target, nearby
        self._start, self._size_bytes = start, size_bytes
        self._checksum = self.taken_bytes = 0
        self._kept: list[bytes] = []
        self._took = Took()
        self._closed = False
        self._error: OSError | None = None

    def begin(self) -> None:
        """From the beginning."""
        self._checksum = self.taken_bytes = 0
        self._kept.clear()

    def take(self, pieces: Sequence[bytes]) -> None:
        """Write or keep the next bytes; those behind the range's end are counted alone."""
        at = self.taken_bytes
        self.taken_bytes += sum(map(len, pieces))
        if self._closed or self._error is not None or self.taken_bytes > self._size_bytes:
            return
        if self._kept or not self._nearby.quick:
            self._kept += pieces
            return
        try:
            self._nearby.timed(partial(self._write, pieces, at), self._took)
        except OSError as error:
            self._error = error

    def close(self) -> None:
        """The file may be closed now, and its descriptor be another file's."""
        self._closed = True

    async def finish(self) -> int:
        """Write what was kept, and note that the range is there; its checksum.

        Raises: StorageError.
        """
        key, doing = self._target.entry.key, "write it"
        finish = partial(self._nearby.timed, self._finish, self._took)
        try:
            if self._error is not None:
                raise self._error
            if self._nearby.quick and not self._kept:
                return finish()
        except OSError as error:
            raise translate(error, key, doing) from error
        return await self._calls.about(key, doing, finish)

    def _finish(self) -> int:
        if self._kept:
            self._write(self._kept, self.taken_bytes - sum(map(len, self._kept)))
            self._kept.clear()
        self._target.note_range(self._start, self._size_bytes, self._checksum)
        return self._checksum

    def _write(self, pieces: Sequence[bytes], at: int) -> None:
        self._checksum = write_at(self._target.fd, pieces, self._start + at, self._checksum)
