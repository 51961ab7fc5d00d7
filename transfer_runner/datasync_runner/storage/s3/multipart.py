"""One large object, uploaded in parts: several at once, resumed where an earlier run was killed.

Memory: the parts on their way, each with its share of the process's byte budget.  A failure aborts
the upload, so no parts are left to be paid for; a stop leaves them, for the next run to go on
with.  What earlier runs left of the same key and cannot be used is aborted; `overlap` says what
becomes of a run that still goes.
"""

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from datasync_runner.checksums import from_header
from datasync_runner.core.entry import ARCHIVES, Entry
from datasync_runner.core.parts import COPY_LIMIT_BYTES, PARTS_AT_ONCE, layout
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Moved, PouringReader, RangedReader, Reader, nobody
from datasync_runner.storage.s3 import copies
from datasync_runner.storage.s3.algorithms import CRC64NVME
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.gather import one, some_at_once
from datasync_runner.storage.s3.metadata import says
from datasync_runner.storage.s3.naming import copy_source, etag_in, version_of
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.pieces import Pieces
from datasync_runner.storage.s3.upload_calls import Made, UploadCalls, whole_checksum
from datasync_runner.storage.s3.uploads import Part, Uploads
from datasync_runner.storage.values import Written

_UNKNOWN: Final = (errors.NotSupported, errors.Unexpected)
"""How servers refuse what they do not know."""


