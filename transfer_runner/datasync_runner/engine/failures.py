"""What became of an item that could not be done goes to the tally and to the log, at one place."""

import logging

from datasync_runner.core.entry import Entry, Kind, path_of
from datasync_runner.core.tally import Failed, Stage, Tally, What, printable
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.values import Batch

_log = logging.getLogger(__name__)


def record(
    tally: Tally, stage: Stage, error: StorageError, item: Entry | bytes | None = None
) -> None:
    """Count and tell one item's failure, or that it is skipped where its error says so.

    Without the item the error's own key says which.
    """
    item = error.key if item is None else item
    folder = item.kind is Kind.FOLDER if isinstance(item, Entry) else item.endswith(b"/")
    _record(tally, stage, error, item, what="folder" if folder else "file")


def record_listing(tally: Tally, stage: Stage, error: StorageError, batch: Batch) -> None:
    """Count and tell one of a batch's errors: of a folder that could not be listed, or an item."""
    if batch.looked_up:
        record(tally, stage, error)
    else:
        _record(tally, stage, error, error.key, what="listing")


def _record(
    tally: Tally, stage: Stage, error: StorageError, item: Entry | bytes, *, what: What
) -> None:
    path = path_of(item.key if isinstance(item, Entry) else item)
    told = {"message": error.message, "hint": error.hint}
    if error.skips:
        tally.skip(error.code, path, **told)
    else:
        tally.fail(stage, error.code, path, what=what, **told)
        if tally.on_failure is not None:
            tally.on_failure(stage, item, Failed(error.code, error.message))
    if _log.isEnabledFor(logging.WARNING):
        _tell(stage, error, path)


def _tell(stage: Stage, error: StorageError, path: str) -> None:
    _log.warning(
        "skipped" if error.skips else "failure",
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
