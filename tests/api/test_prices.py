"""What requests cost by Amazon's list."""

import pytest

from datasync_api.prices import BASIS, estimated_cost
from datasync_api.side_pairs import cost_of
from datasync_api.sides import PosixSide, S3Side


@pytest.mark.parametrize(
    ("requests", "storage_class", "amount"),
    [
        ({"PutObject": 10_000}, "Standard", "0.0500"),
        ({"PutObject": 10_000}, "DeepArchive", "0.5000"),
        ({"UploadPart": 1000, "CompleteMultipartUpload": 1000}, "StandardIA", "0.0200"),
        ({"HeadObject": 1000}, "Standard", "0.0004"),
        ({"GetObject": 1000}, "GlacierInstantRetrieval", "0.0100"),
        ({"DeleteObjects": 1_000_000, "AbortMultipartUpload": 5}, "Standard", "0.0000"),
        ({"ListObjectsV2": 1}, "DeepArchive", "0.0001"),
        ({"ListObjectsV2": 1000}, "DeepArchive", "0.0050"),
        ({"GetObjectTagging": 1000}, "OneZoneIA", "0.0010"),
    ],
)
def test_the_amount(requests: dict[str, int], storage_class: str, amount: str) -> None:
    cost = estimated_cost(requests, storage_class=storage_class)
    assert cost is not None
    assert (cost.amount, cost.currency, cost.basis) == (amount, "USD", BASIS)


def test_no_request_has_no_cost() -> None:
    assert estimated_cost({}) is None


def bucket(uri: str) -> S3Side:
    return S3Side(uri=uri, bucket="b", region="r")


def test_a_run_has_a_cost_where_all_its_object_storage_is_amazons() -> None:
    files = PosixSide(uri="nfs://nas/a/", root="/a")
    asked = {"PutObject": 1000}
    assert cost_of(asked, files, bucket("s3://a/")) == estimated_cost(asked)
    assert cost_of(asked, bucket("s3://a/"), bucket("s3://b/")) == estimated_cost(asked)
    assert cost_of(asked, bucket("s3://a/"), bucket("object-storage://h/b/")) is None
    assert cost_of({}, files, files) is None
