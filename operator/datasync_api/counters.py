"""The counters of a run, live and final, and how much of it is done by them."""

import math
from typing import Annotated, Final, Protocol

from pydantic import Field

from datasync_api.base import ApiModel

Count = Annotated[int, Field(ge=0)]


class FilesFailed(ApiModel):
    """Files that failed, by the stage in which they did (AWS: FilesFailed)."""

    prepare: Count = 0
    transfer: Count = 0
    verify: Count = 0
    delete: Count = 0

    def total(self) -> int:
        """Over all stages."""
        return self.prepare + self.transfer + self.verify + self.delete


class FoldersFailed(ApiModel):
    """Folders that failed, by the stage in which they did (AWS: FoldersFailed)."""

    list: Count = 0
    prepare: Count = 0
    transfer: Count = 0
    verify: Count = 0
    delete: Count = 0

    def total(self) -> int:
        """Over all stages."""
        return self.list + self.prepare + self.transfer + self.verify + self.delete


class Counters(ApiModel):
    """AWS DataSync's counters in the Enhanced meaning: files without folders, bytes as written.

    Source: API reference, DescribeTaskExecution.  Folders are verified by PointInTimeConsistent
    alone: what was transferred is verified by its content, and a folder has none.
    `filesMetadataUpdated` is ours: files whose content was right and whose metadata alone was
    written; `estimatedMetadataUpdates` says how many there are to be.  So is `bytesResumed`: what
    an earlier run has left of large files, and what therefore does not travel.
    """

    files_listed_at_source: Count = 0
    files_listed_at_destination: Count = 0
    folders_listed_at_source: Count = 0
    folders_listed_at_destination: Count = 0
    estimated_files_to_transfer: Count = 0
    estimated_bytes_to_transfer: Count = 0
    estimated_metadata_updates: Count = 0
    estimated_files_to_delete: Count = 0
    estimated_folders_to_transfer: Count = 0
    estimated_folders_to_delete: Count = 0
    files_transferred: Count = 0
    files_metadata_updated: Count = 0
    files_verified: Count = 0
    files_skipped: Count = 0
    files_deleted: Count = 0
    folders_transferred: Count = 0
    folders_verified: Count = 0
    folders_skipped: Count = 0
    folders_deleted: Count = 0
    bytes_transferred: Count = 0
    bytes_written: Count = 0
    bytes_resumed: Count = 0
    files_failed: FilesFailed = Field(default_factory=FilesFailed)
    folders_failed: FoldersFailed = Field(default_factory=FoldersFailed)


class Bytes(Protocol):
    """Numbers of a run that say where its bytes are."""

    @property
    def bytes_transferred(self) -> int:
        """Those that travelled, of files that are on their way too."""
        ...

    @property
    def bytes_written(self) -> int:
        """Those of files that are whole."""
        ...

    @property
    def bytes_resumed(self) -> int:
        """Those that were there from an earlier run, of files that are on their way too."""
        ...


def bytes_done(numbers: Bytes) -> int:
    """How far the bytes of a run are.

    A large file counts while it travels, long before it is written, and what an earlier run has
    left of it; what a storage copies itself, and holes, are written and never travel.
    """
    return max(numbers.bytes_transferred + numbers.bytes_resumed, numbers.bytes_written)


def bytes_moved(numbers: Bytes) -> int:
    """What of it this run has done, for its rate."""
    return bytes_done(numbers) - numbers.bytes_resumed


_FILE_WEIGHT_BYTES: Final = 65_536  # what a file costs beside its bytes: requests and round trips


def percent(counters: Counters, *, totals_final: bool, verifying: bool) -> int | None:
    """How much of a run is done: None until the totals are final, and never 100.

    100 is said by success alone.  A file weighs its bytes and 64 KiB; where the run verifies,
    transfer and verification count half each.
    """
    if not totals_final:
        return None
    files = counters.estimated_files_to_transfer
    total = counters.estimated_bytes_to_transfer + files * _FILE_WEIGHT_BYTES
    if total == 0:
        return 99
    failed = counters.files_failed.total()
    weight = bytes_done(counters) + (counters.files_transferred + failed) * _FILE_WEIGHT_BYTES
    done = min(1.0, weight / total)
    if verifying and files:
        done = (done + min(1.0, (counters.files_verified + failed) / files)) / 2
    return min(99, math.floor(100 * done))
