"""What one execution does otherwise than its task (AWS: StartTaskExecution's overrides).

What is absent is as the task says.  The task with its overrides is judged as a task is, so that no
pair gets past a rule by coming from two objects.
"""

from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from datasync_api.base import ApiModel, ListOf, Rule, at_most_one_of
from datasync_api.file_conditions import FileConditions
from datasync_api.filter_rules import ExcludeRule, IncludeRule
from datasync_api.manifest import PLACES, TransferManifest
from datasync_api.task import TaskSpec
from datasync_api.task_options import TaskOptions
from datasync_api.task_report import TaskReport


class OverridesInvalidError(ValueError):
    """The task and the overrides do not go together."""


class _OptionOverrides(ApiModel):
    """Options that hold for this run instead of the task's; what is absent is as the task says."""

    rules = (
        Rule(
            cel="!has(self.transferMode) || !has(self.preserveDeletedFiles) || "
            "self.transferMode != 'All' || self.preserveDeletedFiles != 'Remove'",
            message="Remove cannot be combined with transferMode All, which never lists the "
            "destination: use transferMode Changed, or preserveDeletedFiles Preserve",
            field=".preserveDeletedFiles",
            holds=lambda o: not (o.transfer_mode == "All" and o.preserve_deleted_files == "Remove"),
        ),
        Rule(
            cel="has(self.mtime) == has(self.atime) && (!has(self.mtime) || "
            "(self.mtime == 'Preserve') == (self.atime == 'BestEffort'))",
            message="set mtime and atime together: Preserve goes with BestEffort, and None with "
            "None",
            field=".atime",
            holds=lambda o: (
                (o.mtime is None) == (o.atime is None)
                and (o.mtime is None or (o.mtime == "Preserve") == (o.atime == "BestEffort"))
            ),
        ),
    )


def _optional(option: FieldInfo) -> tuple[Any, Any]:
    kind = cast("Any", option.annotation)
    if option.metadata:
        kind = cast("Any", Annotated)[(kind, *option.metadata)]
    return kind | None, Field(default=None, description=option.description)


if TYPE_CHECKING:
    OptionOverrides = _OptionOverrides
else:
    OptionOverrides = create_model(
        "OptionOverrides",
        __base__=_OptionOverrides,
        __doc__=_OptionOverrides.__doc__,
        **{name: _optional(option) for name, option in TaskOptions.model_fields.items()},
    )


class ReportOverride(TaskReport):
    """Another report than the task's; without a place: none."""

    rules = (
        at_most_one_of("s3", "location_ref", or_none="no report"),
        *TaskReport.rules[1:],
    )


class ManifestOverride(TransferManifest):
    """Other files than the task's manifest lists; without a list: no manifest."""

    rules = (at_most_one_of(*PLACES, or_none="no manifest"),)


class Overrides(ApiModel):
    """What this run does otherwise than its task; an empty list or object clears the task's."""

    options: OptionOverrides | None = None
    includes: Annotated[list[IncludeRule], ListOf(), Field(max_length=1)] | None = Field(
        default=None, description="Instead of the task's; empty: everything."
    )
    excludes: Annotated[list[ExcludeRule], ListOf(), Field(max_length=1)] | None = Field(
        default=None, description="Instead of the task's; empty: nothing is excluded."
    )
    file_conditions: FileConditions | None = Field(
        default=None, description="Instead of the task's; empty: files of any size and age."
    )
    transfer_manifest: ManifestOverride | None = Field(
        default=None,
        alias="manifest",
        description="Instead of the task's, with includes and excludes empty; empty: no manifest.",
    )
    report: ReportOverride | None = Field(
        default=None, description="Instead of the task's; empty: no report."
    )


def overridden(task: TaskSpec, overrides: Overrides | None) -> TaskSpec:
    """The task as this run takes it.

    Raises: OverridesInvalidError, which says what is wrong and how to fix it.

    | task | overrides | of the run |
    |---|---|---|
    | options a, b | options b' | a, b' |
    | includes x | absent | x |
    | includes x | [] | none |
    | report r, manifest m | {} | none |
    """
    if overrides is None:
        return task
    merged, other = task.manifest(), overrides.manifest()
    merged["options"] = {**merged["options"], **other.pop("options", {})}
    merged.update(other)
    report = overrides.report
    if report is not None and report.s3 is None and report.location_ref is None:
        del merged["report"]
    manifest = overrides.transfer_manifest
    if manifest is not None and all(getattr(manifest, place) is None for place in PLACES):
        del merged["manifest"]
    try:
        return TaskSpec.model_validate(merged)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in found["loc"])
        raise OverridesInvalidError(
            f"the task with its overrides is not valid: {where}{': ' if where else ''}"
            f"{found['msg']}; correct spec.overrides of a new execution, or the task"
        ) from error
