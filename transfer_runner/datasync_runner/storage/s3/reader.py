"""A large object being read by ranges, each from the very object that was opened."""

from collections.abc import Sequence

from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.port import Sink
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.s3.gather import one
from datasync_runner.storage.s3.metadata import described, stored_checksum
from datasync_runner.storage.s3.naming import version_query
from datasync_runner.storage.s3.objects import Objects


class ObjectReader:
    """A PouringReader; `checksum` is what S3 has stored for the whole."""

    def __init__(self, client: Client, path: str, entry: Entry, *, checksum: int | None) -> None:
        self._client, self._path = client, path
        self.entry, self.checksum = entry, checksum
        self._query = version_query(entry.version_id)
        self._at = 0

    async def read_at(self, offset_bytes: int, size_bytes: int) -> Sequence[bytes]:
        """That range.  Raises: ChangedDuringTransfer, Missing, Denied, Unavailable."""
        return (await self._client.ask(self._call(offset_bytes, size_bytes, None))).pieces

    async def pour(self, offset_bytes: int, size_bytes: int, sink: Sink) -> None:
        """That range into a sink.  Raises: as `read_at`."""
        await self._client.ask(self._call(offset_bytes, size_bytes, sink))

    def _call(self, offset_bytes: int, size_bytes: int, sink: Sink | None) -> Call:
        last = offset_bytes + size_bytes - 1
        headers = [("range", f"bytes={offset_bytes}-{last}")]
        if self.entry.etag:
            headers.append(("if-match", self.entry.etag))
        key = self.entry.key

        def judge(answer: Answer) -> errors.StorageError | None:
            size = sum(map(len, answer.pieces)) if sink is None else sink.taken_bytes
            if answer.status == 206 and size == size_bytes:
                return None
            if answer.status == 200:
                return errors.NotSupported("the storage ignores ranges of objects", key)
            return errors.Unavailable(f"{size} bytes came instead of {size_bytes}", key)

        call = Call(
            "GetObject", "GET", self._path, self._query, headers=headers, key=key, judge=judge
        )
        call.sink = sink
        return call

    async def read(self) -> bytes:
        """The next bytes, in order.  Raises: as `read_at`."""
        size = min(RANGE_BYTES, self.entry.size_bytes - self._at)
        if size <= 0:
            return b""
        pieces = await self.read_at(self._at, size)
        self._at += size
        return b"".join(pieces)

    async def settle(self) -> None:
        """Every range came from one version: If-Match saw to it."""

    async def close(self) -> None:
        """Nothing is held."""


async def open_object(objects: Objects, entry: Entry) -> ObjectReader:
    """HEAD; what is read then is what it told of.  Raises: any FileError, Unavailable."""
    found, checksum = await pinned(objects, entry)
    return ObjectReader(objects.client, objects.path(entry.key), found, checksum=checksum)


async def pinned(objects: Objects, entry: Entry) -> tuple[Entry, int | None]:
    """An object that is to be read in parts, the very one that was listed, and its checksum.

    Raises: any FileError, Unavailable.
    """
    headers = await one(objects.head, entry)
    length = headers.get("content-length", "")
    found = described(entry.key, headers, int(length) if length.isdecimal() else 0)
    found = found._replace(version_id=entry.version_id)
    return await one(objects.tagged, found), stored_checksum(headers)
