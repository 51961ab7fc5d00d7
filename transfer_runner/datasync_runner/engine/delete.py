"""The very end of a run: deletions, children before parents, then the metadata of folders.

Nothing is deleted when part of the source could not be listed, or when a guard of the task says no.
"""

import logging
from typing import Final

from datasync_api.conditions import Reason
from datasync_api.exit_codes import ExitCode
from datasync_api.hold import Hold
from datasync_api.plan import TransferPlan
from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, in_place_of
from datasync_runner.core.guard import Extra, held_back
from datasync_runner.core.tally import Tally
from datasync_runner.core.wanted import wanted
from datasync_runner.engine.failures import record
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.kept import Kept
from datasync_runner.engine.spool import FolderWork, Spool, unpack_folder, unpack_work
from datasync_runner.engine.work import WorkQueue
from datasync_runner.storage.errors import (
    Conflict,
    FileError,
    Missing,
    StopError,
    StorageError,
)
from datasync_runner.storage.port import Destination, Source

_log = logging.getLogger(__name__)
BATCH: Final = 1000


class DeletionWithheld(FileError):
    """Not deleted, for the source is not known whole."""

    hint = "clear the failures of listing the source, then run again"


class DeletionHeld(StopError):
    """A guard does not let the run delete; everything else is done."""

    exit_code = ExitCode.GUARD

    def __init__(self, hold: Hold, message: str) -> None:
        super().__init__(message)
        self.hold = hold
        self.reason = hold.reason


def held(kept: Kept, tally: Tally, plan: TransferPlan, *, replaced: bool) -> DeletionHeld | None:
    """What the guards say of all that is to be deleted, before the first is; None: go on.

    `replaced`: the source is another folder than the one that the baseline knows.
    """
    if not kept.deletes.count or kept.source_unlisted:
        return None
    extra = Extra(
        deletions=tally.estimated_files_to_delete,
        files=tally.files_listed_at_destination,
        source_items=tally.files_listed_at_source + tally.folders_listed_at_source,
        replaced=replaced,
    )
    hold = held_back(extra, plan)
    return DeletionHeld(hold, _told(hold, extra)) if hold is not None else None


def _told(hold: Hold, extra: Extra) -> str:
    if hold.reason is Reason.SOURCE_EMPTY:
        return (
            f"the source lists nothing, and {extra.deletions} files would be deleted at the "
            "destination; nothing was deleted. Check that the right export or prefix is mounted; "
            "a source that may be empty needs guards.allowEmptySource: true"
        )
    if hold.reason is Reason.SOURCE_REPLACED:
        return (
            "the source is another folder than the one that the last successful run has seen, and "
            f"{extra.deletions} of {extra.files} files would be deleted at the destination; "
            "nothing was deleted, what was to be copied is copied. Check that the right volume is "
            "mounted; where a folder's number changes with each mount, set "
            "guards.allowReplacedSource: true"
        )
    return (
        f"{extra.deletions} of {extra.files} files would be deleted at the destination, and the "
        f"task's guards allow {hold.limit}; nothing was deleted, what was to be copied is copied. "
        "Check that the source is whole; for a task that may delete so many, raise "
        "guards.maxDeletePercent or guards.maxDeletedFiles"
    )


async def delete_extra(
    kept: Kept, destination: Destination, *, tally: Tally, files: FileEvents | None = None
) -> None:
    """Delete what the source does not have, after `held` has let it.  Raises: StopError."""
    deletes = kept.deletes
    if not deletes.count:
        return
    if kept.source_unlisted:
        withheld = DeletionWithheld(
            f"nothing was deleted ({deletes.count} items were due): part of the source could not "
            "be listed"
        )
        record(tally, "delete", withheld)
        return
    for keys in deletes.reversed_batches(BATCH):
        answers = await destination.delete(keys)
        for key, answer in zip(keys, answers, strict=True):
            folder = key.endswith(b"/")
            if isinstance(answer, StorageError):
                # A folder that still holds what takes no part in the transfer stays.
                if not (folder and isinstance(answer, Conflict)):
                    record(tally, "delete", answer, key)
            elif folder:
                tally.folders_deleted += 1
            else:
                tally.files_deleted += 1
        if files is not None:
            files.deleted([a for a in answers if not isinstance(a, StorageError)])


async def write_late(late: Spool, queue: WorkQueue) -> None:
    """What had to wait for the deletions into the queue, which is closed.  Raises: StopError."""
    for records in late.reversed_batches(BATCH):
        await queue.put([unpack_work(packed) for packed in records])
    await queue.close()


async def settle_folders(
    kept: Kept,
    source: Source,
    destination: Destination,
    *,
    tally: Tally,
    options: CompareOptions,
    files: FileEvents | None = None,
) -> None:
    """Make folders and set their metadata, the deepest first.

    Those that were right are set again where anything was written: that changed their times.
    """
    written = tally.files_transferred + tally.files_deleted + tally.folders_deleted
    touched = bool(written) or kept.new_folders
    for records in kept.folders.reversed_batches(BATCH):
        failed = tally.failed_folders["transfer"]
        works = _needed([unpack_folder(packed) for packed in records], touched=touched)
        works = await inspected(works, source, destination, tally=tally, options=options)
        works = _needed(works, touched=touched)
        folders = [in_place_of(wanted(work.source, options), work.destination) for work in works]
        answers = await destination.write_folders(folders)
        done: list[Entry] = []
        for work, answer in zip(works, answers, strict=True):
            if isinstance(answer, StorageError):
                record(tally, "transfer", answer, work.source)
            elif work.action is not Action.SKIP:
                tally.folders_transferred += 1
                done.append(answer)
        failed = tally.failed_folders["transfer"] - failed
        tally.folders_skipped += len(records) - len(done) - failed
        if files is not None:
            files.updated(done)


def _needed(works: list[FolderWork], *, touched: bool) -> list[FolderWork]:
    return [work for work in works if touched or work.action is not Action.SKIP]


async def inspected(
    works: list[FolderWork],
    source: Source,
    destination: Destination,
    *,
    tally: Tally,
    options: CompareOptions,
) -> list[FolderWork]:
    """The works with the source's metadata known, and decided where that was needed first."""
    ours = await source.inspect([work.source for work in works])
    asked = [w.destination for w in works if w.action is Action.INSPECT and w.destination]
    theirs = dict(
        zip([entry.key for entry in asked], await destination.inspect(asked), strict=True)
    )
    found: list[FolderWork] = []
    for work, known in zip(works, ours, strict=True):
        there = theirs.get(work.source.key)
        if isinstance(there, Missing):
            there = None
        failed = next((e for e in (known, there) if isinstance(e, StorageError)), None)
        if failed is not None:
            record(tally, "transfer", failed, work.source)
        elif isinstance(known, Entry):
            action = work.action
            if action is Action.INSPECT and not isinstance(there, StorageError):
                action = decide(known, there, options).action
                if action is Action.SKIP and destination.objects:
                    continue
                if action is not Action.SKIP:
                    tally.estimated_folders_to_transfer += 1
            found.append(FolderWork(action, known, work.destination))
    return found
