"""What is told of every single file, where a plan asks for it: lines of the log, counts by size.

Nobody has such an object otherwise, so that it costs a run one comparison a batch.
"""

import time
from collections.abc import Callable, Sequence

from datasync_api.plan import TransferPlan
from datasync_runner.core import log_lines
from datasync_runner.core.entry import Entry
from datasync_runner.core.tally import Tally
from datasync_runner.engine.file_reports import FileReports, Keep
from datasync_runner.logs import Write
from datasync_runner.storage.values import Written


class FileEvents:
    """Batches of what happened to files; failures are told elsewhere (`failures`)."""

    def __init__(
        self,
        *,
        write: Write | None,
        sizes: Tally | None,
        reports: FileReports | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._write, self._sizes, self._reports, self._clock = write, sizes, reports, clock
        self.reports_skips = reports is not None and reports.skips
        """Whether anybody wants to know what was skipped rightly."""

    @classmethod
    def of(
        cls, plan: TransferPlan, tally: Tally, write: Write, *, keep: Keep | None = None
    ) -> "FileEvents | None":
        """Those that the plan asks for; None: none.  `keep` takes the entries of reports."""
        lines = plan.options.log_level == "Transfer"
        reports = FileReports.of(plan, keep) if keep is not None else None
        if reports is not None:
            tally.on_failure = reports.failed
        if not lines and not plan.count_sizes and reports is None:
            return None
        sizes = tally if plan.count_sizes else None
        return cls(write=write if lines else None, sizes=sizes, reports=reports)

    def replacing(self, keys: Sequence[bytes]) -> None:
        """These are about to be written over what is there."""
        if self._reports is not None:
            self._reports.replacing(keys)

    def skipped(self, entries: Sequence[tuple[Entry, str]]) -> None:
        """They are left as they are, for these reasons."""
        if self._reports is not None:
            self._reports.skipped(entries)

    def transferred(self, written: Sequence[Written]) -> None:
        """Content is at the destination."""
        if self._sizes is not None:
            for one in written:
                self._sizes.count_size(one.entry.size_bytes)
        if self._reports is not None:
            self._reports.transferred(written)
        if self._write is not None and written:
            entries = [(one.entry, one.proven) for one in written]
            self._write(log_lines.transferred_lines(self._clock(), entries))

    def linked(self, entries: Sequence[Entry], *, verified: bool) -> None:
        """They are further names of files that are at the destination; a link proves itself.

        `verified`: what is transferred is verified in this run.
        """
        if self._reports is not None:
            self._reports.transferred([Written(entry, 0) for entry in entries])
            if verified:
                self._reports.verified([(entry, None) for entry in entries])
        if self._write is not None and entries:
            told = [(entry, verified) for entry in entries]
            self._write(log_lines.transferred_lines(self._clock(), told))

    def updated(self, entries: Sequence[Entry]) -> None:
        """Metadata alone was written, or a folder was made."""
        if self._reports is not None:
            self._reports.updated(entries)
        if self._write is not None and entries:
            self._write(log_lines.updated_lines(self._clock(), entries))

    def proven(self, written: Sequence[Written]) -> None:
        """The destination has said so as it took them; their own lines tell that."""
        if self._reports is not None:
            self._reports.verified([(one.entry, one.checksum) for one in written])

    def read_back(self, written: Sequence[Written]) -> None:
        """They were read back, and are what was sent."""
        self.proven(written)
        self._tell_verified([one.entry for one in written])

    def verified(self, entries: Sequence[Entry]) -> None:
        """Both sides were looked at once more, and have the same."""
        if self._reports is not None:
            self._reports.verified([(entry, None) for entry in entries])
        self._tell_verified(entries)

    def _tell_verified(self, entries: Sequence[Entry]) -> None:
        if self._write is not None and entries:
            self._write(log_lines.verified_lines(self._clock(), entries))

    def deleted(self, keys: Sequence[bytes]) -> None:
        """They are gone from the destination."""
        if self._reports is not None:
            self._reports.deleted(keys)
        if self._write is not None and keys:
            self._write(log_lines.deleted_lines(self._clock(), keys))