class Upload:
    """A multipart upload of one entry."""

    def __init__(
        self,
        objects: Objects,
        entry: Entry,
        *,
        budget: ByteBudget,
        checksums: bool = True,
        alone: bool = False,
    ) -> None:
        """`alone`: whatever else is under way at the key is another run's, and left to it.

        Raises: NotSupported for more than 5 TiB, NameNotRepresentable.
        """
        self._objects, self._client, self._entry = objects, objects.client, entry
        self._budget = budget
        self._checksums, self._alone = checksums, alone
        self._algorithm = objects.algorithm
        self._calls = UploadCalls(objects.path(entry.key), entry.key, self._algorithm)
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

    async def copy(
        self, source: list[tuple[str, str]], source_etag: str, *, checksum: int | None
    ) -> Written:
        """UploadPartCopy of everything from another object; `source` is from `copy_source`.

        `checksum` is the source's, where it is known: an object for which the server would keep
        another one is not made.  Not proven: the checksums are the server's own, of what it has
        taken for the source.  Raises: any FileError, Unavailable; the upload is aborted then.
        """
        await self._begin()
        try:
            await self._each(lambda number: self._copy_part(number, source, source_etag))
            told = whole_checksum(self._made)
            if self._checksums and None not in (told, checksum) and told != checksum:
                raise errors.NotSupported("it tells wrong checksums of copied parts")
            return (await self._complete())._replace(proven=False)
        except Exception as error:
            with contextlib.suppress(errors.StorageError):
                await self._uploads.abort(self._entry.key, self._id)
            if not self._checksums or not isinstance(error, _UNKNOWN):
                raise
        # MinIO copies no part into an upload that has checksums; Versity's gateway then tells of
        # each part the checksum of the whole source, and keeps what follows from it.
        plain = Upload(
            self._objects, self._entry, budget=self._budget, checksums=False, alone=self._alone
        )
        return await plain.copy(source, source_etag, checksum=checksum)

    async def _begin(self) -> None:
        if not self._alone:
            self._id, self._known = await self._uploads.take_over(self._entry.key, self._fits)
        if self._id:
            self._resumed = True
            return
        call = await self._create()
        if call.attempt > 1 and not self._alone:  # one whose answer was lost may be there as well
            await self._uploads.abort_others(self._entry.key, self._id)
        if self._objects.checks is None and self._checksums:
            # Whatever becomes of it, the real first part takes its place.
            question = self._calls.part(self._id, 1, Pieces([b"datasync"]), stated="")
            await self._objects.learn(question)

    async def _create(self) -> Call:
        """Begin an upload; without checksums where the server knows none for whole objects."""
        call = self._calls.create(self._objects.stated(self._entry), checksums=self._checksums)
        try:
            answer = await self._client.ask(call)
        except _UNKNOWN:
            if not self._checksums:
                raise
            self._checksums = False  # an older server: verification reads back instead
            return await self._create()
        self._id = self._uploads.id_of(answer.body, self._entry.key)
        return call

    def _fits(self, parts: dict[int, Part]) -> bool:
        """Whether what another run has sent was cut as we cut.

        It has also said how the object is to be; an archived one could not be put right.
        """
        restatable = self._objects.keeping.class_of(self._entry) not in ARCHIVES
        return restatable and all(
            part.stated and part.size_bytes == self._layout.extent(number)[1]
            for number, part in parts.items()
        )

    async def _each(self, work: Callable[[int], Awaitable[None]]) -> None:
        await some_at_once(range(1, self._layout.number + 1), work, at_once=PARTS_AT_ONCE)

    async def _send_ranges(self, reader: RangedReader) -> None:
        async def send(number: int) -> None:
            offset, size = self._layout.extent(number)
            async with self._budget.hold(size):
                body = Pieces()
                if isinstance(reader, PouringReader):
                    await reader.pour(offset, size, body)
                else:
                    body.take(await reader.read_at(offset, size))
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
                    self._made[number] = await self._put(number, Pieces([whole[:part_bytes]]))
                    pieces = [whole[part_bytes:]]
                    held -= part_bytes
            if held or not number:
                self._made[number + 1] = await self._put(number + 1, Pieces([b"".join(pieces)]))
        if size != self._entry.size_bytes:
            raise errors.ChangedDuringTransfer("it has another size now", self._entry.key)

    async def _put(self, number: int, body: Pieces) -> Made:
        stated = self._algorithm.stated(body, body.checksum)
        known = self._known.get(number)
        resumed = known is not None and (known.stated, known.size_bytes) == (stated, len(body))
        self._moved(len(body), resumed=resumed)
        if known is not None and resumed:
            return Made(known.etag, body.checksum, stated, len(body))
        call = self._calls.part(self._id, number, body, stated=stated if self._checksums else "")
        headers = (await self._client.ask(call)).headers()
        return Made(headers.get("etag", ""), body.checksum, stated, len(body))

    async def _copy_part(
        self, number: int, source: list[tuple[str, str]], source_etag: str
    ) -> None:
        extent = self._layout.extent(number)
        call = self._calls.copied_part(
            self._id, number, source=source, etag=source_etag, extent=extent
        )
        part = self._uploads.copied((await self._client.ask(call)).body, extent[1])
        checksum = from_header(part.stated) if self._algorithm is CRC64NVME else None
        self._made[number] = Made(part.etag, checksum, part.stated, part.size_bytes)

    async def _complete(self) -> Written:
        whole = whole_checksum(self._made)
        stated = self._checksums and all(part.stated for part in self._made.values())
        call = self._calls.complete(self._id, self._made, checksums=stated)
        proven = stated and self._objects.checks is True
        try:
            answer = await self._client.ask(call)
            version_id, etag = version_of(answer.headers()), etag_in(answer.body)
        except errors.Missing:
            if call.attempt == 1:
                raise
            version_id = etag = ""
            proven = False  # the answer to an earlier attempt was lost: verify what is there
        written = Written(self._entry, whole or 0, proven, version_id, etag)
        return await self._restated(written, whole) if self._resumed else written

    async def _restated(self, written: Written, checksum: int | None) -> Written:
        """What is there in the end, for it may have to be made anew.

        What a killed run stated when it began may differ from what is to be stated now.
        """
        key = self._entry.key
        found = await one(self._objects.head, self._entry._replace(version_id=""))
        if says(found, self._objects.stated(self._entry)):
            return written
        if self._entry.size_bytes <= COPY_LIMIT_BYTES:
            return await one(partial(copies.restate, self._objects), written)
        side = self._objects.side
        source = copy_source(side, self._objects.name(key), side)
        again = Upload(self._objects, self._entry, budget=self._budget)
        made = await again.copy(source, written.etag or found.get("etag", ""), checksum=checksum)
        etag = made.etag if written.etag else ""  # else nobody knows what was copied
        return written._replace(version_id=made.version_id, etag=etag)
