"""What a person sees of a local run: a progress bar while it goes, a table when it is over.

The only importer of rich, which is loaded where it is needed: for the bar of a run that takes a
moment, on a terminal, and for what failed.  Progress goes to stderr: a bar on a terminal, a line
every few seconds elsewhere; the summary goes to stdout.
"""

import sys
from collections.abc import Sequence
from datetime import timedelta
from io import StringIO
from types import TracebackType
from typing import TYPE_CHECKING

from datasync_api.conditions import find_condition
from datasync_api.counters import Counters, bytes_moved, percent
from datasync_api.execution import ExecutionStatus, Phase
from datasync_api.report import Failure
from datasync_api.report import Progress as RunnerProgress
from datasync_cli.streams import tell
from datasync_page.units import size

if TYPE_CHECKING:
    from rich.progress import Progress


LINE_INTERVAL_SECONDS = 5.0


class Live:
    """The running display of one transfer; `seconds` are since its start."""

    def __init__(self, title: str, *, verifying: bool) -> None:
        self._verifying = verifying
        self._next_line_seconds = 0.0
        self._last: tuple[float, int] = (0.0, 0)
        self._bytes_per_second = 0.0
        self._bar: Progress | None = None
        self._waiting = ""
        tell(f"{_printable(title)}\n")

    def __enter__(self) -> "Live":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, progress: RunnerProgress, *, seconds: float) -> None:
        """Show the runner's newest numbers."""
        if progress.waiting and progress.waiting != self._waiting:
            self._say(progress.waiting)
        self._waiting = progress.waiting
        counters = progress.counters
        moved = bytes_moved(counters)
        self._measure(moved, seconds)
        done = percent(counters, totals_final=progress.totals_final, verifying=self._verifying)
        text = self._text(counters, done, moved)
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = _started_bar()
            self._bar.update(
                self._bar.task_ids[0],
                description=progress.phase,
                total=None if done is None else 100,
                completed=done or 0,
                text=text,
            )
        elif seconds >= self._next_line_seconds:
            self._next_line_seconds = seconds + LINE_INTERVAL_SECONDS
            tell(f"{timedelta(seconds=int(seconds))} {progress.phase}: {text}\n")

    def _say(self, words: str) -> None:
        """A line that stays; above the bar where there is one."""
        line = _printable(words)
        if self._bar is None:
            tell(f"{line}\n")
        else:
            self._bar.console.print(line, markup=False, highlight=False)

    def _measure(self, moved: int, seconds: float) -> None:
        elapsed = seconds - self._last[0]
        if elapsed > 0:
            now = max(0, moved - self._last[1]) / elapsed
            self._bytes_per_second = 0.7 * self._bytes_per_second + 0.3 * now
            self._last = (seconds, moved)

    def _text(self, counters: Counters, done: int | None, moved: int) -> str:
        listed = f"{counters.files_listed_at_source} listed"
        of = f"/{counters.estimated_files_to_transfer}" if done is not None else ""
        share = f"{done} %, " if done is not None else ""
        return (
            f"{share}{listed}, {counters.files_transferred}{of} files, "
            f"{size(moved)}, {size(self._bytes_per_second)}/s"
        )


def _started_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    bar.add_task("Starting", total=None, text="")
    bar.start()
    return bar


def show(status: ExecutionStatus, *, as_json: bool) -> None:
    """The run's answer on stdout: the closing table, or the status as it is."""
    if as_json:
        sys.stdout.write(status.model_dump_json(by_alias=True, exclude_none=True) + "\n")
    else:
        summary(status)


def summary(status: ExecutionStatus) -> None:
    """Print the closing table on stdout."""
    rows = _rows(status)
    width = max(len(name) for name, _ in rows)
    sys.stdout.write("".join(f"{name:<{width}}  {_printable(value)}\n" for name, value in rows))
    for title, classes in (("Failed", status.failures), ("Skipped", status.skips)):
        if classes:
            sys.stdout.write(_table(title, classes))


def _printable(text: str) -> str:
    """On one line, and without what would steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _table(title: str, classes: Sequence[Failure]) -> str:
    """As text: a console that writes itself ends the process with code 1 where nobody reads."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("Class", "Files", "Sample", "What", "Fix"):
        table.add_column(heading, overflow="fold")
    for f in classes:
        cells = (f.code, str(f.count), f.sample_path, f.message, f.hint)
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    text = StringIO()
    Console(file=text, force_terminal=sys.stdout.isatty() or None).print(table)
    return text.getvalue()


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _rows(status: ExecutionStatus) -> list[tuple[str, str]]:
    assert status.phase is not None  # noqa: S101 - a closed run has one
    rows = [("Outcome", str(status.phase))]
    ready = find_condition(status.conditions, "Ready")
    if status.phase is not Phase.SUCCESS and ready is not None:
        rows.append(("Reason", f"{ready.reason}: {ready.message}"))
    dry = status.resolved is not None and status.resolved.mode == "DryRun"
    if dry:
        rows.append(("Mode", "DryRun: nothing was written; this is what a transfer would do"))
    if (hold := status.hold) is not None:
        verb = "Would be held" if dry else "Held"
        numbers = f"{hold.deletions} deletions, {hold.limit} allowed"
        rows.append((verb, f"{hold.reason}: {numbers}; --acknowledge {hold.token}"))
    if (c := status.counters) is not None:
        rows += (
            _foreseen(c)
            if dry
            else [
                ("Transferred", f"{_files(c.files_transferred)}, {size(c.bytes_transferred)}"),
                ("Folders", f"{c.folders_transferred} transferred, {c.folders_deleted} deleted"),
                ("Metadata updated", _files(c.files_metadata_updated)),
                ("Deleted", _files(c.files_deleted)),
                ("Skipped", _files(c.files_skipped)),
                ("Verified", _files(c.files_verified)),
                ("Failed", _failed(c)),
            ]
        )
    if status.requests:
        asked = sorted(status.requests.items(), key=lambda item: (-item[1], item[0]))
        rows.append(("S3 requests", ", ".join(f"{number} {name}" for name, number in asked)))
    if (cost := status.estimated_cost) is not None:
        rows.append(("Estimated cost", f"{cost.amount} {cost.currency} ({cost.basis})"))
    if status.result is not None:
        rows.append(("Duration", f"{status.result.total_duration_ms / 1000:.1f} s"))
    if status.progress is not None and not dry:
        rows.append(("Rate", f"{size(status.progress.bytes_per_second or 0)}/s"))
    for title, type_ in (("Log", "LogsDelivered"), ("Report", "ReportWritten")):
        told = find_condition(status.conditions, type_)
        if told is not None and told.status == "False":
            rows.append((title, f"{told.reason}: {told.message}"))
    if status.report is not None and status.report.status == "Success":
        rows.append(("Report", status.report.uri))
    return rows


def _failed(c: Counters) -> str:
    files, folders = _files(c.files_failed.total()), c.folders_failed.total()
    return f"{files}, {folders} folder{'' if folders == 1 else 's'}" if folders else files


def _foreseen(c: Counters) -> list[tuple[str, str]]:
    transferred, deleted = c.estimated_folders_to_transfer, c.estimated_folders_to_delete
    return [
        (
            "To transfer",
            f"{_files(c.estimated_files_to_transfer)}, {size(c.estimated_bytes_to_transfer)}",
        ),
        ("Folders", f"{transferred} to transfer, {deleted} to delete"),
        ("Metadata to update", _files(c.estimated_metadata_updates)),
        ("To delete", _files(c.estimated_files_to_delete)),
        ("Skipped", _files(c.files_skipped)),
        ("Failed", _failed(c)),
    ]
