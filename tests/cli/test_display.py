"""What a person sees: a bar on a terminal, lines elsewhere, and nothing that steers the terminal."""

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from datasync_api.conditions import Condition
from datasync_api.counters import Counters
from datasync_api.execution import ExecutionStatus, Phase
from datasync_api.report import Failure, Progress
from datasync_cli.display import LINE_INTERVAL_SECONDS, Live, summary
from datasync_page.units import size

ESCAPES = "\x1b[31mred\r\nnext\x07"
GO = """
from datasync_api.counters import Counters
from datasync_api.report import Progress
from datasync_cli.display import Live
with Live("title", verifying=False) as live:
    for done in (0, 2, 4):
        counters = Counters(estimated_files_to_transfer=4, files_transferred=done)
        progress = Progress(
            execution_uid="u", phase="Transferring", counters=counters, totals_final=True
        )
        live.update(progress, seconds=done)
"""


def progress(done: int) -> Progress:
    counters = Counters(estimated_files_to_transfer=4, files_transferred=done)
    return Progress(execution_uid="u", phase="Transferring", counters=counters, totals_final=True)


def test_a_terminal_shows_a_bar_and_takes_it_away() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", GO],
        stdin=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    assert process.wait(15) == 0
    assert shown.startswith(b"title\r\n")
    assert b"99 %, 0 listed, 4/4 files" in shown
    assert b"\x1b[?25l" in shown and b"\x1b[?25h" in shown, "the cursor goes and comes back"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so when the other side is closed
        return b""


def test_what_a_run_waits_for_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    waits = progress(0).model_copy(update={"waiting": f"cannot reach {ESCAPES}"})
    with Live("title", verifying=False) as live:
        for seconds, seen in ((0.5, waits), (1.0, waits), (1.5, progress(1)), (2.0, waits)):
            live.update(seen, seconds=seconds)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "cannot" in line] == ["cannot reach  [31mred  next "] * 2


def test_elsewhere_it_is_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with Live(f"title {ESCAPES}", verifying=False) as live:
        for seconds in (0.5, 1.0, 1.0 + LINE_INTERVAL_SECONDS):
            live.update(progress(2), seconds=seconds)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "title  [31mred  next ",
        "0:00:00 Transferring: 50 %, 0 listed, 2/4 files, 0 B, 0 B/s",
        "0:00:06 Transferring: 50 %, 0 listed, 2/4 files, 0 B, 0 B/s",
    ]


def test_a_large_file_is_seen_while_it_travels(capsys: pytest.CaptureFixture[str]) -> None:
    mib = 1024 * 1024
    counters = Counters(
        estimated_files_to_transfer=1,
        estimated_bytes_to_transfer=400 * mib,
        bytes_transferred=100 * mib,
    )
    told = Progress(execution_uid="u", phase="Transferring", counters=counters, totals_final=True)
    with Live("title", verifying=False) as live:
        live.update(told, seconds=10)
    line = capsys.readouterr().err.splitlines()[1]
    assert line == "0:00:10 Transferring: 24 %, 0 listed, 0/1 files, 100.0 MiB, 3.0 MiB/s"


def test_the_summary_names_outcome_reason_and_failures(capsys: pytest.CaptureFixture[str]) -> None:
    ready = Condition(type="Ready", status="False", reason="FilesFailed", message=f"1 {ESCAPES}")
    failure = Failure(code="PermissionDenied", count=1, sample_path=f"/a{ESCAPES}", hint="as root")
    summary(
        ExecutionStatus(
            phase=Phase.ERROR,
            end_time=datetime(2026, 6, 1, tzinfo=UTC),
            counters=Counters(files_transferred=1, bytes_transferred=1536),
            failures=[failure],
            conditions=(ready,),
        )
    )
    out = capsys.readouterr().out
    assert not set(out) & {"\x1b", "\r", "\x07"}
    lines = out.splitlines()
    assert lines[0] == "Outcome           Error"
    assert lines[1] == "Reason            FilesFailed: 1  [31mred  next "
    assert lines[2] == "Transferred       1 file, 1.5 KiB"
    assert "PermissionDenied" in out and "as root" in out


def test_the_summary_of_a_success_names_what_was_skipped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    skip = Failure(code="Archived", count=7, sample_path="/cold", hint="restore it")
    summary(ExecutionStatus(phase=Phase.SUCCESS, skips=[skip]))
    out = capsys.readouterr().out
    assert "Skipped" in out and "Failed" not in out
    assert "Archived" in out and "restore it" in out


SIZES = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (2**50, "1024.0 TiB")]


@pytest.mark.parametrize(("count", "text"), SIZES)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text
