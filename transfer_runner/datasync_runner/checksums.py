"""CRC64NVME, the checksum that S3 stores for whole objects: the only importer of awscrt."""

import base64
import binascii

from awscrt import checksums  # pyright: ignore[reportMissingTypeStubs]


def crc64(data: bytes, previous: int = 0) -> int:
    """The checksum of data that follows data whose checksum is `previous`."""
    return checksums.crc64nvme(data, previous)


def to_header(checksum: int) -> str:
    """The form of the header `x-amz-checksum-crc64nvme`."""
    return base64.b64encode(checksum.to_bytes(8, "big")).decode("ascii")


def from_header(text: str | None) -> int | None:
    """The checksum that a header states; None when it states none that can be compared."""
    if not text:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return int.from_bytes(raw, "big") if len(raw) == 8 else None
