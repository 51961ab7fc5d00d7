"""What a runner tells the operator: live progress, and the result in the termination message.

The result fits the kubelet's 4096 bytes whatever happened; a missing one is an error, never a
success.  Paths appear only as one sample a failure class, credentials never.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from datasync_api.base import ApiModel, ListOf
from datasync_api.baseline import Baseline
from datasync_api.conditions import Condition, Reason
from datasync_api.counters import Count, Counters
from datasync_api.hold import Hold
from datasync_api.preflight import End, Reached
from datasync_api.prices import EstimatedCost
from datasync_api.rate import BytesPerSecond
from datasync_api.size_classes import SizeClass

RESULT_MAX_BYTES: Final = 4096
"""The kubelet's limit for one container's termination message."""

MAX_FAILURE_CLASSES: Final = 10
RunnerPhase = Literal["Preparing", "Transferring", "Verifying"]
StageStatus = Literal["Pending", "Success", "Error"]
RunOutcome = Literal["Success", "CompletedWithErrors", "Held", "Error", "Stopped"]
RunMode = Literal["Transfer", "DryRun"]
Requests = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=64)], Count],
    Field(max_length=64),
]
"""S3 requests by operation."""


class Failure(ApiModel):
    """One class of per-file failures, or of skips."""

    code: Annotated[str, Field(min_length=1, max_length=64)]
    count: Count
    sample_path: Annotated[str, Field(max_length=256)] = ""
    message: Annotated[str, Field(max_length=256)] = ""
    hint: Annotated[str, Field(max_length=256)] = ""


Failures = Annotated[list[Failure], ListOf("atomic"), Field(max_length=MAX_FAILURE_CLASSES)]


class RunError(ApiModel):
    """Why a run as a whole failed: what, why, and how to fix it."""

    code: Reason
    detail: Annotated[str, Field(max_length=1024)]
    location: End | None = None
    """The location that the run was not let in by at its start, where that is why."""


class LogDelivery(ApiModel):
    """What became of the log's way to CloudWatch Logs; it never makes a run fail."""

    lost_lines: Count = 0
    problem: Annotated[str, Field(max_length=512)] = ""
    """What happened, why, and how to fix it; empty: every line arrived."""


class ReportDelivery(ApiModel):
    """What became of the task report (AWS: ReportResult); it never makes a run fail."""

    status: Literal["Success", "Error"]
    uri: Annotated[str, Field(max_length=8192)] = ""
    """The summary, in the terms of its location."""
    sha256: Annotated[str, Field(max_length=64)] = ""
    """Of the summary, which holds that of every other file."""
    files: Count = 0
    """All files that were written, the summary among them."""
    error_detail: Annotated[str, Field(max_length=512)] = ""
    """What happened, why, and how to fix it; empty: everything was written."""


class Progress(ApiModel):
    """The runner's answer to an exchange: counters, and no path of a file."""

    execution_uid: str
    phase: RunnerPhase
    counters: Counters
    totals_final: bool
    """Everything is listed and compared: the estimates no longer grow."""
    reached: Reached = Field(default_factory=Reached)
    waiting: Annotated[str, Field(max_length=1024)] = ""
    """Why a location has not let the run in yet, where that takes long."""


class ExchangeRequest(ApiModel):
    """What the operator sends in each exchange: whom it believes to talk to, and the rate."""

    execution_uid: str
    bytes_per_second: BytesPerSecond | None = None
    """The ceiling in force, -1: unlimited; absent: as the plan says."""


