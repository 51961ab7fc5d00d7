"""A failure of one item goes to the tally and to the log, at one place."""

import logging

from datasync_runner.core.entry import Entry, path_of
from datasync_runner.core.tally import Stage, Tally, printable
from datasync_runner.storage.errors import StorageError

_log = logging.getLogger(__name__)


def record(tally: Tally, stage: Stage, error: StorageError, key: bytes | None = None) -> None:
    """Count and tell one item's failure."""
    path = path_of(error.key if key is None else key)
    tally.fail(stage, error.code, path, message=error.message, hint=error.hint)
    if _log.isEnabledFor(logging.WARNING):
        _tell(stage, error, path)


def _tell(stage: Stage, error: StorageError, path: str) -> None:
    _log.warning(
        "failure",
        extra={
            "fields": {
                "path": printable(path),
                "stage": stage,
                "code": error.code,
                "message": printable(error.message),
                "hint": error.hint,
            }
        },
    )


def skipped(entry: Entry, reason: str) -> None:
    """Tell of an item that nothing can be done for, so that nobody looks for it in vain."""
    path = printable(path_of(entry.key))
    _log.info("skipped", extra={"fields": {"path": path, "reason": reason}})
