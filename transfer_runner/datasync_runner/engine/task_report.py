"""One run's task report from the start of the run to its end: samples, files, summary and page."""

import asyncio
import json
from typing import Final

from datasync_api.conditions import Condition, Reason
from datasync_api.execution import ExecutionStatus, Phase
from datasync_api.execution_progress import ExecutionProgress, ExecutionResult
from datasync_api.plan import TransferPlan
from datasync_api.report import (
    ReportDelivery,
    RunOutcome,
    TransferResult,
    accomplished,
    throughput,
)
from datasync_page.samples import Sample, Samples
from datasync_runner.core.report_summary import summary
from datasync_runner.engine.progress import Board
from datasync_runner.engine.report_files import ReportFiles

SAMPLE_SECONDS: Final = 1.0
REPORT_SECONDS: Final = 300.0
"""How long what is left of the report may take on its way to its place."""
WHEN_STOPPED_SECONDS: Final = 8.0
"""The same once the run, or the writing of its report, was asked to stop."""
LET_GO_SECONDS: Final = 1.0
_PHASES: Final[dict[RunOutcome, Phase]] = {
    "Success": Phase.SUCCESS,
    "CompletedWithErrors": Phase.COMPLETED_WITH_ERRORS,
    "Held": Phase.HELD,
    "Error": Phase.ERROR,
    "Stopped": Phase.CANCELLED,
}


class TaskReport:
    """Begins with the run, and is concluded when its result is known."""

    def __init__(self, plan: TransferPlan, board: Board, files: ReportFiles) -> None:
        self._plan, self._board, self._files = plan, board, files
        self._samples = Samples()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Follow the run."""
        self._tasks = [asyncio.create_task(self._files.upload())]
        if self._plan.report is not None and self._plan.report.html:
            self._tasks.append(asyncio.create_task(self._sample()))

    async def _sample(self) -> None:
        board = self._board
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            self._samples.add(board.clock() - board.began, board.tally.bytes_transferred)

    async def conclude(
        self,
        result: TransferResult,
        stop: asyncio.Event,
        *,
        within_seconds: float = REPORT_SECONDS,
        when_stopped_seconds: float = WHEN_STOPPED_SECONDS,
    ) -> ReportDelivery:
        """Write what is left, and say how it went; raises nothing but cancellation.

        A place that hangs is left: a thread that waits for it may never come back.
        """
        writing = asyncio.create_task(self._write(result))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait(
            {writing, stopping}, timeout=within_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if stop.is_set():
            within_seconds = when_stopped_seconds
            await asyncio.wait({writing}, timeout=within_seconds)
        stopping.cancel()
        if writing.done():
            return writing.result()
        await asyncio.wait({asyncio.create_task(self._let_go(writing))}, timeout=LET_GO_SECONDS)
        return ReportDelivery(
            status="Error",
            files=len(self._files.written),
            error_detail=f"its place took longer than {within_seconds:g} s to take it: see "
            "that it is reachable and not overloaded",
        )

    async def _write(self, result: TransferResult) -> ReportDelivery:
        uploading, *others = self._tasks
        for task in others:
            task.cancel()
        self._files.close()
        await uploading
        return await self._files.conclude(self._summary(result), self._page(result))

    async def _let_go(self, writing: asyncio.Task[ReportDelivery]) -> None:
        tasks = {writing, *self._tasks}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._files.release()

    def _summary(self, result: TransferResult) -> bytes:
        told = summary(self._plan, result, self._files.written, problem=self._files.problem)
        return json.dumps(told, indent=1).encode()

    def _page(self, result: TransferResult) -> bytes | None:
        if self._plan.report is None or not self._plan.report.html:
            return None
        from datasync_page.page import page  # loads the template engine
        from datasync_page.view import Told

        end = Sample(result.total_duration_ms / 1000, result.counters.bytes_transferred)
        told = Told(
            task=self._plan.execution.task or self._plan.execution.name,
            plan=self._plan,
            status=_status(result),
            sizes=result.sizes,
            rates=self._samples.rates(end=end),
        )
        return page(told).encode("utf-8", "replace")


def _status(result: TransferResult) -> ExecutionStatus:
    """What the execution's status will say, as far as its page shows it."""
    phase, error = _PHASES[result.outcome], result.error
    if error is not None:
        reason, why = error.code, error.detail
    elif phase is Phase.SUCCESS:
        reason, why = Reason.SUCCEEDED, accomplished(result)
    else:
        reason, why = Reason.CANCELLED, "stopped as asked; the next run goes on from there"
    counted = ExecutionProgress.of(result.counters, now=result.end_time)
    return ExecutionStatus(
        phase=phase,
        start_time=result.start_time,
        end_time=result.end_time,
        progress=counted.model_copy(update={"bytes_per_second": throughput(result)}),
        counters=result.counters,
        result=ExecutionResult.of(result, error.code if error else None, None),
        failures=result.failures,
        conditions=(
            Condition(
                type="Ready",
                status="True" if phase.good else "False",
                reason=reason,
                message=why,
            ),
        ),
    )
