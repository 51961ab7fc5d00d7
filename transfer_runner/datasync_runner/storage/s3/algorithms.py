"""The checksums that S3 stores with objects and checks what it receives by.

A run's own checksum, of what left the source, is CRC64NVME always; this is what is stated to S3.

| algorithm | an object that is uploaded in parts has |
|---|---|
| CRC64NVME, CRC32C | a checksum of the whole, put together from those of the parts |
| SHA256 | a checksum of the parts' checksums (COMPOSITE): none of the whole can be made from them |
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Final, NamedTuple

from datasync_runner import checksums
from datasync_runner.storage.s3.pieces import Pieces


class Algorithm(NamedTuple):
    """How a checksum is made and stated."""

    name: str
    """As the API spells it: CRC64NVME."""
    of: Callable[[bytes], str]
    """The checksum of bytes, as headers have it."""
    combine: Callable[[int, int, int], int] | None = None
    """Of two pieces in a row and the second one's size; None: there is no such way."""

    @property
    def header(self) -> str:
        """The header that states it."""
        return f"x-amz-checksum-{self.name.lower()}"

    @property
    def element(self) -> str:
        """The element of an answer or a body that states it."""
        return f"Checksum{self.name}"

    @property
    def kind(self) -> str:
        """Of an upload in parts: FULL_OBJECT or COMPOSITE."""
        return "COMPOSITE" if self.combine is None else "FULL_OBJECT"

    def stated(self, body: bytes | Pieces, checksum: int) -> str:
        """As `of`; `checksum`: the CRC64NVME of the same bytes, which is known already."""
        if self.name == "CRC64NVME":
            return checksums.to_header(checksum)
        return self.of(body.whole() if isinstance(body, Pieces) else body)

    def whole(self, parts: Iterable[tuple[str, int]]) -> str | None:
        """The checksum of all parts in a row, of which checksums and sizes are known.

        None where it cannot be made of those.
        """
        combine = self.combine
        if combine is None:
            return None
        raw = [(b64decode(text), size_bytes) for text, size_bytes in parts]
        width = len(raw[0][0])
        total = reduce(
            lambda one, part: combine(one, int.from_bytes(part[0], "big"), part[1]), raw, 0
        )
        return b64encode(total.to_bytes(width, "big")).decode("ascii")


def _crc64nvme(data: bytes) -> str:
    return checksums.to_header(checksums.crc64(data))


def _crc32c(data: bytes) -> str:
    return b64encode(checksums.crc32c(data).to_bytes(4, "big")).decode("ascii")


def _sha256(data: bytes) -> str:
    return b64encode(hashlib.sha256(data).digest()).decode("ascii")


CRC64NVME: Final = Algorithm("CRC64NVME", _crc64nvme, checksums.combine)
CRC32C: Final = Algorithm("CRC32C", _crc32c, checksums.combine_crc32c)
SHA256: Final = Algorithm("SHA256", _sha256)
ALGORITHMS: Final = {one.name: one for one in (CRC64NVME, CRC32C, SHA256)}
