"""Live numbers for people: rate, percent and the expected end, from two looks at the counters."""

from datetime import datetime, timedelta
from typing import Final

from datasync_api.counters import Counters, bytes_done, bytes_moved, percent
from datasync_api.execution import ExecutionStatus
from datasync_api.execution_progress import ExecutionProgress
from datasync_api.report import Progress, TransferResult, throughput

_SMOOTHING: Final = 0.5  # weight of the newest rate; half of the old one is forgotten a look


def advance(
    known: ExecutionStatus, seen: Progress, *, verifying: bool, now: datetime
) -> ExecutionProgress:
    """The next progress, from what was known and what the runner just said.

    The percentage never falls (a run that starts anew counts from its last figure on), and the
    time of the last movement stays where it is while no number moves.
    """
    counters, before = seen.counters, known.progress
    fresh = ExecutionProgress.of(counters, now=now)
    share = percent(counters, totals_final=seen.totals_final, verifying=verifying)
    if before is None:
        return fresh.model_copy(update={"percent": share, "last_progress_time": now})
    if before.percent is not None:
        share = max(share or 0, before.percent)
    rate = _rate(before, counters, now)
    return fresh.model_copy(
        update={
            "percent": share,
            "bytes_per_second": rate,
            "estimated_completion_time": _completion(counters, rate, now, final=seen.totals_final),
            "last_progress_time": now if counters != known.counters else before.last_progress_time,
        }
    )


def stale(known: ExecutionProgress | None) -> ExecutionProgress | None:
    """The last known numbers, said to be old."""
    return known.model_copy(update={"source": "Stale"}) if known else None


def final(
    known: ExecutionProgress | None, result: TransferResult, *, now: datetime
) -> ExecutionProgress:
    """The numbers of the result; 100 percent after success alone."""
    reached = known.percent if known else None
    return ExecutionProgress.of(result.counters, now=now).model_copy(
        update={
            "percent": 100 if result.outcome == "Success" else reached,
            "bytes_per_second": throughput(result),
            "last_progress_time": now,
            "source": "Final",
        }
    )


def _rate(known: ExecutionProgress, counters: Counters, now: datetime) -> int | None:
    if known.last_update_time is None or now <= known.last_update_time:
        return known.bytes_per_second
    seconds = (now - known.last_update_time).total_seconds()
    moved = bytes_moved(counters) - bytes_moved(known)
    newest = max(0, moved) / seconds
    if known.bytes_per_second is None:
        return round(newest)
    return round(_SMOOTHING * newest + (1 - _SMOOTHING) * known.bytes_per_second)


def _completion(
    counters: Counters, rate: int | None, now: datetime, *, final: bool
) -> datetime | None:
    left = counters.estimated_bytes_to_transfer - bytes_done(counters)
    if not final or not rate or left <= 0:
        return None
    return now + timedelta(seconds=min(round(left / rate), 365 * 86_400))
