"""How many bytes travel at once, and how a large object is cut into parts.

Memory in flight in each process that transfers: at most `BUDGET_BYTES`, plus one part where a
single part is larger than that (objects above 640 GiB).  Everybody asks for a share before reading:

    small batches:               the sum of their sizes, at most BATCH_BYTES each
    a part of an upload:         its size, 16 MiB and more
    a large file to be written:  RANGES_AT_ONCE * RANGE_BYTES

A process is about 50 MB by itself, so it peaks near 150 MB.
"""

from typing import Final, NamedTuple

MIB: Final = 1024 * 1024
BUDGET_BYTES: Final = 64 * MIB
SMALL_BYTES: Final = 8 * MIB
"""Up to here a file is read whole."""
BATCH_BYTES: Final = 8 * MIB
BATCH_FILES: Final = 64
SINGLE_PUT_BYTES: Final = 16 * MIB
"""Above this an object is uploaded in parts."""
PART_BYTES: Final = 16 * MIB
PARTS_AT_ONCE: Final = 4
"""Of one object; parts of several objects share the budget."""
LARGE_AT_ONCE: Final = 2
"""Large files that one process moves at the same time."""
RANGE_BYTES: Final = 8 * MIB
"""What is asked for at once of a large file that is written to a file system."""
RANGES_AT_ONCE: Final = 4
MAX_PARTS: Final = 10_000
MAX_OBJECT_BYTES: Final = 5 * 1024**4
COPY_LIMIT_BYTES: Final = 5 * 1024**3
"""CopyObject's limit: above it metadata changes by uploading again."""
WHOLE_COPY_BYTES: Final = 1024 * MIB
"""Above this a copy inside S3 goes in parts, several at once."""


class Layout(NamedTuple):
    """Parts of one size, the last one possibly smaller."""

    part_bytes: int
    number: int
    size_bytes: int
    """Of the whole object."""

    def extent(self, number: int) -> tuple[int, int]:
        """Offset and size of a part, the first being 1; the size is negative beyond the end."""
        offset = (number - 1) * self.part_bytes
        return offset, min(self.part_bytes, self.size_bytes - offset)


def layout(size_bytes: int) -> Layout:
    """The parts of an object; 16 MiB each until 10,000 of them are not enough.

    Raises: ValueError above S3's limit of 5 TiB.
    """
    if size_bytes > MAX_OBJECT_BYTES:
        raise ValueError(f"{size_bytes} bytes are more than S3's 5 TiB for one object")
    part_bytes = max(PART_BYTES, -(-size_bytes // MAX_PARTS))
    part_bytes = -(-part_bytes // MIB) * MIB
    return Layout(part_bytes, max(1, -(-size_bytes // part_bytes)), size_bytes)


def restore_cost_bytes(size_bytes: int) -> int:
    """What one large file that is written to a file system holds in memory."""
    return min(size_bytes, RANGES_AT_ONCE * RANGE_BYTES)
