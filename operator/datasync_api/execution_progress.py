"""What a run's status tells of its work: live numbers while it goes, its stages at the end."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel
from datasync_api.baseline import Baseline
from datasync_api.conditions import Reason
from datasync_api.counters import Count, Counters
from datasync_api.report import StageStatus, TransferResult


class ExecutionProgress(ApiModel):
    """Live numbers of a run, for people."""

    files_listed: Count = 0
    files_to_transfer: Count = 0
    files_transferred: Count = 0
    bytes_to_transfer: Count = 0
    bytes_transferred: Count = 0
    bytes_written: Count = 0
    bytes_resumed: Count = 0
    bytes_per_second: Count | None = None
    percent: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None, description="Only once everything is listed; 100 only after success."
    )
    estimated_completion_time: datetime | None = None
    last_progress_time: datetime | None = Field(
        default=None, description="When a number last moved."
    )
    last_update_time: datetime | None = None
    source: Literal["Live", "Stale", "Final"] = Field(
        default="Live",
        description="Live: from the runner just now. Stale: it could not be reached, the numbers "
        "are the last known. Final: from its result.",
    )

    @classmethod
    def of(cls, counters: Counters, *, now: datetime) -> "ExecutionProgress":
        """The numbers of a runner's counters; percentage, rate and end are for others to add."""
        return cls(
            files_listed=counters.files_listed_at_source,
            files_to_transfer=counters.estimated_files_to_transfer,
            files_transferred=counters.files_transferred,
            bytes_to_transfer=counters.estimated_bytes_to_transfer,
            bytes_transferred=counters.bytes_transferred,
            bytes_written=counters.bytes_written,
            bytes_resumed=counters.bytes_resumed,
            last_update_time=now,
        )


class ExecutionResult(ApiModel):
    """How the run went, stage by stage (AWS: TaskExecutionResultDetail)."""

    prepare_status: StageStatus = "Pending"
    transfer_status: StageStatus = "Pending"
    verify_status: StageStatus = "Pending"
    prepare_duration_ms: Count = 0
    transfer_duration_ms: Count = 0
    verify_duration_ms: Count = 0
    total_duration_ms: Count = 0
    error_code: Reason | None = None
    error_detail: Annotated[str, Field(max_length=4096)] | None = None
    baseline: Baseline | None = Field(
        default=None, description="What the run has proven; its task keeps it for the next one."
    )

    @classmethod
    def of(
        cls, told: TransferResult | None, error_code: Reason | None, error_detail: str | None
    ) -> "ExecutionResult":
        """The stages that the runner told, if it told any, and why the run failed, if it did."""
        stages = cls.model_fields.keys() & TransferResult.model_fields.keys()
        return cls(
            **{name: getattr(told, name) for name in stages if told is not None},
            error_code=error_code,
            error_detail=error_detail,
        )
