"""A bucket, or a prefix in it, as storage: a batch's requests are all under way at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Final

from datasync_api.patterns import Filter
from datasync_api.sides import S3Side
from datasync_api.task_options import ObjectTags
from datasync_runner.core.entry import Entry, Keeps
from datasync_runner.core.parts import (
    BUDGET_BYTES,
    SINGLE_PUT_BYTES,
    SMALL_BYTES,
)
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Moved, RangedReader, Reader, Source, nobody
from datasync_runner.storage.s3 import copies, overlap
from datasync_runner.storage.s3.algorithms import CRC64NVME, Algorithm
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.changing import while_changing
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.s3.deletion import delete
from datasync_runner.storage.s3.duplicates import duplicate
from datasync_runner.storage.s3.errors import denied, strange
from datasync_runner.storage.s3.gather import each, one
from datasync_runner.storage.s3.listing import Listing
from datasync_runner.storage.s3.metadata import modified_ns
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.page_stream import ListAnswer, ListRequest
from datasync_runner.storage.s3.reader import open_object
from datasync_runner.storage.s3.server_side_copy import copy_batch
from datasync_runner.storage.s3.signer import canonical_query
from datasync_runner.storage.s3.verification import verify
from datasync_runner.storage.throttle import Throttle
from datasync_runner.storage.values import Batch, Content, Duplicate, Examined, Standing, Written

STAMP_MARGIN_NS: Final = 900 * 1_000_000_000
"""An object may be stamped before it is there: when its PUT began, or at the bucket that it is
replicated from (Amazon S3 promises that for within 15 minutes)."""


class S3Storage:
    """One bucket, as source or destination."""

    objects = True
    keeps = Keeps()

    def __init__(
        self,
        side: S3Side,
        *,
        budget: ByteBudget | None = None,
        throttle: Throttle | None = None,
        connections: int = 256,
        tags: ObjectTags = "None",
        algorithm: Algorithm = CRC64NVME,
    ) -> None:
        """Raises: ConfigurationInvalid when the Secret's files are not there."""
        self._side = side
        self._budget = budget or ByteBudget(BUDGET_BYTES)
        self._client = Client(side, most=connections, throttle=throttle)
        self._objects = Objects(self._client, tags=tags, algorithm=algorithm)
        self._date_ns = 0

    @property
    def sent(self) -> Mapping[str, int]:
        """How many requests of each kind this process has sent, repetitions included."""
        return self._client.sent

    async def check(self) -> None:
        """List one key: is it S3, is the bucket there, are we let in, what time is it there?

        Raises: BucketMissing, CredentialsRefused, ConfigurationInvalid, Unavailable; FileError, in
        S3's own words, where it refuses otherwise.
        """
        try:
            answer = await self._fetch(ListRequest(self._side.prefix, max_keys=1))
        except errors.Denied as error:
            raise denied(error, self._side) from error
        except errors.FileError as error:
            if error.error_code and not error.error_code.isdecimal():  # else that of HTTP
                raise
            raise strange(self._side, error.message) from error
        if b"<ListBucketResult" not in answer.body:
            words = answer.body[:60].decode("utf-8", "replace")
            raise strange(self._side, f"ListObjectsV2: no listing, but {words!r}")

    async def _fetch(self, request: ListRequest) -> ListAnswer:
        pairs = [
            ("list-type", "2"),
            ("encoding-type", "url"),
            ("prefix", request.prefix),
            ("delimiter", request.delimiter),
            ("continuation-token", request.token),
            ("start-after", request.start_after),
            ("max-keys", str(request.max_keys)),
        ]
        query = canonical_query([pair for pair in pairs if pair[1]])
        answer = await self._client.ask(Call("ListObjectsV2", "GET", self._client.path(), query))
        headers = answer.headers()
        self._date_ns = modified_ns(headers.get("date", ""))
        return ListAnswer(answer.body, headers.get("server", "").lower())

    async def listing(self, chosen: Filter) -> AsyncIterator[Batch]:
        """Everything that takes part, sorted.  Raises: StopError, Unavailable."""
        async for batch in Listing(self._fetch, self._side, chosen).batches():
            yield batch

    async def standing(self) -> Standing:
        """A bucket is what its name says."""
        return Standing()

    async def earliest_stamp(self) -> int | None:
        """By the last listing's Date: `check` has just asked for one."""
        return self._date_ns - STAMP_MARGIN_NS if self._date_ns else None

    async def latest_stamp(self) -> int | None:
        """By another listing's Date: whole seconds, as Last-Modified.  Raises: StorageError."""
        await self._fetch(ListRequest(self._side.prefix, max_keys=1))
        return self._date_ns or None

    async def inspect(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """A HEAD for each entry whose metadata is not known."""
        return await each(self._objects.inspect, entries, _key_of_entry)

    async def examine(self, entries: Sequence[Entry]) -> list[Examined | errors.StorageError]:
        """A HEAD for each; checksums of Amazon S3, or of a server that was seen to check."""
        call = partial(self._objects.examine, trusted=self._objects.vouches)
        return await each(call, entries, _key_of_entry)

    async def read_small(self, entries: Sequence[Entry]) -> list[Content | errors.StorageError]:
        """A GET for each; what was replaced since it was listed is read as it is now."""
        call = partial(each, self._objects.read, key_of=_key_of_entry)
        return await while_changing(entries, call, self.inspect, largest_bytes=SMALL_BYTES)

    async def open(self, entry: Entry) -> RangedReader:
        """HEAD; what is read then is what it told of.  Raises: any FileError, Unavailable."""
        return await open_object(self._objects, entry)

    async def write_small(self, contents: Sequence[Content]) -> list[Written | errors.StorageError]:
        """A PUT for each."""
        if self._objects.checks is None and contents:
            await self._learn(min(contents, key=lambda content: len(content.body)))
        return await each(self._objects.write, contents, _key_of_content)

    async def _learn(self, content: Content) -> None:
        with contextlib.suppress(errors.FileError):  # of the name: it will be an answer
            await self._objects.learn(self._objects.write_call(content))

    async def write(self, entry: Entry, reader: Reader, moved: Moved = nobody) -> Written:
        """One PUT up to 16 MiB, parts above.  Raises: any FileError, Unavailable."""
        # An upload learns with eight bytes what a PUT would learn with the whole object.
        if entry.size_bytes > SINGLE_PUT_BYTES or self._objects.checks is None:
            return await overlap.upload(self._objects, entry, reader, moved, budget=self._budget)
        async with self._budget.hold(entry.size_bytes):
            pieces: list[bytes] = []
            while chunk := await reader.read():
                pieces.append(chunk)
            body = b"".join(pieces)
            del pieces
            moved(len(body))
            if len(body) != entry.size_bytes:
                raise errors.ChangedDuringTransfer("it has another size now", entry.key)
            return await one(self._objects.write, Content(entry, body))

    def copies_from(self, source: Source) -> bool:
        """Whether the storage itself can copy from there, without the bytes coming here."""
        if not isinstance(source, S3Storage):
            return False
        return self._client.same_account(source._client)

    async def copy(
        self, entries: Sequence[Entry], source: Source
    ) -> list[Written | errors.StorageError]:
        """CopyObject for each, with all its metadata; very large ones in parts.

        What was replaced since it was listed is copied as it is now.
        """
        assert isinstance(source, S3Storage)  # noqa: S101 - `copies_from` said so
        call = partial(copy_batch, source._objects, self._objects, self._budget)
        return await while_changing(entries, call, source.inspect)

    async def duplicate(self, copies: Sequence[Duplicate]) -> list[Written | errors.StorageError]:
        """A CopyObject within the bucket for each; very large ones in parts."""
        return await duplicate(self._objects, copies, self._budget)

    async def update_metadata(self, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
        """A CopyObject onto itself for each."""
        return await each(partial(copies.update_metadata, self._objects), entries, _key_of_entry)

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
            written = await each(self._objects.write_folder, level, _key_of_entry)
            answers.update(zip(places, written, strict=True))
        return [answers[at] for at in range(len(entries))]

    async def delete(self, keys: Sequence[bytes]) -> list[bytes | errors.StorageError]:
        """DeleteObjects, up to 1000 at once."""
        return await delete(self._objects, keys)

    async def verify(self, written: Sequence[Written]) -> list[Written | errors.StorageError]:
        """HEAD, where its checksum can be believed; else the object is read back."""
        return await asyncio.gather(*(verify(self._objects, sent) for sent in written))

    async def finish(self) -> None:
        """Nothing is left behind: objects are written to their final keys, uploads are aborted."""

    async def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _key_of_entry(entry: Entry) -> bytes:
    return entry.key


def _key_of_content(content: Content) -> bytes:
    return content.entry.key
