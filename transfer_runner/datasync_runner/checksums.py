"""CRC64NVME, the checksum of whatever is moved, and CRC32C: the only importer of awscrt.

The library is loaded with the first checksum: it takes 40 ms of CPU (its cryptography, which nobody
asks for, measures the machine's entropy), and a run that finds nothing to move needs none.  Whoever
forks workers that will move something loads it before.
"""

import base64
import binascii
from functools import cache
from typing import Any


@cache
def _library() -> Any:
    from awscrt import checksums  # pyright: ignore[reportMissingTypeStubs]

    return checksums


def load() -> None:
    """Load the library now; it starts no thread, so it may be forked."""
    _library()


def crc64(data: bytes | memoryview, previous: int = 0) -> int:
    """The checksum of data that follows data whose checksum is `previous`."""
    return _library().crc64nvme(data, previous)


def combine(first: int, second: int, second_size_bytes: int) -> int:
    """The checksum of two pieces in a row, from those of the pieces."""
    return _library().combine_crc64nvme(first, second, second_size_bytes)


def crc32c(data: bytes | memoryview, previous: int = 0) -> int:
    """The checksum of data that follows data whose checksum is `previous`."""
    return _library().crc32c(data, previous)


def combine_crc32c(first: int, second: int, second_size_bytes: int) -> int:
    """As `combine`."""
    return _library().combine_crc32c(first, second, second_size_bytes)


def crc64_of_zeros(size_bytes: int) -> int:
    """The checksum of that many zero bytes, in as many steps as the number has binary digits."""
    whole, piece, piece_bytes = 0, crc64(b"\0"), 1
    while size_bytes:
        if size_bytes & 1:
            whole = combine(whole, piece, piece_bytes)
        piece, piece_bytes = combine(piece, piece, piece_bytes), piece_bytes * 2
        size_bytes >>= 1
    return whole


def to_header(checksum: int) -> str:
    """The form of the header `x-amz-checksum-crc64nvme`."""
    return binascii.b2a_base64(checksum.to_bytes(8, "big"), newline=False).decode("ascii")


def from_header(text: str | None) -> int | None:
    """The checksum that a header states; None when it states none that can be compared."""
    if not text:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return int.from_bytes(raw, "big") if len(raw) == 8 else None
