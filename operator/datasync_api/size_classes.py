"""What was transferred by size, in classes that any run has in common."""

from typing import Final

from datasync_api.base import ApiModel
from datasync_api.counters import Count


class SizeClass(ApiModel):
    """Files of similar size that were transferred: below this limit, not below the one before."""

    below_bytes: Count | None = None
    """None: the largest class has no limit."""
    files: Count
    size_bytes: Count


_SMALLEST_CLASS_BITS: Final = 12
_BITS_A_CLASS: Final = 4
_LARGEST_CLASS: Final = 6


def size_class(size_bytes: int) -> int:
    """The number of a size's class; each class's files are up to 16 times those of the one before.

    | size | class |
    |---|---|
    | 0 … 4 KiB - 1 | 0 |
    | 4 KiB … 64 KiB - 1 | 1 |
    | 64 KiB … 1 MiB - 1 | 2 |
    | 1 MiB … 16 MiB - 1 | 3 |
    | 16 MiB … 256 MiB - 1 | 4 |
    | 256 MiB … 4 GiB - 1 | 5 |
    | 4 GiB … | 6 |
    """
    above = size_bytes.bit_length() - _SMALLEST_CLASS_BITS
    return min(_LARGEST_CLASS, max(0, -(-above // _BITS_A_CLASS)))


def class_limit(number: int) -> int | None:
    """What all files of a class are smaller than; None for the last one."""
    if number == _LARGEST_CLASS:
        return None
    return 1 << (_SMALLEST_CLASS_BITS + _BITS_A_CLASS * number)
