"""From a task and two sides to the plan of one run."""

from datasync_api.baseline import Baseline
from datasync_api.logging_target import stream_of
from datasync_api.manifest import TransferManifest
from datasync_api.plan import (
    Exchange,
    ExecutionIdentity,
    ManifestPlace,
    PlannedReport,
    TransferPlan,
)
from datasync_api.report import RunMode
from datasync_api.sides import AnySide, S3Side
from datasync_api.task import TaskSpec
from datasync_api.task_report import TaskReport


def make_plan(
    execution: ExecutionIdentity,
    task: TaskSpec,
    *,
    source: AnySide,
    destination: AnySide,
    exchange: Exchange | None,
    bytes_per_second: int | None = None,
    acknowledge: str = "",
    mode: RunMode = "Transfer",
    baseline: Baseline | None = None,
    manifest_file: str = "",
    manifest_side: AnySide | None = None,
    report_side: AnySide | None = None,
) -> TransferPlan:
    """The plan of one run of a task between two sides.

    `bytes_per_second` replaces the task's ceiling for this run; it is not validated again.
    `acknowledge` is the token of a hold that may go on.
    `manifest_file`: where a manifest out of a ConfigMap is, an absolute path.
    `manifest_side`: the bucket of a manifest that is an object.
    `report_side` is where the task's report goes; a dry run writes none.
    """
    logging = task.logging
    options = task.options
    if bytes_per_second is not None:
        options = options.model_copy(update={"bytes_per_second": bytes_per_second})
    return TransferPlan(
        execution=execution,
        mode=mode,
        source=source,
        destination=destination,
        options=options,
        includes=tuple(task.includes),
        excludes=tuple(task.excludes),
        file_conditions=task.file_conditions,
        manifest_place=_manifest_place(task.transfer_manifest, manifest_file, manifest_side),
        guards=task.guards,
        acknowledge=acknowledge,
        exchange=exchange,
        cloud_watch=stream_of(
            logging.cloud_watch, task=execution.task, execution=execution.name, uid=execution.uid
        )
        if logging is not None
        else None,
        baseline=baseline,
        report=_planned(task.report, report_side)
        if task.report is not None and report_side is not None and mode == "Transfer"
        else None,
        count_sizes=task.report is not None and task.report.html and mode == "Transfer",
    )


def _manifest_place(
    manifest: TransferManifest | None, mounted: str, side: AnySide | None
) -> ManifestPlace | None:
    if manifest is None:
        return None
    if (found := manifest.s3) is not None:
        assert isinstance(side, S3Side)  # noqa: S101 - `not_of_objects` is asked before
        return ManifestPlace(kind="Object", path=found.key, side=side, version_id=found.version_id)
    if manifest.path is not None:
        return ManifestPlace(kind="Source", path=manifest.path.strip("/"))
    return ManifestPlace(kind="Mounted", path=mounted)


def _planned(report: TaskReport, side: AnySide) -> PlannedReport:
    return PlannedReport(
        destination=side,
        output_type=report.output_type,
        transferred=report.level("transferred"),
        verified=report.level("verified"),
        deleted=report.level("deleted"),
        skipped=report.level("skipped"),
        object_version_ids=report.object_version_ids == "Include",
        html=report.html,
    )
