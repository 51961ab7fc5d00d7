"""The very end of a run: deletions, children before parents, then the metadata of folders.

Nothing is deleted when part of the source could not be listed, or when it lists nothing at all.
"""

import logging
from typing import TYPE_CHECKING, Final

from datasync_api.task import Guards
from datasync_runner.core.compare import CompareOptions, wanted
from datasync_runner.core.tally import Tally
from datasync_runner.engine.failures import record
from datasync_runner.engine.prepare import Kept
from datasync_runner.engine.spool import Spool, unpack_folder
from datasync_runner.storage.errors import Conflict, FileError, SourceEmpty, StorageError
from datasync_runner.storage.port import Destination, Source

if TYPE_CHECKING:
    from datasync_runner.core.entry import Entry

_log = logging.getLogger(__name__)
BATCH: Final = 1000


class DeletionWithheld(FileError):
    """Not deleted, for the source is not known whole."""

    hint = "clear the failures of listing the source, then run again"


async def delete_extra(
    kept: Kept, destination: Destination, *, tally: Tally, guards: Guards
) -> None:
    """Delete what the source does not have.  Raises: SourceEmpty, other StopErrors."""
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
    listed = tally.files_listed_at_source + tally.folders_listed_at_source
    if not listed and not guards.allow_empty_source:
        raise SourceEmpty(
            f"the source lists nothing, and {deletes.count} items would be deleted at the "
            "destination; nothing was deleted. Check that the right export or prefix is mounted, "
            "or set guards.allowEmptySource: true"
        )
    for keys in deletes.reversed_batches(BATCH):
        for key, answer in zip(keys, await destination.delete(keys), strict=True):
            folder = key.endswith(b"/")
            if isinstance(answer, StorageError):
                # A folder that still holds what takes no part in the transfer stays.
                if not (folder and isinstance(answer, Conflict)):
                    record(tally, "delete", answer, key)
            elif folder:
                tally.folders_deleted += 1
            else:
                tally.files_deleted += 1


async def settle_folders(
    kept: Kept,
    source: Source,
    destination: Destination,
    *,
    tally: Tally,
    options: CompareOptions,
) -> None:
    """Make folders and set their metadata; those that were right too, if anything was written."""
    for records in kept.folders.reversed_batches(BATCH):
        folders: list[Entry] = []
        listed = [unpack_folder(packed) for packed in records]
        for folder, known in zip(listed, await source.inspect(listed), strict=True):
            if isinstance(known, StorageError):
                record(tally, "transfer", known, folder.key)
            else:
                folders.append(wanted(known, options))
        for folder, answer in zip(folders, await destination.write_folders(folders), strict=True):
            if isinstance(answer, StorageError):
                record(tally, "transfer", answer, folder.key)
            else:
                tally.folders_transferred += 1
    touched = tally.files_transferred + tally.files_deleted + tally.folders_deleted
    if touched or tally.folders_transferred:
        await _settle_again(kept.matching, destination, tally=tally)


async def _settle_again(matching: Spool, destination: Destination, *, tally: Tally) -> None:
    for records in matching.reversed_batches(BATCH):
        folders = [unpack_folder(packed) for packed in records]
        for folder, answer in zip(folders, await destination.write_folders(folders), strict=True):
            if isinstance(answer, StorageError):
                record(tally, "transfer", answer, folder.key)
