"""What all writers of large files share: reading a stream to its end, and how they fail."""

from collections.abc import Awaitable, Callable, Sequence

from datasync_runner.checksums import combine
from datasync_runner.core.entry import Entry
from datasync_runner.storage.errors import ChangedDuringTransfer, StopError
from datasync_runner.storage.port import Moved, Reader
from datasync_runner.storage.posix_charge import Charge

Write = Callable[[Sequence[bytes], int], Awaitable[int]]
"""Writes pieces one behind the other from an offset on, and answers with their checksum."""


async def write_stream(
    entry: Entry, reader: Reader, moved: Moved, *, charge: Charge, write: Write
) -> int:
    """Write all that a reader gives, chunk by chunk; the whole's checksum.

    Raises: ChangedDuringTransfer when it is not as long as the entry says; what `read` and `write`
    raise.
    """
    checksum = at = 0
    while chunk := await reader.read():
        if at + len(chunk) > entry.size_bytes:
            raise resized(entry)
        await charge.pay(len(chunk))
        piece = await write([chunk], at)
        checksum, at = combine(checksum, piece, len(chunk)), at + len(chunk)
        moved(len(chunk))
    if at != entry.size_bytes:
        raise resized(entry)
    return checksum


def resized(entry: Entry) -> ChangedDuringTransfer:
    """The error for a file that ends elsewhere than was said."""
    return ChangedDuringTransfer("it has another size now", entry.key)


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What the caller is told of several failures at once: what stops the run, else the first."""
    for error in group.exceptions:
        if isinstance(error, StopError):
            return error
    return group.exceptions[0]
