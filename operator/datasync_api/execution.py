"""DataSyncTaskExecution: one run of a task, from waiting to its end."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from datasync_api.base import ApiModel, Rule, immutable
from datasync_api.conditions import Conditions
from datasync_api.counters import Count, Counters
from datasync_api.execution_progress import ExecutionProgress, ExecutionResult
from datasync_api.hold import Acknowledgement, Hold
from datasync_api.meta import ObjectMeta, Resource
from datasync_api.overrides import Overrides, overridden
from datasync_api.preflight import Preflight
from datasync_api.prices import EstimatedCost
from datasync_api.rate import BytesPerSecond
from datasync_api.report import (
    Failure,
    Failures,
    ReportDelivery,
    Requests,
    RunMode,
)
from datasync_api.task import TaskSpec
from datasync_api.text import Name, Reference


class Phase(StrEnum):
    """AWS DataSync's execution states, Cancelled, which AWS reports as ERROR, and what is ours.

    Queued → Launching → Preparing → Transferring → Verifying → Success | CompletedWithErrors |
    Error (single files failed: which of the two is the task's fileErrorPolicy), and Cancelling →
    Cancelled from each of the first five.  A guard may turn Verifying into Held: nothing runs,
    nothing was deleted; acknowledged it goes on as Queued, cancelled it is Cancelled, and when a
    later run of the task has taken its place it ends in Error.
    """

    QUEUED = "Queued"
    LAUNCHING = "Launching"
    PREPARING = "Preparing"
    TRANSFERRING = "Transferring"
    VERIFYING = "Verifying"
    CANCELLING = "Cancelling"
    HELD = "Held"
    SUCCESS = "Success"
    COMPLETED_WITH_ERRORS = "CompletedWithErrors"
    ERROR = "Error"
    CANCELLED = "Cancelled"

    @property
    def terminal(self) -> bool:
        """It never changes again."""
        return self in _TERMINAL

    @property
    def good(self) -> bool:
        """The run did what was asked, in the sense of the task's own fileErrorPolicy."""
        return self in (Phase.SUCCESS, Phase.COMPLETED_WITH_ERRORS)

    @property
    def active(self) -> bool:
        """It holds a slot: a Job exists or is about to."""
        return not self.terminal and self not in (Phase.QUEUED, Phase.HELD)


_TERMINAL = frozenset({Phase.SUCCESS, Phase.COMPLETED_WITH_ERRORS, Phase.ERROR, Phase.CANCELLED})


class ExecutionSpec(ApiModel):
    """Which task to run."""

    rules = (
        Rule(
            cel="has(self.overrides) == has(oldSelf.overrides)",
            message="overrides is immutable; create a new object instead",
            field=".overrides",
        ),
    )

    task_ref: Annotated[Reference, immutable("taskRef")]
    mode: Annotated[RunMode, immutable("mode")] = Field(
        default="Transfer",
        description="DryRun: list, compare and count what would be done; nothing is written. The "
        "answer is in status.counters, status.requests and status.hold.",
    )
    overrides: Annotated[Overrides, immutable("overrides")] | None = Field(
        default=None, description="What this run does otherwise than its task."
    )
    cancel: bool = Field(
        default=False, description="Set to true to stop the run; it ends in Cancelled."
    )
    bytes_per_second: BytesPerSecond | None = Field(
        default=None,
        description="Ceiling of this run's rate instead of the task's; -1: unlimited. It may be "
        "changed while the run goes, and holds within seconds.",
    )
    acknowledge: Acknowledgement = Field(
        default="",
        description="The token in status.hold of a run that is Held lets it go on: it lists again "
        "and may delete as many files as the token says.",
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = Field(
        default=None, description="Delete the object so long after its end; absent: keep it."
    )

    def location_names(self, task: TaskSpec) -> list[str]:
        """The DataSyncLocations that this run of the task needs; a dry run writes no report.

        Raises: OverridesInvalidError.
        """
        spec = overridden(task, self.overrides)
        if self.mode == "DryRun":
            spec = spec.model_copy(update={"report": None})
        return spec.location_names()


class ResolvedLocation(ApiModel):
    """A location of a run, as it was when the run was started.

    By its uid too: a location that is deleted and made anew has generation 1 again.
    """

    name: Name
    uid: Annotated[str, Field(max_length=64)] = ""
    generation: int

    @classmethod
    def of(cls, meta: ObjectMeta) -> Self:
        """The location with this metadata, as it is now."""
        return cls(name=meta.name, uid=meta.uid, generation=meta.generation)


class Resolved(ApiModel):
    """What the run was started with; later changes of the task do not touch it."""

    task_generation: int
    mode: RunMode = "Transfer"
    source_uri: Annotated[str, Field(max_length=8192)]
    destination_uri: Annotated[str, Field(max_length=8192)]
    source_location: ResolvedLocation | None = None
    destination_location: ResolvedLocation | None = None
    agent: Name | None = None
    bytes_per_second: BytesPerSecond | None = Field(
        default=None, description="The task's ceiling, in force while the spec names none."
    )
    plan_hash: Annotated[str, Field(max_length=64)]


class ExecutionStatus(ApiModel):
    """Where the run is, and what came out of it."""

    observed_generation: int | None = None
    phase: Phase | None = None
    start_time: datetime | None = Field(default=None, description="When the run was asked for.")
    launch_time: datetime | None = Field(
        default=None, description="When it left the queue; later than startTime if it waited."
    )
    end_time: datetime | None = None
    attempts: Count | None = Field(default=None, description="Jobs started for this run so far.")
    job_uid: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="The Job that was last seen; a run whose Job vanished starts anew.",
    )
    resolved: Resolved | None = None
    preflight: Preflight | None = Field(
        default=None,
        description="What the start of the run found out about its locations; their own status "
        "tells it by conditions.",
    )
    hold: Hold | None = Field(
        default=None,
        description="While it is Held: what is held back, and the token to go on. Of a DryRun: "
        "what would be held back.",
    )
    acknowledged: Acknowledgement | None = Field(
        default=None, description="The token that the run goes on by."
    )
    progress: ExecutionProgress | None = None
    counters: Counters | None = None
    requests: Requests | None = Field(
        default=None,
        description="The S3 requests that were sent, by operation. Of a DryRun: those that a "
        "transfer would send.",
    )
    estimated_cost: EstimatedCost | None = Field(
        default=None,
        description="What these requests cost at Amazon S3's list prices; absent where a side is "
        "object storage that is not Amazon's.",
    )
    result: ExecutionResult | None = None
    failures: Failures = Field(default_factory=list[Failure])
    report: ReportDelivery | None = Field(
        default=None, description="Where the task report is, or why it could not be written."
    )
    skips: Failures = Field(
        default_factory=list[Failure],
        description="What was due and is left out without a failure, such as archived objects.",
    )
    conditions: Conditions = ()


class Execution(Resource):
    """One run of a task; the counterpart of an AWS DataSync task execution."""

    kind_name: ClassVar[str] = "DataSyncTaskExecution"

    kind: Literal["DataSyncTaskExecution"] = "DataSyncTaskExecution"
    spec: ExecutionSpec
    status: ExecutionStatus = Field(default_factory=ExecutionStatus)

    @property
    def phase(self) -> Phase:
        """The phase; Queued before the operator has seen the object."""
        return self.status.phase or Phase.QUEUED
