"""DataSyncTask: two locations, the options of the transfer, and when it runs."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from datasync_api.base import ApiModel, ListOf, Rule, immutable
from datasync_api.baseline import Baseline
from datasync_api.conditions import Conditions
from datasync_api.file_conditions import FileConditions
from datasync_api.filter_rules import ExcludeRule, IncludeRule
from datasync_api.logging_target import Logging
from datasync_api.manifest import TransferManifest
from datasync_api.meta import Resource
from datasync_api.task_options import TaskOptions
from datasync_api.task_report import TaskReport
from datasync_api.task_schedule import Schedule
from datasync_api.text import Name, Reference

Trigger = Annotated[str, Field(max_length=253)]


class Guards(ApiModel):
    """What a run may delete by itself; one that would go beyond is Held, and deletes nothing."""

    allow_empty_source: bool = Field(
        default=False,
        description="With preserveDeletedFiles Remove, a run whose source is empty is Held unless "
        "this is true: an export that is not mounted looks empty.",
    )
    allow_replaced_source: bool = Field(
        default=False,
        description="With preserveDeletedFiles Remove, a run whose source is another folder than "
        "the one that the last successful run has seen is Held unless this is true: an export "
        "whose disk is not mounted looks like that. Object storage is told by its name alone.",
    )
    max_delete_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        default=50,
        description="A run that would delete a larger share of the destination's files is Held. "
        "The share is rounded up to whole files; files that are filtered out do not count. 100: "
        "any share; the same holds for a source that may be empty and is.",
    )
    max_deleted_files: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="A run that would delete more files than this is Held, whatever their share; "
        "absent: any number.",
    )


class Retry(ApiModel):
    """How often a run that failed for a passing reason is tried again."""

    limit: Annotated[int, Field(ge=0, le=20)] = Field(
        default=3, description="Further attempts after the first."
    )


class TaskSpec(ApiModel):
    """Everything that an execution of the task needs to know."""

    rules = (
        Rule(
            cel="self.sourceLocationRef.name != self.destinationLocationRef.name",
            message="source and destination are the same location: name another destination",
            field=".destinationLocationRef",
            holds=lambda spec: spec.source_location_ref.name != spec.destination_location_ref.name,
        ),
        Rule(
            cel="!has(self.manifest) || ((!has(self.includes) || self.includes.size() == 0) && "
            "(!has(self.excludes) || self.excludes.size() == 0))",
            message="a manifest lists every file, so filters have no say: remove manifest, or "
            "includes and excludes",
            field=".manifest",
            holds=lambda spec: (
                spec.transfer_manifest is None or not (spec.includes or spec.excludes)
            ),
        ),
        Rule(
            cel="!has(self.manifest) || self.options.preserveDeletedFiles != 'Remove'",
            message="a run by a manifest never deletes: set options.preserveDeletedFiles to "
            "Preserve, or remove manifest",
            field=".manifest",
            holds=lambda spec: (
                spec.transfer_manifest is None or spec.options.preserve_deleted_files != "Remove"
            ),
        ),
        Rule(
            cel="!has(self.report) || !has(self.report.locationRef) || "
            "(self.report.locationRef.name != self.sourceLocationRef.name && "
            "self.report.locationRef.name != self.destinationLocationRef.name)",
            message="a report in a location that the task synchronizes would be transferred or "
            "deleted by its next run: name a location outside of both",
            field=".report",
            holds=lambda spec: (
                spec.report is None
                or spec.report.location_ref is None
                or spec.report.location_ref.name
                not in (spec.source_location_ref.name, spec.destination_location_ref.name)
            ),
        ),
    )

    source_location_ref: Annotated[Reference, immutable("sourceLocationRef")]
    destination_location_ref: Annotated[Reference, immutable("destinationLocationRef")]
    options: TaskOptions = Field(
        default_factory=TaskOptions,
        description="What is compared, copied, kept and verified.",
        # Whole: the API server judges a default by the rules before it fills what is inside.
        json_schema_extra=lambda schema: schema.update(default=TaskOptions().manifest()),
    )
    includes: Annotated[list[IncludeRule], ListOf(), Field(max_length=1)] = Field(
        default_factory=list[IncludeRule], description="Only what matches takes part."
    )
    excludes: Annotated[list[ExcludeRule], ListOf(), Field(max_length=1)] = Field(
        default_factory=list[ExcludeRule], description="What matches takes no part."
    )
    file_conditions: FileConditions | None = None
    transfer_manifest: TransferManifest | None = Field(
        default=None,
        alias="manifest",
        description="Only what is listed there is looked at and transferred; nothing is deleted.",
    )
    schedule: Schedule | None = None
    report: TaskReport | None = Field(
        default=None, description="What is written of every run, and where; AWS's task reports."
    )
    logging: Logging | None = Field(
        default=None, description="Who gets the lines of the log beside the runner's stdout."
    )
    guards: Guards = Field(
        default_factory=Guards,
        description="What stops a run before it does harm.",
        json_schema_extra={"default": {}},
    )
    deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = Field(
        default=None,
        description="An execution active for longer ends in Error; waiting does not count.",
    )
    retry: Retry = Field(
        default_factory=Retry,
        description="How often a run that failed for a passing reason is tried again.",
        json_schema_extra={"default": {}},
    )
    suspend: bool = Field(
        default=False, description="No execution is started by schedule or trigger while true."
    )
    trigger: Trigger = Field(
        default="", description="Change it to start a run now; echoed in status.lastTrigger."
    )
    run_after: Annotated[list[Name], ListOf("set"), Field(max_length=16)] = Field(
        default_factory=list[str],
        description="Tasks of the namespace, by name: an execution waits until each of them has "
        "succeeded since this task last did.",
    )
    successful_executions_history_limit: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=3, description="Executions in Success to keep of those the task started itself."
    )
    failed_executions_history_limit: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=3, description="Other ended executions to keep of those the task started itself."
    )

    def location_names(self) -> list[str]:
        """The DataSyncLocations that the task refers to: its source, its destination, others."""
        refs = [self.source_location_ref, self.destination_location_ref]
        if self.report is not None and self.report.location_ref is not None:
            refs.append(self.report.location_ref)
        if self.transfer_manifest is not None and self.transfer_manifest.s3 is not None:
            refs.append(self.transfer_manifest.s3.location_ref)
        return [ref.name for ref in refs]

    def filter_problem(self) -> tuple[str, str] | None:
        """The first filter rule that cannot be read: its field, and why.  None: all can."""
        for field, rules in (("includes", self.includes), ("excludes", self.excludes)):
            for index, rule in enumerate(rules):
                if problem := rule.problem():
                    return f"{field}[{index}].value", problem
        return None


class LastExecution(ApiModel):
    """The last execution that ended, in short."""

    name: Name
    phase: Annotated[str, Field(max_length=32)]
    start_time: datetime | None = None
    end_time: datetime | None = None
    files_transferred: int | None = None
    bytes_transferred: int | None = None


TaskState = Literal["Available", "Queued", "Running", "Unavailable"]


class TaskStatus(ApiModel):
    """What the operator knows of the task's runs."""

    observed_generation: int | None = None
    status: TaskState | None = Field(
        default=None, description="AWS DataSync's task status: can it run, does it wait or run?"
    )
    current_execution: Name | None = None
    last_execution: LastExecution | None = None
    last_successful_time: datetime | None = None
    last_schedule_time: datetime | None = None
    next_schedule_time: datetime | None = None
    missed_schedules: int | None = None
    consecutive_failures: int | None = None
    last_trigger: Trigger | None = None
    baseline: Baseline | None = Field(
        default=None,
        description="Of the last run that succeeded: what neither side has changed since need not "
        "be asked about again.",
    )
    conditions: Conditions = ()


class Task(Resource):
    """A transfer that can be run; the counterpart of an AWS DataSync task."""

    kind_name: ClassVar[str] = "DataSyncTask"

    kind: Literal["DataSyncTask"] = "DataSyncTask"
    spec: TaskSpec
    status: TaskStatus = Field(default_factory=TaskStatus)
