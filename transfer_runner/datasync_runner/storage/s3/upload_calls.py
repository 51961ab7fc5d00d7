"""The requests of one multipart upload, and what its parts amount to: pure, it sends nothing."""

from typing import Final, NamedTuple

from datasync_runner.checksums import combine, to_header
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.metadata import CHECKSUM
from datasync_runner.storage.s3.signer import canonical_query

_TYPE: Final = ("x-amz-checksum-type", "FULL_OBJECT")
_ALGORITHM: Final = ("x-amz-checksum-algorithm", "CRC64NVME")


class Made(NamedTuple):
    """A part that is at the server."""

    etag: str
    checksum: int | None
    size_bytes: int


class UploadCalls:
    """Makes the requests for one key."""

    def __init__(self, path: str, key: bytes) -> None:
        self._path, self._key = path, key

    def create(self, headers: list[tuple[str, str]], *, checksums: bool) -> Call:
        """CreateMultipartUpload, with a checksum of the whole object if so wished."""
        stated = [*headers, _ALGORITHM, _TYPE] if checksums else headers
        return Call(
            "CreateMultipartUpload", "POST", self._path, "uploads=", headers=stated, body=b"",
            key=self._key,
        )  # fmt: skip

    def part(self, upload_id: str, number: int, body: bytes, *, checksum: int | None) -> Call:
        """UploadPart."""
        headers = [] if checksum is None else [(CHECKSUM, to_header(checksum))]
        return Call(
            "UploadPart", "PUT", self._path, _query(upload_id, number), headers=headers, body=body,
            key=self._key,
        )  # fmt: skip

    def copied_part(
        self,
        upload_id: str,
        number: int,
        *,
        source: list[tuple[str, str]],
        etag: str,
        extent: tuple[int, int],
    ) -> Call:
        """UploadPartCopy; `source` is from `copy_source`, `extent` offset and size in bytes."""
        offset, size = extent
        headers = [
            *source,
            ("x-amz-copy-source-range", f"bytes={offset}-{offset + size - 1}"),
            ("x-amz-copy-source-if-match", etag),
        ]
        return Call(
            "UploadPartCopy", "PUT", self._path, _query(upload_id, number), headers=headers,
            body=b"", key=self._key, thinks=True,
        )  # fmt: skip

    def complete(self, upload_id: str, made: dict[int, Made], *, whole: int | None) -> Call:
        """CompleteMultipartUpload; with `whole` the server compares it with its own."""
        headers = [] if whole is None else [(CHECKSUM, to_header(whole)), _TYPE]
        return Call(
            "CompleteMultipartUpload", "POST", self._path,
            canonical_query([("uploadId", upload_id)]), headers=headers,
            body=completion(made, checksums=whole is not None), key=self._key, thinks=True,
        )  # fmt: skip


def whole_checksum(made: dict[int, Made]) -> int | None:
    """The whole object's checksum; None when that of a part is not known."""
    whole = 0
    for _, part in sorted(made.items()):
        if part.checksum is None:
            return None
        whole = combine(whole, part.checksum, part.size_bytes)
    return whole


def completion(made: dict[int, Made], *, checksums: bool) -> bytes:
    """The body of CompleteMultipartUpload."""
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


def _query(upload_id: str, number: int) -> str:
    return canonical_query([("partNumber", str(number)), ("uploadId", upload_id)])


def _stated(checksum: int) -> str:
    return f"<ChecksumCRC64NVME>{to_header(checksum)}</ChecksumCRC64NVME>"
