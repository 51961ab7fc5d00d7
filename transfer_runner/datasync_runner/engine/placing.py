"""From a decision to the books and to the work that follows from it."""

from datasync_runner.core.actions import Action
from datasync_runner.core.entry import ARCHIVES, Entry, in_place_of
from datasync_runner.core.parts import BATCH_BYTES, BATCH_FILES, COPY_LIMIT_BYTES
from datasync_runner.core.tally import Tally
from datasync_runner.engine.failures import record
from datasync_runner.engine.work import Work
from datasync_runner.storage.errors import Conflict


def place(
    tally: Tally, source: Entry, there: Entry | None, *, action: Action, to_objects: bool
) -> Work | None:
    """A file's or link's decision in the books, and the work that follows from it, if any."""
    if action is Action.CONFLICT:
        record(tally, "prepare", Conflict("a special file is in its place"), source)
        return None
    if action is Action.SKIP:
        tally.files_skipped += 1
        return None
    source = in_place_of(source, there)
    if action is Action.UPDATE_METADATA and to_objects and not _rewritable(source):
        action = Action.COPY
    if action is Action.COPY:
        tally.estimated_files_to_transfer += 1
        tally.estimated_bytes_to_transfer += source.size_bytes
    elif action is Action.UPDATE_METADATA:
        tally.estimated_metadata_updates += 1
    return Work(action, source, replaces=there is not None)


def _rewritable(entry: Entry) -> bool:
    """Whether the object in its place can be copied onto itself, with other metadata."""
    return entry.size_bytes <= COPY_LIMIT_BYTES and entry.storage_class not in ARCHIVES


def batches_of(works: list[Work]) -> list[list[Work]]:
    """The works cut into batches as the queue's are.

    Of one action, BATCH_FILES and, to copy, BATCH_BYTES at most; a large file is one of its own.
    """
    found: list[list[Work]] = []
    size_bytes = 0
    for work in works:
        last = found[-1] if found else None
        size_bytes += work.source.size_bytes
        if last and len(last) < BATCH_FILES and _go_together(last[0], work, size_bytes):
            last.append(work)
        else:
            found.append([work])
            size_bytes = work.source.size_bytes
    return found


def _go_together(first: Work, work: Work, size_bytes: int) -> bool:
    """Whether one more work may join a batch, which has so many bytes then."""
    if work.large or first.large or work.action is not first.action:
        return False
    return work.action is not Action.COPY or size_bytes <= BATCH_BYTES
