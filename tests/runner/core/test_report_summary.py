"""The summary of a report: AWS's spellings, and what a run was and did."""

from datetime import UTC, datetime

import pytest

from datasync_api.counters import Counters
from datasync_api.plan import TransferPlan
from datasync_api.report import TransferResult
from datasync_api.task_options import TaskOptions
from datasync_runner.core.report_summary import WrittenFile, aws_spelling, summary

PLAN = TransferPlan.model_validate(
    {
        "execution": {"namespace": "n", "name": "nightly-1", "uid": "u", "task": "nightly"},
        "source": {"kind": "Posix", "uri": "nfs://nas/export/", "root": "/mnt/source"},
        "destination": {
            "kind": "S3",
            "uri": "s3://archive/a/",
            "bucket": "archive",
            "region": "eu-west-1",
            "credentialsPath": "/etc/secret",
        },
        "options": TaskOptions(),
        "includes": [{"filterType": "SimplePattern", "value": "/a*"}],
    }
)


def result(**changes: object) -> TransferResult:
    return TransferResult.model_validate(
        {
            "executionUid": "u",
            "outcome": "Success",
            "prepareStatus": "Success",
            "transferStatus": "Success",
            "verifyStatus": "Pending",
            "totalDurationMs": 1500,
            "counters": Counters(files_transferred=3, folders_transferred=1, bytes_written=12),
            "startTime": datetime(2026, 5, 1, 3, tzinfo=UTC),
            "endTime": datetime(2026, 5, 1, 3, 0, 2, tzinfo=UTC),
            **changes,
        }
    )


def test_what_aws_says_a_summary_holds() -> None:
    told = summary(PLAN, result(), [WrittenFile("a.json", 5, "ab")])
    assert told["TaskExecutionId"] == "nightly-1"
    assert (told["SourceLocationUri"], told["DestinationLocationUri"]) == (
        "nfs://nas/export/",
        "s3://archive/a/",
    )
    assert (told["FilesTransferred"], told["FoldersTransferred"], told["BytesWritten"]) == (
        3,
        1,
        12,
    )
    assert (told["Status"], told["Result"]["VerifyStatus"]) == ("SUCCESS", "PENDING")
    assert (told["StartTime"], told["EndTime"]) == ("2026-05-01T03:00:00Z", "2026-05-01T03:00:02Z")
    assert told["Result"]["TotalDuration"] == 1500
    assert told["Options"]["VerifyMode"] == "ONLY_FILES_TRANSFERRED"
    assert told["Options"]["BytesPerSecond"] == -1
    assert told["Includes"] == [{"FilterType": "SIMPLE_PATTERN", "Value": "/a*"}]
    assert told["Reports"] == [{"RelativePath": "a.json", "ContentSize": 5, "SHA256": "ab"}]
    assert "ReportErrorDetail" not in told
    assert "secret" not in str(told)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("Success", "SUCCESS"),
        ("CompletedWithErrors", "COMPLETED_WITH_ERRORS"),
        ("Held", "HELD"),
        ("Error", "ERROR"),
        ("Stopped", "CANCELLED"),
    ],
)
def test_how_it_ended(outcome: str, status: str) -> None:
    told = summary(PLAN, result(outcome=outcome), [], problem="no right")
    assert (told["Status"], told["ReportErrorDetail"]) == (status, "no right")


@pytest.mark.parametrize(
    ("ours", "aws"),
    [
        ("OnlyFilesTransferred", "ONLY_FILES_TRANSFERRED"),
        ("PointInTimeConsistent", "POINT_IN_TIME_CONSISTENT"),
        ("IntValue", "INT_VALUE"),
        ("BestEffort", "BEST_EFFORT"),
        ("OwnerDACL", "OWNER_DACL"),
        ("OwnerDACLSACL", "OWNER_DACL_SACL"),
        ("CRC64NVME", "CRC64NVME"),
        ("None", "NONE"),
    ],
)
def test_aws_spelling(ours: str, aws: str) -> None:
    assert aws_spelling(ours) == aws
