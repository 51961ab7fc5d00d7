"""Listing a bucket as a sorted stream of entries, with the folders that keys imply.

Flat by ListObjectsV2 where the server lists keys in the order of their bytes, as S3 does.  Some
servers (SeaweedFS) list folder by folder instead, so that `a/x` comes before `a-b`; there the
listing goes folder by folder too and sorts each one: one folder's names a depth in memory.  A
server that turns out to be unsorted midway stops the run: pairing such a listing would invent
deletions.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from datasync_api.patterns import Filter
from datasync_api.plan import S3Side
from datasync_runner.core.entry import Entry, Kind, parent_of, path_of
from datasync_runner.storage import errors
from datasync_runner.storage.port import Batch
from datasync_runner.storage.s3.client import border

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

UNSORTED_SERVERS: Final = ("seaweedfs",)
BATCH: Final = 1000


class Listing:
    """One pass over what is below a prefix; synchronous, a request for each step."""

    def __init__(self, client: "S3Client", side: S3Side, chosen: Filter) -> None:
        self._client, self._side, self._chosen = client, side, chosen
        self._skip = len(side.prefix.encode())

    def batches(self) -> Iterator[Batch]:
        """Sorted batches.  Raises: StopError, Unavailable, Denied."""
        first = self._page(self._side.prefix, "", "")
        server = first["ResponseMetadata"]["HTTPHeaders"].get("server", "").lower()
        keys = [entry.key for entry in self._entries(first)]
        if server.startswith(UNSORTED_SERVERS) or keys != sorted(keys):
            stream = self._by_folder(self._side.prefix)
        else:
            stream = self._flat(first)
        chosen: list[Entry] = []
        for entry in self._with_folders(stream):
            if self._chosen.matches(path_of(entry.key)):
                chosen.append(entry)
                if len(chosen) >= BATCH:
                    yield Batch(chosen)
                    chosen = []
        if chosen:
            yield Batch(chosen)

    def _page(self, prefix: str, delimiter: str, token: str) -> "ListObjectsV2OutputTypeDef":
        more: Any = {"ContinuationToken": token} if token else {}
        with border(self._side):
            return self._client.list_objects_v2(
                Bucket=self._side.bucket,
                Prefix=prefix,
                Delimiter=delimiter,
                EncodingType="url",
                **more,
            )

    def _pages(
        self, prefix: str, delimiter: str, page: "ListObjectsV2OutputTypeDef | None" = None
    ) -> "Iterator[ListObjectsV2OutputTypeDef]":
        page = page or self._page(prefix, delimiter, "")
        yield page
        while page.get("IsTruncated"):
            page = self._page(prefix, delimiter, page.get("NextContinuationToken", ""))
            yield page

    def _entries(self, page: "ListObjectsV2OutputTypeDef") -> Iterator[Entry]:
        for found in page.get("Contents", []):
            entry = self._entry(found)
            if entry.key:  # empty: the marker of the location's own folder
                yield entry

    def _entry(self, found: "ObjectTypeDef") -> Entry:
        key = _decoded(found.get("Key", ""))[self._skip :]
        folder = key.endswith(b"/")
        return Entry(
            key,
            Kind.FOLDER if folder else Kind.FILE,
            0 if folder else found.get("Size", 0),
            time_ns(found.get("LastModified")),
            etag=found.get("ETag", ""),
        )

    def _flat(self, first: "ListObjectsV2OutputTypeDef") -> Iterator[Entry]:
        last = b""
        for page in self._pages(self._side.prefix, "", first):
            for entry in self._entries(page):
                if entry.key <= last:
                    raise errors.ConfigurationInvalid(
                        f"{self._side.uri}: the server lists keys out of order ({entry.key!r} "
                        f"after {last!r}), so both sides cannot be compared; use transferMode All, "
                        "or report the server's name to us"
                    )
                last = entry.key
                yield entry

    def _by_folder(self, prefix: str) -> Iterator[Entry]:
        stack = [iter(self._folder(prefix))]
        while stack:
            for item in stack[-1]:
                if isinstance(item, Entry):
                    yield item
                    continue
                folder = item[self._skip :]
                if self._chosen.may_match_below(path_of(folder)):
                    stack.append(iter(self._folder(item.decode("utf-8", "surrogateescape"))))
                    break
            else:
                stack.pop()

    def _folder(self, prefix: str) -> list[Entry | bytes]:
        """Objects and folders (whole keys) right below a prefix, in order; its marker first."""
        found: dict[bytes, Entry | bytes] = {}
        for page in self._pages(prefix, "/"):
            for entry in self._entries(page):
                found[entry.key] = entry
            for common in page.get("CommonPrefixes", []):
                key = _decoded(common.get("Prefix", ""))
                if key != prefix.encode("utf-8", "surrogateescape"):
                    found[key[self._skip :]] = key
        return [found[key] for key in sorted(found)]

    def _with_folders(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        """The folders that have no marker, each before the first key inside it."""
        known: list[bytes] = []  # the chain of folders around the last key
        for entry in entries:
            while known and not entry.key.startswith(known[-1]):
                known.pop()
            above = parent_of(entry.key)
            at = len(known[-1]) if known else 0
            while at < len(above):
                at = above.index(b"/", at) + 1
                folder = above[:at]
                known.append(folder)
                if representable(folder):
                    yield Entry(folder, Kind.FOLDER, metadata=None, implied=True)
            if entry.kind is Kind.FOLDER:
                known.append(entry.key)
            yield entry


def representable(folder: bytes) -> bool:
    """Whether a prefix can be a folder of a file system: no empty, `.` or `..` component."""
    return not any(part in (b"", b".", b"..") for part in folder[:-1].split(b"/"))


def time_ns(time: datetime | None) -> int:
    """Nanoseconds since the epoch, whole seconds: what HEAD and listing tell alike."""
    return int(time.timestamp()) * 1_000_000_000 if time else 0


def _decoded(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", " "))
