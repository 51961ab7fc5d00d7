"""Storage classes and encryption: AWS's rules as a table, and the headers that come of them."""

import botocore.session
import pytest

from datasync_api.s3_location import Encryption
from datasync_api.sides import S3Side
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.storage.s3 import keeping
from datasync_runner.storage.s3.keeping import SPELLINGS, Keeping, encryption_headers, storage_class


def table():
    """The rows of the docstring."""
    rows = [line.strip() for line in storage_class.__doc__.splitlines()]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows if row[:2] == "| "]
    return cells[1:]


def test_the_table_has_every_class():
    assert {row[0] for row in table()} == set(SPELLINGS)


@pytest.mark.parametrize(("wished", "size", "there", "named"), table())
def test_every_row_of_the_table(wished, size, there, named):
    assert storage_class(wished, int(size), there) == named


def test_the_spellings_are_s3s():
    model = botocore.session.get_session().get_service_model("s3")
    assert set(model.shape_for("StorageClass").enum) > keeping.WRITABLE
    assert len(set(SPELLINGS.values())) == 7


KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
SSE, SSE_KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"


@pytest.mark.parametrize(
    ("wished", "headers"),
    [
        (None, {}),
        ({"type": "SSE_S3"}, {SSE: "AES256"}),
        ({"type": "SSE_KMS"}, {SSE: "aws:kms"}),
        ({"type": "SSE_KMS", "kmsKeyId": KEY}, {SSE: "aws:kms", SSE_KEY: KEY}),
    ],
)
def test_encryptions(wished, headers):
    asked = None if wished is None else Encryption.model_validate(wished)
    assert dict(encryption_headers(asked)) == headers


def side(**wishes):
    return S3Side(uri="s3://data/", bucket="data", region="eu-west-1", **wishes)


def headers(size, there="", **wishes):
    entry = Entry(b"f", Kind.FILE, size, storage_class=there)
    return dict(Keeping(side(**wishes)).headers(entry))


def test_a_side_that_wishes_nothing_says_nothing():
    assert headers(10**6) == headers(10**6, "STANDARD") == {}
    assert headers(0, "GLACIER") == {"x-amz-storage-class": "GLACIER"}


def test_both_wishes_stand_beside_each_other():
    wishes = {"storage_class": "DeepArchive", "encryption": Encryption(type="SSE_S3")}
    assert headers(10**6, **wishes) == {"x-amz-storage-class": "DEEP_ARCHIVE", SSE: "AES256"}
    assert headers(10, **wishes) == headers(10**6, "STANDARD", **wishes) == {SSE: "AES256"}
