"""A bucket, or a prefix in it, as storage: batches fan out over a bounded pool of threads."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from datasync_api.patterns import Filter
from datasync_api.plan import S3Side
from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import SINGLE_PUT_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.port import Batch, Content, Reader, Written
from datasync_runner.storage.s3.client import THREADS, border, denied, make_client
from datasync_runner.storage.s3.listing import Listing
from datasync_runner.storage.s3.multipart import Upload
from datasync_runner.storage.s3.objects import CHUNK, Objects, compare_checksum, described
from datasync_runner.storage.threads import Threads

T = TypeVar("T")
R = TypeVar("R")
DELETE_BATCH: Final = 1000


class S3Storage:
    """One bucket, as source or destination."""

    objects = True

    def __init__(self, side: S3Side) -> None:
        """Raises: ConfigurationInvalid when the Secret's files are not there."""
        self._side = side
        self._objects = Objects(make_client(side), side)
        self._threads = Threads(THREADS, "s3")

    async def check(self) -> None:
        """List one key: is the bucket there, and are we let in?

        Raises: BucketMissing, CredentialsRefused, ConfigurationInvalid, Unavailable.
        """

        def probe() -> None:
            with border(self._side):
                self._objects.client.list_objects_v2(
                    Bucket=self._side.bucket, Prefix=self._side.prefix, MaxKeys=1
                )

        try:
            await self._threads.run(probe)
        except errors.Denied as error:
            raise denied(error, self._side) from error

    async def listing(self, chosen: Filter) -> AsyncIterator[Batch]:
        """Everything that takes part, sorted.  Raises: StopError, Unavailable."""
        batches = Listing(self._objects.client, self._side, chosen).batches()
        while (batch := await self._threads.run(lambda: next(batches, None))) is not None:
            yield batch

    async def inspect(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """A HEAD for each entry whose metadata is not known."""
        known = self._objects.inspect
        return await self._each(lambda e: e if e.metadata else known(e), entries, lambda e: e.key)

    async def read_small(self, entries: Sequence[Entry]) -> list[Content | errors.StorageError]:
        """A GET for each."""
        return await self._each(self._objects.read_small, entries, lambda e: e.key)

    async def open(self, entry: Entry) -> Reader:
        """Begin a GET.  Raises: any FileError, Unavailable."""
        answer = await self._threads.run(lambda: self._objects.get(entry))
        return _ObjectReader(self._threads, self._side, entry.key, answer)

    async def write_small(self, contents: Sequence[Content]) -> list[Written | errors.StorageError]:
        """A PUT for each."""
        return await self._each(self._objects.write_small, contents, lambda c: c.entry.key)

    async def write(self, entry: Entry, reader: Reader) -> Written:
        """One PUT up to 16 MiB, parts above.  Raises: any FileError, Unavailable."""
        if entry.size_bytes > SINGLE_PUT_BYTES:
            return await Upload(self._objects, self._threads, entry).run(reader)
        pieces: list[bytes] = []
        while chunk := await reader.read():
            pieces.append(chunk)
        body = b"".join(pieces)
        del pieces
        if len(body) != entry.size_bytes:
            raise errors.ChangedDuringTransfer("it has another size now", entry.key)
        return await self._threads.run(lambda: self._objects.write_small(Content(entry, body)))

    async def update_metadata(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """A CopyObject onto itself for each."""
        return await self._each(self._objects.update_metadata, entries, lambda e: e.key)

    async def write_folders(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """A marker for each, the deepest first and one depth at a time.

        SeaweedFS makes the folder around a new one by itself, and loses a marker that is being
        written there at that moment.
        """
        by_depth: dict[int, list[int]] = {}
        for at, entry in enumerate(entries):
            by_depth.setdefault(entry.key.count(b"/"), []).append(at)
        answers: dict[int, Entry | errors.StorageError] = {}
        for _, places in sorted(by_depth.items(), reverse=True):
            level = [entries[at] for at in places]
            written = await self._each(self._objects.write_folder, level, lambda e: e.key)
            answers.update(zip(places, written, strict=True))
        return [answers[at] for at in range(len(entries))]

    async def delete(self, keys: Sequence[bytes]) -> list[bytes | errors.StorageError]:
        """DeleteObjects, up to 1000 at once."""
        found: list[bytes | errors.StorageError] = []
        for start in range(0, len(keys), DELETE_BATCH):
            some = keys[start : start + DELETE_BATCH]
            found += await self._threads.run(lambda some=some: self._delete(some))
        return found

    def _delete(self, keys: Sequence[bytes]) -> list[bytes | errors.StorageError]:
        names = [self._objects.address(key)["Key"] for key in keys]
        with border(self._side):
            answer = self._objects.client.delete_objects(
                Bucket=self._side.bucket,
                Delete={"Objects": [{"Key": name} for name in names], "Quiet": True},
            )
        refused: dict[str, Any] = {bad.get("Key", ""): bad for bad in answer.get("Errors", [])}
        return [
            _refusal(key, refused[name]) if name in refused else key
            for key, name in zip(keys, names, strict=True)
        ]

    async def verify(self, written: Sequence[Written]) -> list[Written | errors.StorageError]:
        """What PUT has proven needs no request; else HEAD; else the object is read back."""
        return await self._each(self._objects.verify, written, lambda w: w.entry.key)

    async def finish(self) -> None:
        """Nothing is left behind: objects are written to their final keys, uploads are aborted."""

    async def close(self) -> None:
        """Close threads and connections."""
        self._threads.close()
        with contextlib.suppress(Exception):
            self._objects.client.close()

    async def _each(
        self, call: Callable[[T], R], items: Sequence[T], key_of: Callable[[T], bytes]
    ) -> list[R | errors.StorageError]:
        """All items, spread over the threads; one thread takes several, as hand-overs cost."""
        share = max(1, -(-len(items) // THREADS))
        pieces = [items[at : at + share] for at in range(0, len(items), share)]

        def work(piece: Sequence[T]) -> list[R | errors.StorageError]:
            return [_value(call, item, key_of) for item in piece]

        answers = await asyncio.gather(
            *(self._threads.run(lambda piece=piece: work(piece)) for piece in pieces)
        )
        return [answer for some in answers for answer in some]


def _value(
    call: Callable[[T], R], item: T, key_of: Callable[[T], bytes]
) -> R | errors.StorageError:
    try:
        return call(item)
    except errors.StopError:
        raise
    except errors.StorageError as error:
        error.key = error.key or key_of(item)
        return error


def _refusal(key: bytes, told: dict[str, Any]) -> errors.StorageError:
    code = told.get("Code", "")
    ours = {
        "AccessDenied": errors.Denied,
        "InternalError": errors.Unavailable,
        "SlowDown": errors.Unavailable,
    }.get(code, errors.Unexpected)
    return ours(f"DeleteObjects: {code}: {told.get('Message', '')}", key)


class _ObjectReader:
    """A streaming GET whose bytes are checked against the checksum that S3 has stored."""

    def __init__(self, threads: Threads, side: S3Side, key: bytes, answer: Any) -> None:
        self._threads, self._side, self._answer = threads, side, answer
        self.entry = described(key, answer)
        self._checksum = self._size = 0
        self._chunks: Iterator[bytes] = answer["Body"].iter_chunks(CHUNK)

    async def read(self) -> bytes:
        """The next chunk.  Raises: Unavailable when bytes are lost or damaged."""
        return await self._threads.run(self._read)

    def _read(self) -> bytes:
        with border(self._side, self.entry.key):
            chunk = next(self._chunks, b"")
        self._size += len(chunk)
        self._checksum = crc64(chunk, self._checksum)
        if not chunk:
            if self._size != self.entry.size_bytes:
                raise errors.Unavailable("the body ended early", self.entry.key)
            compare_checksum(self.entry.key, self._answer, self._checksum)
        return chunk

    async def close(self) -> None:
        """Drop the connection."""
        with contextlib.suppress(Exception):
            await self._threads.run(self._answer["Body"].close)
