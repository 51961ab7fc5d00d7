"""What detailed reports have to tell of single files, in whichever process it happens.

Entries are handed on as they are made: a worker sends them with its next report, the leader writes
them into files (`report_files`).  What a level leaves out is not made at all.

Memory: the keys of items on their way that replace something: those of the works in hand, and of
all large names from S3 that wait to be linked.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from datasync_api.plan import PlannedReport, TransferPlan
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.report_entries import (
    ReportEntry,
    ReportKind,
    Shape,
    TransferType,
    moment_ns,
)
from datasync_runner.core.tally import Failed, Stage
from datasync_runner.storage.values import Written

Keep = Callable[[Sequence[ReportEntry]], None]
_STAGES: dict[Stage, ReportKind] = {
    # What could not be read, or compared, was never tried: AWS calls that skipped.
    "prepare": "skipped",
    "transfer": "transferred",
    "verify": "verified",
    "delete": "deleted",
}


class FileReports:
    """Makes entries and hands them to `keep`."""

    def __init__(
        self,
        report: PlannedReport,
        *,
        objects: bool,
        keep: Keep,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._keep, self._clock_ns = keep, clock_ns
        self._shape = Shape(objects)
        self._versions = report.object_version_ids
        self._transferred = report.transferred == "SuccessesAndErrors"
        self._verified = report.verified == "SuccessesAndErrors"
        self._deleted = report.deleted == "SuccessesAndErrors"
        self.skips = report.skipped == "SuccessesAndErrors"
        """Whether anybody wants to know what was skipped rightly."""
        self._replacing: set[bytes] = set()

    @classmethod
    def of(cls, plan: TransferPlan, keep: Keep) -> "FileReports | None":
        """Those that the plan asks for; None: a summary is enough, or nothing is asked for."""
        report = plan.report
        if report is None or report.output_type != "Standard":
            return None
        objects = plan.source.kind == plan.destination.kind == "S3"
        return cls(report, objects=objects, keep=keep)

    def replacing(self, keys: Iterable[bytes]) -> None:
        """These are about to be written over what is there."""
        if self._transferred:
            self._replacing.update(keys)

    def transferred(self, written: Sequence[Written]) -> None:
        """Content is at the destination."""
        if not self._transferred or not written:
            return
        moment, shape = self._moment(), self._shape
        self._keep(
            [
                shape.transferred(
                    one.entry,
                    moment,
                    transfer_type="CONTENT_AND_METADATA",
                    overwrite=self._replaced(one.entry.key),
                    version_id=one.version_id if self._versions else "",
                )
                for one in written
            ]
        )

    def updated(self, entries: Sequence[Entry]) -> None:
        """Metadata alone was written, or a folder was made."""
        if not self._transferred or not entries:
            return
        moment, shape = self._moment(), self._shape
        self._keep(
            [
                shape.transferred(
                    entry,
                    moment,
                    transfer_type=_type_of(entry),
                    overwrite=entry.kind is not Kind.FOLDER,
                )
                for entry in entries
            ]
        )

    def verified(self, items: Sequence[tuple[Entry, int | None]]) -> None:
        """They are at the destination what was sent; with their CRC64NVME where it is known."""
        if not self._verified or not items:
            return
        moment, shape = self._moment(), self._shape
        self._keep([shape.verified(entry, moment, checksum=known) for entry, known in items])

    def deleted(self, keys: Sequence[bytes]) -> None:
        """They are gone from the destination."""
        if self._deleted and keys:
            moment = self._moment()
            self._keep([self._shape.deleted(key, moment) for key in keys])

    def skipped(self, entries: Sequence[tuple[Entry, str]]) -> None:
        """They are left as they are, for this reason."""
        if self.skips and entries:
            moment, shape = self._moment(), self._shape
            self._keep([shape.skipped(entry, moment, reason=reason) for entry, reason in entries])

    def failed(self, stage: Stage, item: Entry | bytes, why: Failed) -> None:
        """One could not be done; that is told at every level."""
        self._replaced(item if isinstance(item, bytes) else item.key)
        self._keep([self._shape.failed(_STAGES[stage], item, self._moment(), why=why)])

    def _replaced(self, key: bytes) -> bool:
        if key in self._replacing:
            self._replacing.remove(key)
            return True
        return False

    def _moment(self) -> str:
        return moment_ns(self._clock_ns())


def _type_of(entry: Entry) -> TransferType:
    return "CONTENT_AND_METADATA" if entry.kind is Kind.FOLDER else "METADATA"
