"""The summary of a task report: AWS DataSync's names and spellings for what a run was and did.

AWS says what a summary holds and not how it is spelt (user guide, "Summary only task reports"); the
names here are those of its DescribeTaskExecution, which tells the same.
"""

import re
from typing import Any, Final, NamedTuple

from datasync_api.plan import TransferPlan
from datasync_api.report import RunOutcome, TransferResult

_STATUS: Final[dict[RunOutcome, str]] = {
    "Success": "SUCCESS",
    "CompletedWithErrors": "COMPLETED_WITH_ERRORS",
    "Held": "HELD",
    "Error": "ERROR",
    "Stopped": "CANCELLED",
}


class WrittenFile(NamedTuple):
    """One file of a report that is at its place."""

    name: str
    size_bytes: int
    sha256: str


def summary(
    plan: TransferPlan, result: TransferResult, files: list[WrittenFile], *, problem: str = ""
) -> dict[str, Any]:
    """The summary of one run; `problem` says why detailed reports are missing, if some are."""
    c = result.counters
    failed = c.files_failed
    told: dict[str, Any] = {
        "TaskExecutionId": plan.execution.name,
        "TaskExecutionUid": plan.execution.uid,
        "TaskId": plan.execution.task,
        "Namespace": plan.execution.namespace,
        "SourceLocationUri": plan.source.uri,
        "DestinationLocationUri": plan.destination.uri,
        "Status": _STATUS[result.outcome],
        "StartTime": _moment(result.start_time.isoformat()),
        "EndTime": _moment(result.end_time.isoformat()),
        "Options": {
            _pascal(name): aws_spelling(value) if isinstance(value, str) else value
            for name, value in plan.options.manifest().items()
        },
        "Includes": _filters(plan.includes),
        "Excludes": _filters(plan.excludes),
        "EstimatedFilesToTransfer": c.estimated_files_to_transfer,
        "EstimatedBytesToTransfer": c.estimated_bytes_to_transfer,
        "EstimatedFilesToDelete": c.estimated_files_to_delete,
        "EstimatedFoldersToTransfer": c.estimated_folders_to_transfer,
        "EstimatedFoldersToDelete": c.estimated_folders_to_delete,
        "FilesListed": {
            "AtSource": c.files_listed_at_source,
            "AtDestination": c.files_listed_at_destination,
        },
        "FoldersListed": {
            "AtSource": c.folders_listed_at_source,
            "AtDestination": c.folders_listed_at_destination,
        },
        "FilesTransferred": c.files_transferred,
        "FilesMetadataUpdated": c.files_metadata_updated,
        "FilesVerified": c.files_verified,
        "FilesSkipped": c.files_skipped,
        "FilesDeleted": c.files_deleted,
        "FilesFailed": {
            "Prepare": failed.prepare,
            "Transfer": failed.transfer,
            "Verify": failed.verify,
            "Delete": failed.delete,
        },
        "FoldersTransferred": c.folders_transferred,
        "FoldersVerified": c.folders_verified,
        "FoldersSkipped": c.folders_skipped,
        "FoldersDeleted": c.folders_deleted,
        "FoldersFailed": {
            "List": c.folders_failed.list,
            "Prepare": c.folders_failed.prepare,
            "Transfer": c.folders_failed.transfer,
            "Verify": c.folders_failed.verify,
            "Delete": c.folders_failed.delete,
        },
        "BytesTransferred": c.bytes_transferred,
        "BytesWritten": c.bytes_written,
        "Result": {
            "PrepareStatus": result.prepare_status.upper(),
            "TransferStatus": result.transfer_status.upper(),
            "VerifyStatus": result.verify_status.upper(),
            "PrepareDuration": result.prepare_duration_ms,
            "TransferDuration": result.transfer_duration_ms,
            "VerifyDuration": result.verify_duration_ms,
            "TotalDuration": result.total_duration_ms,
            "ErrorCode": result.error.code if result.error else "",
            "ErrorDetail": result.error.detail if result.error else "",
        },
        "Failures": [failure.manifest() for failure in result.failures],
        "PlanHash": plan.hash(),
        "Reports": [
            {"RelativePath": file.name, "ContentSize": file.size_bytes, "SHA256": file.sha256}
            for file in files
        ],
    }
    return {**told, "ReportErrorDetail": problem} if problem else told


def aws_spelling(value: str) -> str:
    """A value of ours as AWS DataSync spells it.

    | ours | AWS's |
    |---|---|
    | OnlyFilesTransferred | ONLY_FILES_TRANSFERRED |
    | IntValue | INT_VALUE |
    | OwnerDACLSACL | OWNER_DACL_SACL |
    | CRC64NVME | CRC64NVME |
    | None | NONE |
    """
    if value == value.upper():
        return value
    parts = re.findall(r"DACL|SACL|[A-Z][a-z0-9]*|[A-Z]+", value)
    return "_".join(part.upper() for part in parts)


def _filters(rules: Any) -> list[dict[str, str]]:
    return [{"FilterType": aws_spelling(rule.filter_type), "Value": rule.value} for rule in rules]


def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]


def _moment(told: str) -> str:
    return told.replace("+00:00", "Z")
