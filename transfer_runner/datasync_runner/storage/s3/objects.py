"""One object at a time: read, write, copy onto itself, check.  Synchronous, run in threads.

What is written carries a CRC64NVME computed before it was sent, which the server checks.
"""

from typing import TYPE_CHECKING, Any, Final

from datasync_api.plan import S3Side
from datasync_runner.checksums import crc64, from_header, to_header
from datasync_runner.core import posix_metadata
from datasync_runner.core.entry import Entry, Kind, ObjectHeaders, PosixMetadata
from datasync_runner.core.parts import MIB, SMALL_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.port import Content, Written
from datasync_runner.storage.s3.client import border
from datasync_runner.storage.s3.listing import time_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_s3.client import S3Client

CHUNK: Final = 1 * MIB
MAX_KEY_BYTES: Final = 1024
BARE_FOLDERS: Final = ("httpd/unix-directory",)
"""SeaweedFS makes a folder of its own from a marker, under this type, and drops user metadata."""


class Objects:
    """The objects below one prefix."""

    def __init__(self, client: "S3Client", side: S3Side) -> None:
        self.client, self.side = client, side

    def address(self, key: bytes) -> Any:
        """Bucket and key as keyword arguments.  Raises: NameNotRepresentable."""
        try:
            name = self.side.prefix + key.decode("utf-8")
        except UnicodeDecodeError as error:
            raise errors.NameNotRepresentable(
                "the name is not UTF-8, and an S3 key must be", key
            ) from error
        if len(name.encode()) > MAX_KEY_BYTES:
            raise errors.NameNotRepresentable("an S3 key has at most 1024 bytes", key)
        return {"Bucket": self.side.bucket, "Key": name}

    def inspect(self, entry: Entry) -> Entry:
        """The entry with what HEAD tells.  Raises: Missing, Denied, Unavailable."""
        if entry.implied:
            return entry
        with border(self.side, entry.key):
            answer = self.client.head_object(**self.address(entry.key))
        return described(entry.key, answer)

    def read_small(self, entry: Entry) -> Content:
        """A whole object.  Raises: any FileError, Unavailable."""
        answer = self.get(entry)
        with border(self.side, entry.key):
            body = answer["Body"].read(SMALL_BYTES + 1)
        found = described(entry.key, answer)
        if len(body) != found.size_bytes:
            raise errors.Unavailable("the body ended early", entry.key)
        compare_checksum(entry.key, answer, crc64(body))
        return Content(found, body)

    def get(self, entry: Entry) -> Any:
        """The answer of GET for the very object that was listed.  Raises: ChangedDuringTransfer…"""
        same: Any = {"IfMatch": entry.etag} if entry.etag else {}
        with border(self.side, entry.key):
            return self.client.get_object(**self.address(entry.key), ChecksumMode="ENABLED", **same)

    def write_small(self, content: Content) -> Written:
        """PUT of a whole object, its checksum judged by the server."""
        entry, body = content
        address = self.address(entry.key)
        checksum = crc64(body)
        with border(self.side, entry.key):
            answer = self.client.put_object(
                **address,
                Body=body,
                ChecksumCRC64NVME=to_header(checksum),
                **headers_of(entry, entry.headers or ObjectHeaders()),
            )
        return Written(entry, checksum, from_header(answer.get("ChecksumCRC64NVME")) == checksum)

    def write_folder(self, entry: Entry) -> Entry:
        """PUT of the marker `dir/`."""
        return self.write_small(Content(entry, b"")).entry

    def update_metadata(self, entry: Entry) -> Entry:
        """CopyObject onto itself; content type and foreign user metadata stay."""
        address = self.address(entry.key)
        headers = entry.headers
        with border(self.side, entry.key):
            if headers is None:
                head = self.client.head_object(**address)
                headers = described(entry.key, head).headers or ObjectHeaders()
            self.client.copy_object(
                **address,
                CopySource=address,
                MetadataDirective="REPLACE",
                **headers_of(entry, headers),
            )
        return entry

    def verify(self, written: Written) -> Written:
        """Compare by what the server has stored, else by reading back.

        Raises: VerificationFailed, Missing, Denied, Unavailable.
        """
        if written.proven:
            return written
        entry = written.entry
        with border(self.side, entry.key):
            head = self.client.head_object(**self.address(entry.key), ChecksumMode="ENABLED")
            if head.get("ContentLength") != entry.size_bytes:
                raise errors.VerificationFailed(
                    f"it has {head.get('ContentLength')} bytes instead of {entry.size_bytes}",
                    entry.key,
                )
            stored = stored_checksum(head)
            if stored is None:
                stored = self._checksum(entry.key)
        if stored != written.checksum:
            raise errors.VerificationFailed("its content differs from what was sent", entry.key)
        return written._replace(proven=True)

    def _checksum(self, key: bytes) -> int:
        checksum = 0
        body = self.client.get_object(**self.address(key))["Body"]
        for chunk in body.iter_chunks(CHUNK):
            checksum = crc64(chunk, checksum)
        return checksum


def described(key: bytes, answer: "Mapping[str, Any]") -> Entry:
    """The entry that the answer of HEAD or GET describes."""
    user: dict[str, str] = answer.get("Metadata", {})
    metadata, link = posix_metadata.from_user_metadata(user)
    modified_ns = time_ns(answer.get("LastModified"))
    folder = key.endswith(b"/")
    kind = Kind.FOLDER if folder else Kind.SYMLINK if link else Kind.FILE
    return Entry(
        key,
        kind,
        0 if folder else answer.get("ContentLength", 0),
        modified_ns if metadata.mtime_ns is None else metadata.mtime_ns,
        metadata,
        bare=folder and answer.get("ContentType") in BARE_FOLDERS and not user,
        etag=answer.get("ETag", ""),
        headers=ObjectHeaders(
            answer.get("ContentType"),
            answer.get("ContentEncoding"),
            answer.get("ContentLanguage"),
            answer.get("ContentDisposition"),
            tuple(sorted(i for i in user.items() if i[0] not in posix_metadata.POSIX_KEYS)),
        ),
    )


def headers_of(entry: Entry, headers: ObjectHeaders) -> Any:
    """Headers and user metadata of an object to be written, as keyword arguments."""
    stated = posix_metadata.to_user_metadata(entry.metadata or PosixMetadata(), entry.kind)
    found = {
        "ContentType": headers.content_type,
        "ContentEncoding": headers.content_encoding,
        "ContentLanguage": headers.content_language,
        "ContentDisposition": headers.content_disposition,
        "Metadata": {**dict(headers.user_metadata), **stated},
    }
    return {name: value for name, value in found.items() if value}


def stored_checksum(answer: "Mapping[str, Any]") -> int | None:
    """The whole object's CRC64NVME, where the server tells it."""
    if answer.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    return from_header(answer.get("ChecksumCRC64NVME"))


def compare_checksum(key: bytes, answer: "Mapping[str, Any]", checksum: int) -> None:
    """What came is what the server has stored.  Raises: Unavailable."""
    stored = stored_checksum(answer)
    if stored is not None and stored != checksum:
        raise errors.Unavailable("it arrived damaged: its checksum differs from S3's", key)
