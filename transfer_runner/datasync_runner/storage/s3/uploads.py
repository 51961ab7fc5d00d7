"""Multipart uploads that are under way at a key: found, looked into, aborted.

An upload that states another checksum than ours was begun by another tool and is left alone.  The
answers are small; they are read by expressions of the few elements that are needed.
"""

import contextlib
import html
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from datasync_runner.storage import errors
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.signer import canonical_query

_UPLOAD: Final = re.compile(rb"<Upload>(.*?)</Upload>", re.DOTALL)
_PART: Final = re.compile(rb"<Part>(.*?)</Part>", re.DOTALL)
MAX_PAGES: Final = 20


class Part(NamedTuple):
    """A part as the server tells it; no checksum: it keeps none."""

    etag: str
    stated: str
    """Its checksum as headers have it; empty: the server keeps none."""
    size_bytes: int


class Uploads:
    """Multipart uploads of one bucket."""

    def __init__(self, objects: Objects) -> None:
        self._objects, self._client = objects, objects.client
        self._algorithm = objects.algorithm

    def id_of(self, body: bytes, key: bytes) -> str:
        """The id in the answer of CreateMultipartUpload.  Raises: Unavailable."""
        found = _element(body, b"UploadId")
        if not found:
            raise errors.Unavailable("CreateMultipartUpload gave no upload id", key)
        return found

    async def of(self, key: bytes) -> list[str]:
        """Ids of the uploads of our kind at exactly this key; none where we may not list them."""
        name = self._objects.name(key)
        query = canonical_query([("uploads", ""), ("prefix", name), ("max-uploads", "100")])
        call = Call("ListMultipartUploads", "GET", self._client.path(), query, key=key)
        try:
            body = (await self._client.ask(call)).body
        except errors.FileError:
            return []
        found: list[str] = []
        for upload in _UPLOAD.findall(body):
            algorithm = _element(upload, b"ChecksumAlgorithm")
            if _element(upload, b"Key") == name and algorithm in ("", self._algorithm.name):
                found.append(_element(upload, b"UploadId"))
        return found

    async def parts(self, key: bytes, upload_id: str) -> dict[int, Part]:
        """The parts that are there, by number; none when the upload is gone."""
        found: dict[int, Part] = {}
        marker = "0"
        for _ in range(MAX_PAGES):
            query = canonical_query([("uploadId", upload_id), ("part-number-marker", marker)])
            call = Call("ListParts", "GET", self._objects.path(key), query, key=key)
            try:
                body = (await self._client.ask(call)).body
            except errors.FileError:
                return {}
            for part in _PART.findall(body):
                number, size = _element(part, b"PartNumber"), _element(part, b"Size")
                if number.isdecimal() and size.isdecimal():
                    found[int(number)] = self._part(part, int(size))
            marker = _element(body, b"NextPartNumberMarker")
            if _element(body, b"IsTruncated") != "true" or not marker:
                break
        return found

    async def take_over(
        self, key: bytes, fits: Callable[[dict[int, Part]], bool]
    ) -> tuple[str, dict[int, Part]]:
        """An upload whose parts fit, and its parts; empty: there is none.  All others are aborted.

        Raises: Unavailable, StopError.
        """
        taken: tuple[str, dict[int, Part]] = "", {}
        for upload_id in await self.of(key):
            parts = await self.parts(key, upload_id)
            if parts and not taken[0] and fits(parts):
                taken = upload_id, parts
            else:
                await self.abort(key, upload_id)
        return taken

    async def abort_others(self, key: bytes, upload_id: str) -> None:
        """Abort all uploads but this one.  Raises: Unavailable, StopError."""
        for other in await self.of(key):
            if other != upload_id:
                await self.abort(key, other)

    async def abort(self, key: bytes, upload_id: str) -> None:
        """Abort; what is gone already is fine.  Raises: Unavailable, StopError."""
        query = canonical_query([("uploadId", upload_id)])
        call = Call("AbortMultipartUpload", "DELETE", self._objects.path(key), query, key=key)
        with contextlib.suppress(errors.FileError):
            await self._client.ask(call)

    def copied(self, body: bytes, size_bytes: int) -> Part:
        """The part that UploadPartCopy made."""
        return self._part(body, size_bytes)

    def _part(self, body: bytes, size_bytes: int) -> Part:
        stated = _element(body, self._algorithm.element.encode())
        return Part(_element(body, b"ETag"), stated, size_bytes)


def _element(body: bytes, name: bytes) -> str:
    found = re.search(b"<%s>([^<]*)</%s>" % (name, name), body)
    return html.unescape(found[1].decode("utf-8", "replace")) if found else ""
