"""The requests of one multipart upload, and what its parts amount to: pure, it sends nothing."""

from typing import NamedTuple

from datasync_runner.checksums import combine
from datasync_runner.storage.s3.algorithms import CRC64NVME, Algorithm
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.pieces import Pieces
from datasync_runner.storage.s3.signer import canonical_query


class Made(NamedTuple):
    """A part that is at the server."""

    etag: str
    checksum: int | None
    """CRC64NVME; None: not known."""
    stated: str
    """In the upload's algorithm, as headers have it; empty: not known."""
    size_bytes: int


class UploadCalls:
    """Makes the requests for one key."""

    def __init__(self, path: str, key: bytes, algorithm: Algorithm = CRC64NVME) -> None:
        self._path, self._key, self._algorithm = path, key, algorithm
        self._kind: tuple[str, str] = ("x-amz-checksum-type", algorithm.kind)

    def create(self, headers: list[tuple[str, str]], *, checksums: bool) -> Call:
        """CreateMultipartUpload, with a checksum of the object if so wished."""
        algorithm = ("x-amz-checksum-algorithm", self._algorithm.name)
        stated = [*headers, algorithm, self._kind] if checksums else headers
        return Call(
            "CreateMultipartUpload", "POST", self._path, "uploads=", headers=stated, body=b"",
            key=self._key,
        )  # fmt: skip

    def part(self, upload_id: str, number: int, body: Pieces, *, stated: str) -> Call:
        """UploadPart; `stated`: its checksum, or empty."""
        headers = [(self._algorithm.header, stated)] if stated else []
        return Call(
            "UploadPart", "PUT", self._path, _query(upload_id, number), headers=headers,
            body=body.simplest(), key=self._key,
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

    def complete(self, upload_id: str, made: dict[int, Made], *, checksums: bool) -> Call:
        """CompleteMultipartUpload; with `checksums` the server compares them with its own."""
        algorithm = self._algorithm
        headers = [self._kind] if checksums else []
        parts = [(part.stated, part.size_bytes) for _, part in sorted(made.items())]
        if checksums and (whole := algorithm.whole(parts)):
            headers.insert(0, (algorithm.header, whole))
        return Call(
            "CompleteMultipartUpload", "POST", self._path,
            canonical_query([("uploadId", upload_id)]), headers=headers,
            body=completion(made, algorithm if checksums else None), key=self._key, thinks=True,
        )  # fmt: skip


def whole_checksum(made: dict[int, Made]) -> int | None:
    """The whole object's checksum; None when that of a part is not known."""
    whole = 0
    for _, part in sorted(made.items()):
        if part.checksum is None:
            return None
        whole = combine(whole, part.checksum, part.size_bytes)
    return whole


def completion(made: dict[int, Made], algorithm: Algorithm | None) -> bytes:
    """The body of CompleteMultipartUpload; None: without checksums."""
    element = algorithm.element if algorithm else ""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{part.etag}</ETag>"
        + (f"<{element}>{part.stated}</{element}>" if element and part.stated else "")
        + "</Part>"
        for number, part in sorted(made.items())
    )
    return (
        '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{parts}</CompleteMultipartUpload>"
    ).encode()


def _query(upload_id: str, number: int) -> str:
    return canonical_query([("partNumber", str(number)), ("uploadId", upload_id)])
