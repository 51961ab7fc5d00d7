"""How many bytes travel at once, and how a large object is cut into parts.

Memory in flight: at most `BUDGET_BYTES`, plus one part where a single part is larger than that
(objects above 640 GiB); every stage asks for its share before it reads:

    small batches: sum of their sizes, at most BATCH_BYTES each
    large files:   PARTS_AT_ONCE * part size each

HTTP libraries may hold bytes once more while they receive them, so the process peaks at about
75 MB for itself and twice the budget.
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
PART_BYTES: Final = 8 * MIB
PARTS_AT_ONCE: Final = 3
MAX_PARTS: Final = 10_000
MAX_OBJECT_BYTES: Final = 5 * 1024**4
COPY_LIMIT_BYTES: Final = 5 * 1024**3
"""CopyObject's limit: above it metadata changes by uploading again."""


class Layout(NamedTuple):
    """Parts of one size, the last one possibly smaller."""

    part_bytes: int
    number: int


def layout(size_bytes: int) -> Layout:
    """The parts of an object; 8 MiB each until 10,000 of them are not enough.

    Raises: ValueError above S3's limit of 5 TiB.
    """
    if size_bytes > MAX_OBJECT_BYTES:
        raise ValueError(f"{size_bytes} bytes are more than S3's 5 TiB for one object")
    part_bytes = max(PART_BYTES, -(-size_bytes // MAX_PARTS))
    part_bytes = -(-part_bytes // MIB) * MIB
    return Layout(part_bytes, max(1, -(-size_bytes // part_bytes)))


def large_cost_bytes(size_bytes: int) -> int:
    """What one large file may hold in memory, capped at the whole budget."""
    part_bytes = layout(min(size_bytes, MAX_OBJECT_BYTES)).part_bytes
    return min(BUDGET_BYTES, PARTS_AT_ONCE * part_bytes)
