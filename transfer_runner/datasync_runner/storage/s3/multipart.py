"""One large object, uploaded in parts: several at once, resumed where an earlier run was killed.

Memory: the parts on their way, each with its share of the process's byte budget.  A failure aborts
the upload, so no parts are left to be paid for; a stop leaves them, for the next run to go on
with.  What earlier runs left of the same key and cannot be used is aborted.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from datasync_runner.checksums import combine, crc64, to_header
from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import PARTS_AT_ONCE, layout
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Moved, RangedReader, Reader, Written, nobody
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.metadata import CHECKSUM, headers_of
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.signer import canonical_query
from datasync_runner.storage.s3.uploads import Part, Uploads

_QUESTION: Final = b"datasync"
_TYPE: Final = ("x-amz-checksum-type", "FULL_OBJECT")
_ALGORITHM: Final = ("x-amz-checksum-algorithm", "CRC64NVME")


class Made(NamedTuple):
    """A part that is at the server."""

    etag: str
    checksum: int | None
    size_bytes: int


class Upload:
    """A multipart upload of one entry."""

    def __init__(self, objects: Objects, entry: Entry, *, budget: ByteBudget) -> None:
        """Raises: NotSupported for more than 5 TiB, NameNotRepresentable."""
        self._objects, self._client, self._entry = objects, objects.client, entry
        self._budget = budget
        self._checksums = True
        self._path = objects.path(entry.key)
        self._uploads = Uploads(objects)
        try:
            self._layout = layout(entry.size_bytes)
        except ValueError as error:
            raise errors.NotSupported(str(error), entry.key) from error
        self._moved: Moved = nobody
        self._id = ""
        self._known: dict[int, Part] = {}
        self._resumed = False
        self._made: dict[int, Made] = {}

    async def run(self, reader: Reader, moved: Moved) -> Written:
        """Upload everything.  Raises: any FileError, Unavailable; the upload is aborted then."""
        self._moved = moved
        await self._begin()
        try:
            if isinstance(reader, RangedReader):
                await self._send_ranges(reader)
                await reader.settle()
            else:
                await self._send_stream(reader)
            return await self._complete()
        except Exception:
            with contextlib.suppress(errors.StorageError):
                await self._uploads.abort(self._entry.key, self._id)
            raise

    async def copy(self, source: str, source_etag: str) -> Written:
        """UploadPartCopy of everything from another object; `source` is x-amz-copy-source.

        Raises: any FileError, Unavailable; the upload is aborted then.
        """
        await self._begin()
        try:
            await self._each(lambda number: self._copy_part(number, source, source_etag))
            return await self._complete()
        except Exception:
            with contextlib.suppress(errors.StorageError):
                await self._uploads.abort(self._entry.key, self._id)
            raise

    async def _begin(self) -> None:
        found = await self._uploads.of(self._entry.key)
        for upload_id in found:
            parts = await self._uploads.parts(self._entry.key, upload_id)
            if parts and not self._id and self._fits(parts):
                self._id, self._known, self._resumed = upload_id, parts, True
            else:
                await self._uploads.abort(self._entry.key, upload_id)
        if self._id:
            return
        call = await self._create()
        if call.attempt > 1:  # an attempt whose answer was lost may have made one as well
            for other in await self._uploads.of(self._entry.key):
                if other != self._id:
                    await self._uploads.abort(self._entry.key, other)
        if self._objects.checks is None and self._checksums:
            # Whatever becomes of it, the real first part takes its place.
            await self._objects.learn(self._part_call(1, _QUESTION))

    async def _create(self) -> Call:
        """Begin an upload; without checksums where the server knows none for whole objects."""
        headers = headers_of(self._entry)
        call = self._create_call([*headers, _ALGORITHM, _TYPE])
        try:
            answer = await self._client.ask(call)
        except (errors.NotSupported, errors.Unexpected):
            self._checksums = False  # an older server: verification reads back instead
            call = self._create_call(headers)
            answer = await self._client.ask(call)
        self._id = self._uploads.id_of(answer.body, self._entry.key)
        return call

    def _create_call(self, headers: list[tuple[str, str]]) -> Call:
        return Call(
            "CreateMultipartUpload",
            "POST",
            self._path,
            "uploads=",
            headers=headers,
            body=b"",
            key=self._entry.key,
        )

    def _part_call(self, number: int, body: bytes) -> Call:
        return Call(
            "UploadPart",
            "PUT",
            self._path,
            self._query(number),
            body=body,
            key=self._entry.key,
        )

    def _fits(self, parts: dict[int, Part]) -> bool:
        """Whether what another run has sent was cut as we cut."""
        return all(
            part.checksum is not None and part.size_bytes == self._extent(number)[1]
            for number, part in parts.items()
        )

    def _extent(self, number: int) -> tuple[int, int]:
        """Offset and size of a part; the size is negative beyond the end."""
        size = self._layout.part_bytes
        offset = (number - 1) * size
        return offset, min(size, self._entry.size_bytes - offset)

    async def _each(self, work: Callable[[int], Awaitable[None]]) -> None:
        slots = asyncio.Semaphore(PARTS_AT_ONCE)

        async def one(number: int) -> None:
            try:
                await work(number)
            finally:
                slots.release()

        try:
            async with asyncio.TaskGroup() as group:
                for number in range(1, self._layout.number + 1):
                    await slots.acquire()
                    group.create_task(one(number))
        except* errors.StorageError as several:
            raise several.exceptions[0] from None

    async def _send_ranges(self, reader: RangedReader) -> None:
        async def send(number: int) -> None:
            offset, size = self._extent(number)
            async with self._budget.hold(size):
                pieces = await reader.read_at(offset, size)
                body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                del pieces
                self._made[number] = await self._put(number, body)

        await self._each(send)

    async def _send_stream(self, reader: Reader) -> None:
        """For what can be read in order alone."""
        number = size = 0
        pieces: list[bytes] = []
        held = 0
        part_bytes = self._layout.part_bytes
        async with self._budget.hold(2 * part_bytes):
            while chunk := await reader.read():
                pieces.append(chunk)
                held += len(chunk)
                size += len(chunk)
                while held >= part_bytes:
                    whole = b"".join(pieces)
                    number += 1
                    self._made[number] = await self._put(number, whole[:part_bytes])
                    pieces = [whole[part_bytes:]]
                    held -= part_bytes
            if held:
                self._made[number + 1] = await self._put(number + 1, b"".join(pieces))
        if size != self._entry.size_bytes:
            raise errors.ChangedDuringTransfer("it has another size now", self._entry.key)

    async def _put(self, number: int, body: bytes) -> Made:
        checksum = crc64(body)
        self._moved(len(body))
        known = self._known.get(number)
        if known is not None and (known.checksum, known.size_bytes) == (checksum, len(body)):
            return Made(known.etag, checksum, len(body))
        call = self._part_call(number, body)
        if self._checksums:
            call.headers.append((CHECKSUM, to_header(checksum)))
        headers = (await self._client.ask(call)).headers()
        return Made(headers.get("etag", ""), checksum, len(body))

    async def _copy_part(self, number: int, source: str, source_etag: str) -> None:
        offset, size = self._extent(number)
        headers = [
            ("x-amz-copy-source", source),
            ("x-amz-copy-source-range", f"bytes={offset}-{offset + size - 1}"),
            ("x-amz-copy-source-if-match", source_etag),
        ]
        call = Call(
            "UploadPartCopy", "PUT", self._path, self._query(number), headers=headers, body=b"",
            key=self._entry.key, thinks=True,
        )  # fmt: skip
        part = self._uploads.copied((await self._client.ask(call)).body, size)
        self._made[number] = Made(part.etag, part.checksum, size)

    def _query(self, number: int) -> str:
        return canonical_query([("partNumber", str(number)), ("uploadId", self._id)])

    async def _complete(self) -> Written:
        whole = self._whole()
        known = self._checksums and whole is not None
        stated = [(CHECKSUM, to_header(whole)), _TYPE] if known and whole is not None else []
        call = Call(
            "CompleteMultipartUpload", "POST", self._path,
            canonical_query([("uploadId", self._id)]), headers=stated,
            body=_completion(self._made, checksums=known),
            key=self._entry.key, thinks=True,
        )  # fmt: skip
        try:
            await self._client.ask(call)
        except errors.Missing:
            if call.attempt == 1:
                raise
            # The answer to an earlier attempt was lost: verification finds what is there.
            return Written(self._entry, whole or 0)
        if self._resumed:
            await self._restate()
        return Written(self._entry, whole or 0, known and self._objects.checks is True)

    def _whole(self) -> int | None:
        """The whole object's checksum; None when that of a part is not known."""
        whole = 0
        for _, made in sorted(self._made.items()):
            if made.checksum is None:
                return None
            whole = combine(whole, made.checksum, made.size_bytes)
        return whole

    async def _restate(self) -> None:
        """What a killed run stated when it began may be older than what is to be stated now."""
        call = Call("HeadObject", "HEAD", self._path, key=self._entry.key)
        headers = (await self._client.ask(call)).headers()
        wanted = {name: value for name, value in headers_of(self._entry) if "meta" in name}
        if any(headers.get(name) != value for name, value in wanted.items()):
            answer: asyncio.Future[Entry | errors.StorageError] = (
                asyncio.get_running_loop().create_future()
            )
            self._objects.update_metadata(self._entry, answer.set_result)
            told = await answer
            if isinstance(told, errors.StorageError):
                raise told


def _completion(made: dict[int, Made], *, checksums: bool) -> bytes:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{part.etag}</ETag>"
        + (_stated(part.checksum) if checksums and part.checksum is not None else "")
        + "</Part>"
        for number, part in sorted(made.items())
    )
    return (
        '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{parts}</CompleteMultipartUpload>"
    ).encode()


def _stated(checksum: int) -> str:
    return f"<ChecksumCRC64NVME>{to_header(checksum)}</ChecksumCRC64NVME>"
