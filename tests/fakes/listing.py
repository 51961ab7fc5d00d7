"""A bucket in memory that answers ListObjectsV2 in XML, as AWS does or as another server would."""

import asyncio
import base64
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from datasync_runner.storage.s3.page_stream import ListAnswer, ListRequest

NOON = "2026-11-23T12:00:00.000Z"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
)


class Item(NamedTuple):
    """What is listed: an object, or (below a delimiter) a prefix that many have in common."""

    name: str
    prefix: bool = False


def url(name: str) -> str:
    """A name in `encoding-type=url`, as AWS writes it: slashes stay, a space is a plus sign."""
    return quote_plus(name, safe="/")


def aws_object(key: str, size: int = 5) -> str:
    """An object in AWS's order of elements."""
    return (
        f"<Contents><Key>{key}</Key><LastModified>{NOON}</LastModified>"
        f"<ETag>&quot;{size:032x}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
        f"<ChecksumType>FULL_OBJECT</ChecksumType><Size>{size}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def other_object(key: str, size: int = 5) -> str:
    """The same in an order that no fast reader expects."""
    return (
        f"<Contents>\n <Size>{size}</Size><StorageClass>STANDARD</StorageClass><!-- odd -->"
        f"<Owner><ID>0</ID></Owner><ETag>&#34;{size:032x}&#34;</ETag><Key>{key}</Key>"
        f"<LastModified>{NOON}</LastModified></Contents>"
    )


def by_bytes(key: str) -> bytes:
    """The order of S3."""
    return key.encode()


def by_folder(key: str) -> list[bytes]:
    """The order of SeaweedFS: what is in a folder comes where the folder's name does."""
    return [part.encode() for part in key.split("/")]


class Bucket:
    """Answers with pages of `page_size`, each after `latency_seconds`."""

    def __init__(
        self,
        keys: Iterable[str],
        *,
        page_size: int = 1000,
        order: Callable[[str], object] = by_bytes,
        server: str = "amazons3",
        write: Callable[[str], str] = aws_object,
        latency_seconds: float = 0.0,
    ) -> None:
        self.keys = sorted(keys, key=order)  # pyright: ignore[reportArgumentType, reportCallIssue]
        self.page_size, self.server, self.write = page_size, server, write
        self.latency_seconds = latency_seconds
        self.requests: list[ListRequest] = []
        self.damaged: dict[int, Callable[[bytes], bytes]] = {}
        """What happens to the answer of the request of that number."""
        self.in_flight = self.most_in_flight = 0
        self._items: dict[tuple[str, str], list[Item]] = {}

    async def fetch(self, request: ListRequest) -> ListAnswer:
        """One answer."""
        number = len(self.requests)
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency_seconds)
        finally:
            self.in_flight -= 1
        body = self.answer(request)
        return ListAnswer(self.damaged.get(number, bytes)(body), self.server)

    def answer(self, request: ListRequest) -> bytes:
        """The body of an answer."""
        items = self._below(request.prefix, request.delimiter)
        if request.token:
            start = int(base64.b64decode(request.token))
        else:
            after = request.start_after.encode()
            start = bisect_right(items, after, key=lambda i: i.name.encode()) if after else 0
        end = start + min(self.page_size, request.max_keys)
        some, more = items[start:end], end < len(items)
        token = base64.b64encode(str(end).encode()).decode()
        following = f"<NextContinuationToken>{token}</NextContinuationToken>" if more else ""
        objects = "".join(self.write(url(item.name)) for item in some if not item.prefix)
        prefixes = "".join(
            f"<CommonPrefixes><Prefix>{url(item.name)}</Prefix></CommonPrefixes>"
            for item in some
            if item.prefix
        )
        return (
            f"{HEAD}<Name>example</Name><Prefix>{escape(url(request.prefix))}</Prefix>{following}"
            f"<KeyCount>{len(some)}</KeyCount><MaxKeys>1000</MaxKeys>"
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{objects}{prefixes}</ListBucketResult>"
        ).encode()

    def _below(self, prefix: str, delimiter: str) -> list[Item]:
        if (prefix, delimiter) not in self._items:
            found: dict[Item, None] = {}
            for key in self.keys:
                if key.startswith(prefix):
                    end = key.find(delimiter, len(prefix)) + 1 if delimiter else 0
                    found[Item(key[:end], prefix=True) if end else Item(key)] = None
            self._items[prefix, delimiter] = list(found)
        return self._items[prefix, delimiter]
