"""What is told of every single file, where a plan asks for it: lines of the log, counts by size.

Nobody has such an object otherwise, so that it costs a run one comparison a batch.
"""

import time
from collections.abc import Callable, Sequence

from datasync_api.plan import TransferPlan
from datasync_runner.core import log_lines
from datasync_runner.core.entry import Entry
from datasync_runner.core.tally import Tally
from datasync_runner.logs import Write
from datasync_runner.storage.port import Written


class FileEvents:
    """Batches of what happened to files; failures are told elsewhere (`failures`)."""

    def __init__(
        self, *, write: Write | None, sizes: Tally | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._write, self._sizes, self._clock = write, sizes, clock

    @classmethod
    def of(cls, plan: TransferPlan, tally: Tally, write: Write) -> "FileEvents | None":
        """Those that the plan asks for; None: none."""
        lines = plan.options.log_level == "Transfer"
        if not lines and not plan.count_sizes:
            return None
        return cls(write=write if lines else None, sizes=tally if plan.count_sizes else None)

    def transferred(self, written: Sequence[Written]) -> None:
        """Content is at the destination."""
        if self._sizes is not None:
            for one in written:
                self._sizes.count_size(one.entry.size_bytes)
        if self._write is not None and written:
            entries = [(one.entry, one.proven) for one in written]
            self._write(log_lines.transferred_lines(self._clock(), entries))

    def updated(self, entries: Sequence[Entry]) -> None:
        """Metadata alone was written, or a folder was made."""
        if self._write is not None and entries:
            self._write(log_lines.updated_lines(self._clock(), entries))

    def verified(self, entries: Sequence[Entry]) -> None:
        """They were read back, and are what was sent."""
        if self._write is not None and entries:
            self._write(log_lines.verified_lines(self._clock(), entries))

    def deleted(self, keys: Sequence[bytes]) -> None:
        """They are gone from the destination."""
        if self._write is not None and keys:
            self._write(log_lines.deleted_lines(self._clock(), keys))
