"""What all writers of large files have in common: how they fail."""

from datasync_runner.core.entry import Entry
from datasync_runner.storage.errors import ChangedDuringTransfer, StopError


def resized(entry: Entry) -> ChangedDuringTransfer:
    """The error for a file that ends elsewhere than was said."""
    return ChangedDuringTransfer("it has another size now", entry.key)


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What the caller is told of several failures at once: what stops the run, else the first."""
    for error in group.exceptions:
        if isinstance(error, StopError):
            return error
    return group.exceptions[0]
