"""Live numbers out of two looks: what travels counts, and what is written without travelling."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datasync_api.counters import Counters
from datasync_api.execution import ExecutionStatus
from datasync_api.execution_progress import ExecutionProgress
from datasync_api.report import Progress
from datasync_operator.decide import progress

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MIB = 1024 * 1024
ONE_LARGE = {"estimated_files_to_transfer": 1, "estimated_bytes_to_transfer": 1000 * MIB}

LOOKS: dict[str, tuple[dict[str, int], dict[str, int], int, int]] = {
    # counters at the first look and 10 s later; bytes a second, seconds to the end
    "a large file that travels": (
        {"bytes_transferred": 100 * MIB},
        {"bytes_transferred": 200 * MIB},
        10 * MIB, 80,
    ),
    "a large file that goes on": (
        {"bytes_transferred": 10 * MIB, "bytes_resumed": 800 * MIB},
        {"bytes_transferred": 60 * MIB, "bytes_resumed": 800 * MIB},
        5 * MIB, 28,
    ),
    "a second file goes on when the first is whole": (
        {"bytes_transferred": 100 * MIB, "bytes_resumed": 400 * MIB},
        {"bytes_transferred": 200 * MIB, "bytes_resumed": 700 * MIB, "bytes_written": 500 * MIB},
        10 * MIB, 10,
    ),
    "a storage that copies by itself": (
        {"bytes_written": 100 * MIB},
        {"bytes_written": 300 * MIB},
        20 * MIB, 35,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_rate_and_end(name: str) -> None:
    before, after, rate, left = LOOKS[name]
    first = progress.advance(ExecutionStatus(), seen(before), verifying=False, now=NOW)
    later = NOW + timedelta(seconds=10)
    second = progress.advance(
        ExecutionStatus(progress=first), seen(after), verifying=False, now=later
    )
    assert second.bytes_per_second == rate
    assert second.estimated_completion_time == later + timedelta(seconds=left)


def test_what_has_to_be_sent_again_is_no_negative_rate() -> None:
    known = ExecutionProgress(bytes_transferred=100 * MIB, last_update_time=NOW)
    again = seen({"bytes_transferred": 0})
    later = NOW + timedelta(seconds=10)
    told = progress.advance(ExecutionStatus(progress=known), again, verifying=False, now=later)
    assert told.bytes_per_second == 0
    assert told.estimated_completion_time is None


def seen(changes: dict[str, Any]) -> Progress:
    return Progress(
        execution_uid="u",
        phase="Transferring",
        counters=Counters(**ONE_LARGE, **changes),
        totals_final=True,
    )
