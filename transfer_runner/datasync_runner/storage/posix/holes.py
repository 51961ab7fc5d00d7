"""Holes: where a sparse file has data, and checksums that need not read what is not there."""

import errno
import os
from collections.abc import Iterator

from datasync_runner.checksums import combine, crc64_of_zeros
from datasync_runner.storage.posix.files import checksum_of


def data_ranges(fd: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    """Where the data is: (offset, end) by rising offset; all of it where holes are not told.

    Raises: OSError.
    """
    at = 0
    while at < size_bytes:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            if error.errno != errno.EINVAL:
                raise
            yield at, size_bytes
            return
        if start >= size_bytes:
            return
        end = min(size_bytes, os.lseek(fd, start, os.SEEK_HOLE))
        if end <= start:  # it was cut while we look: the caller sees it by its stamp
            return
        yield start, end
        at = end


def checksum_of_sparse(fd: int, size_bytes: int) -> int:
    """The checksum of a file whose holes are not read.  Raises: OSError."""
    checksum = at = 0
    for start, end in data_ranges(fd, size_bytes):
        checksum = combine(checksum, crc64_of_zeros(start - at), start - at)
        checksum = combine(checksum, checksum_of(fd, end - start, start), end - start)
        at = end
    return combine(checksum, crc64_of_zeros(size_bytes - at), size_bytes - at)
