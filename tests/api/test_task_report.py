"""Where a report goes."""

from datasync_api.location import LocationSpec
from datasync_api.s3_location import S3
from datasync_api.task_report import TaskReport, report_location

BUCKET = S3.model_validate(
    {
        "bucket": "told",
        "prefix": "reports",
        "region": "eu-west-1",
        "endpoint": "https://s3.example.com",
        "serviceAccountName": "reporter",
        "storageClass": "StandardIA",
        "encryption": {"type": "SSE_KMS", "kmsKeyId": "alias/told"},
        "roleArn": "arn:aws:iam::123456789012:role/reporter",
        "expectedBucketOwner": "123456789012",
        "requesterPays": True,
    }
)


def test_a_bucket_of_its_own_is_a_location_with_all_its_fields() -> None:
    assert report_location(TaskReport(s3=BUCKET), None) == LocationSpec(s3=BUCKET)
