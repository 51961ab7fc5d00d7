"""The result of a run from its board: what was done, how long it took, and how it ended.

A stage is never told as done by default: only where the board says when it was.
"""

from datetime import datetime

from datasync_api.report import TransferResult
from datasync_runner.engine.end import End
from datasync_runner.engine.progress import Board


def result_of(board: Board, began: datetime, ended: datetime, end: End) -> TransferResult:
    """The result, but for what becomes of the report and the log."""
    tally, now = board.tally, board.clock()
    prepared, moved = board.prepared_at, board.transferred_at
    all_verified = board.compared or tally.files_verified == tally.files_transferred
    verified = board.ended_at is not None and all_verified
    return TransferResult(
        execution_uid=board.execution_uid,
        mode="Transfer" if board.writes else "DryRun",
        outcome=end.outcome,
        prepare_status=tally.stage_status("prepare", reached=prepared is not None),
        transfer_status=tally.stage_status("transfer", reached=board.ended_at is not None),
        verify_status=tally.stage_status("verify", reached=verified),
        prepare_duration_ms=_ms(board.began, prepared or now),
        transfer_duration_ms=_ms(board.transfer_began, moved or now),
        verify_duration_ms=_ms(moved, board.ended_at or now),
        total_duration_ms=_ms(board.began, now),
        counters=tally.counters(),
        failures=tally.failures(),
        sizes=tally.size_classes(),
        skips=tally.skips(),
        error=end.error,
        reached=board.reached,
        hold=end.hold or board.hold,
        requests=dict(board.requests + tally.requests),
        baseline=board.baseline if end.outcome == "Success" else None,
        start_time=began,
        end_time=ended,
    )


def _ms(since: float | None, until: float) -> int:
    return 0 if since is None else max(0, round(1000 * (until - since)))
