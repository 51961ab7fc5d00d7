"""What is known of a half-written file, kept behind its own end: so a killed download goes on.

Behind the last byte stand a head, which names the source's state, and a slot for each range that is
written.  The record is a claim, not a proof: a range counts as done only when its bytes, read
again, have the checksum of its slot.  Before the file gets its name the record is cut off.
"""

import hashlib
import os
from collections.abc import Iterator
from struct import Struct
from typing import Final

from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import RANGE_BYTES

_MAGIC: Final = b"datasync-ranges\x01"
_HEAD_BYTES: Final = 48
_SLOT: Final = Struct("<QQ")
_MASK: Final = 0x5A5A_5A5A_5A5A_5A5A
_AT_ONCE: Final = 4096


def identity_of(entry: Entry) -> bytes | None:
    """A head for this state of the source; None when the source names no states (no ETag)."""
    if not entry.etag:
        return None
    state = f"{entry.size_bytes} {RANGE_BYTES} {entry.etag}".encode() + b"\0" + entry.key
    return _MAGIC + hashlib.blake2b(state, digest_size=_HEAD_BYTES - len(_MAGIC)).digest()


def begin(fd: int, size_bytes: int, identity: bytes) -> None:
    """Write the head behind the file's end.  Raises: OSError."""
    os.pwrite(fd, identity, size_bytes)


def note(fd: int, size_bytes: int, number: int, checksum: int) -> None:
    """Say that a range is written.  Raises: OSError."""
    slot = _SLOT.pack(checksum, checksum ^ _MASK)
    os.pwrite(fd, slot, size_bytes + _HEAD_BYTES + number * _SLOT.size)


def is_of(fd: int, size_bytes: int, identity: bytes) -> bool:
    """Whether the file was begun for this state of the source.  Raises: OSError."""
    return os.pread(fd, _HEAD_BYTES, size_bytes) == identity


def noted(fd: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    """The ranges that are said to be written, and their checksums.  Raises: OSError."""
    ranges = -(-size_bytes // RANGE_BYTES)
    for first in range(0, ranges, _AT_ONCE):
        count = min(_AT_ONCE, ranges - first)
        at = size_bytes + _HEAD_BYTES + first * _SLOT.size
        found = os.pread(fd, count * _SLOT.size, at)
        whole = len(found) // _SLOT.size * _SLOT.size
        for number, (checksum, masked) in enumerate(_SLOT.iter_unpack(found[:whole]), first):
            if checksum ^ _MASK == masked:
                yield number, checksum
