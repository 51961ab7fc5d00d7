"""One large object, uploaded in parts while it is read.

Memory: `PARTS_AT_ONCE` parts.  A failure aborts the upload, so no parts are left to be paid for.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from datasync_runner.checksums import crc64, to_header
from datasync_runner.core.entry import Entry, ObjectHeaders
from datasync_runner.core.parts import PARTS_AT_ONCE, layout
from datasync_runner.storage import errors
from datasync_runner.storage.port import Reader, Written
from datasync_runner.storage.s3.client import border
from datasync_runner.storage.s3.objects import Objects, headers_of
from datasync_runner.storage.threads import Threads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


async def parts_of(reader: Reader, part_bytes: int) -> "AsyncGenerator[bytes]":
    """The file in pieces of exactly `part_bytes`, the last one smaller.  Raises: as Reader.read."""
    pieces: list[bytes] = []
    held = 0
    while chunk := await reader.read():
        if not pieces and len(chunk) == part_bytes:  # the usual case, without a copy
            yield chunk
            continue
        pieces.append(chunk)
        held += len(chunk)
        while held >= part_bytes:
            whole = b"".join(pieces)
            yield whole[:part_bytes]
            pieces = [whole[part_bytes:]] if held > part_bytes else []
            held -= part_bytes
    if held:
        yield b"".join(pieces)


class Upload:
    """A multipart upload of one entry."""

    def __init__(self, objects: Objects, threads: Threads, entry: Entry) -> None:
        self._objects, self._threads, self._entry = objects, threads, entry
        self._address = objects.address(entry.key)
        self._id = ""
        self._parts: list[dict[str, Any]] = []
        self._checksums = True
        self._whole = self._size = 0

    async def run(self, reader: Reader) -> Written:
        """Upload everything.  Raises: any FileError, Unavailable; the upload is aborted then."""
        try:
            part_bytes = layout(self._entry.size_bytes).part_bytes
        except ValueError as error:
            raise errors.NotSupported(str(error), self._entry.key) from error
        await self._threads.run(self._begin)
        try:
            await self._send(reader, part_bytes)
            if self._size != self._entry.size_bytes:
                raise errors.ChangedDuringTransfer("it has another size now", self._entry.key)
            await self._threads.run(self._complete)
        except BaseException:
            with contextlib.suppress(errors.StorageError):
                await asyncio.shield(self._threads.run(self._abort))
            raise
        return Written(self._entry, self._whole)

    async def _send(self, reader: Reader, part_bytes: int) -> None:
        slots = asyncio.Semaphore(PARTS_AT_ONCE - 1)
        number = 0
        async with contextlib.aclosing(parts_of(reader, part_bytes)) as parts:
            try:
                async with asyncio.TaskGroup() as group:
                    async for part in parts:
                        number += 1
                        self._whole = crc64(part, self._whole)
                        self._size += len(part)
                        await slots.acquire()
                        group.create_task(self._send_one(number, part, slots))
                        del part
            except* errors.StorageError as several:
                raise several.exceptions[0] from None

    async def _send_one(self, number: int, part: bytes, slots: asyncio.Semaphore) -> None:
        try:
            self._parts.append(await self._threads.run(lambda: self._put(number, part)))
        finally:
            slots.release()

    def _begin(self) -> None:
        more = headers_of(self._entry, self._entry.headers or ObjectHeaders())
        client = self._objects.client
        with border(self._objects.side, self._entry.key):
            try:
                answer = client.create_multipart_upload(
                    **self._address,
                    **more,
                    ChecksumAlgorithm="CRC64NVME",
                    ChecksumType="FULL_OBJECT",
                )
            except client.exceptions.ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code not in ("InvalidRequest", "InvalidArgument", "NotImplemented"):
                    raise
                self._checksums = False  # an older server: verification reads back instead
                answer = client.create_multipart_upload(**self._address, **more)
            self._id = answer["UploadId"]

    def _put(self, number: int, part: bytes) -> dict[str, Any]:
        stated: Any = {"ChecksumCRC64NVME": to_header(crc64(part))} if self._checksums else {}
        with border(self._objects.side, self._entry.key):
            answer = self._objects.client.upload_part(
                **self._address, UploadId=self._id, PartNumber=number, Body=part, **stated
            )
        return {"PartNumber": number, "ETag": answer["ETag"], **stated}

    def _complete(self) -> None:
        stated: Any = (
            {"ChecksumCRC64NVME": to_header(self._whole), "ChecksumType": "FULL_OBJECT"}
            if self._checksums
            else {}
        )
        parts: Any = sorted(self._parts, key=lambda part: part["PartNumber"])
        with border(self._objects.side, self._entry.key):
            self._objects.client.complete_multipart_upload(
                **self._address, UploadId=self._id, MultipartUpload={"Parts": parts}, **stated
            )

    def _abort(self) -> None:
        with border(self._objects.side, self._entry.key):
            self._objects.client.abort_multipart_upload(**self._address, UploadId=self._id)