class TransferResult(ApiModel):
    """The last word of a runner, in its termination message."""

    version: Literal[1] = 1
    execution_uid: str
    mode: RunMode = "Transfer"
    outcome: RunOutcome
    prepare_status: StageStatus
    transfer_status: StageStatus
    verify_status: StageStatus
    prepare_duration_ms: Count = 0
    transfer_duration_ms: Count = 0
    verify_duration_ms: Count = 0
    total_duration_ms: Count = 0
    counters: Counters
    failures: Failures = Field(default_factory=list[Failure])
    sizes: list[SizeClass] = Field(default_factory=list[SizeClass])
    """What was transferred by size, the smallest class first, where the plan asks for it."""
    log_delivery: LogDelivery | None = None
    """Absent where the log goes nowhere else than to stdout."""
    report: ReportDelivery | None = None
    """Absent where no report was asked for."""
    skips: Failures = Field(default_factory=list[Failure])
    """Classes of what was due and is left out without a failure: archived objects."""
    error: RunError | None = None
    """Why it was no Success; with CompletedWithErrors, what failed."""
    reached: Reached = Field(default_factory=Reached)
    hold: Hold | None = None
    """With Held: what is held back; of a dry run: what would be."""
    requests: Requests = Field(default_factory=dict[str, int])
    """Those that were sent, repetitions and those of the report included.  Of a dry run: those that
    a transfer would send, beside repetitions and those by which its processes get to know a
    server."""
    estimated_cost: EstimatedCost | None = None
    """Of the requests; absent where a side is object storage that is not Amazon's."""
    baseline: Baseline | None = None
    """What the next run of this recipe need not ask about; of a run without failures alone."""
    start_time: datetime
    end_time: datetime

    def termination_message(self) -> str:
        """The result as JSON of at most 4096 bytes.

        Classes of skips, then of failures are dropped from the end, then words about the report,
        then the error's detail are cut: a character may take six bytes.
        """
        kept = self
        shorter: dict[str, object]
        while True:
            text = kept.model_dump_json(by_alias=True, exclude_defaults=True)
            if len(text.encode()) <= RESULT_MAX_BYTES:
                return text
            if kept.skips:
                shorter = {"skips": kept.skips[:-1]}
            elif kept.failures:
                shorter = {"failures": kept.failures[:-1]}
            elif kept.report is not None and (kept.report.error_detail or kept.report.uri):
                half = kept.report.error_detail[: len(kept.report.error_detail) // 2]
                cut = {"error_detail": half, "uri": kept.report.uri if half else ""}
                shorter = {"report": kept.report.model_copy(update=cut)}
            elif kept.error is not None:
                half = kept.error.detail[: len(kept.error.detail) // 2]
                shorter = {"error": kept.error.model_copy(update={"detail": half})}
            else:
                return text
            kept = kept.model_copy(update=shorter)


def accomplished(result: TransferResult) -> str:
    """What a run that succeeded has to say for itself."""
    if result.mode == "Transfer":
        return f"transfer and verification completed{left_out(result.skips)}"
    c, hold = result.counters, result.hold
    said = (
        f"a dry run, nothing was written: {c.estimated_files_to_transfer} files "
        f"({c.estimated_bytes_to_transfer} bytes) would be transferred, the metadata of "
        f"{c.estimated_metadata_updates} updated, {c.estimated_files_to_delete} deleted"
    )
    if hold is not None:
        said += f"; a transfer would be Held ({hold.reason}: {hold.limit} deletions are allowed)"
        said += f" unless it starts with the token {hold.token}"
    return said


def log_condition(result: TransferResult) -> Condition | None:
    """What the status says of the log's delivery; it is no part of Ready.

    | log delivery | condition LogsDelivered |
    |---|---|
    | not asked for | none |
    | every line arrived | True |
    | else | False, with the problem and the number of lines that were lost |
    """
    told = result.log_delivery
    if told is None:
        return None
    good = not told.problem and not told.lost_lines
    lost = f"{told.lost_lines} lines did not reach CloudWatch Logs: {told.problem}"
    return Condition(
        type="LogsDelivered",
        status="True" if good else "False",
        reason=Reason.LOGS_DELIVERED if good else Reason.LOGS_INCOMPLETE,
        message="every line reached CloudWatch Logs" if good else lost,
    )


def report_condition(result: TransferResult) -> Condition | None:
    """What the status says of the task report; it is no part of Ready.

    | report | condition ReportWritten |
    |---|---|
    | not asked for | none |
    | whole | True, with the summary's address |
    | else | False, with the problem |
    """
    told = result.report
    if told is None:
        return None
    good = told.status == "Success"
    return Condition(
        type="ReportWritten",
        status="True" if good else "False",
        reason=Reason.REPORT_WRITTEN if good else Reason.REPORT_FAILED,
        message=told.uri if good else f"the report is not whole: {told.error_detail}",
    )


def left_out(skips: Sequence[Failure]) -> str:
    """What a message of success adds where something was skipped; empty: nothing was.

    The first class stands for the others; all are in the result.
    """
    if not skips:
        return ""
    count = sum(skip.count for skip in skips)
    what = "1 item was" if count == 1 else f"{count} items were"
    first = skips[0]
    return f"; {what} skipped, for example {first.sample_path} ({first.code}): {first.hint}"


def throughput(result: TransferResult) -> int:
    """Bytes a second of a run that ended: BytesWritten by TransferDuration, as AWS defines it."""
    seconds = (result.transfer_duration_ms or result.total_duration_ms) / 1000
    return int(result.counters.bytes_written / seconds) if seconds > 0 else 0
