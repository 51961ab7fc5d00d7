"""Entries of detailed reports: the examples of AWS's user guide, "Monitoring your data transfers with
task reports", word for word, and what is named after them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.entry import Entry, Kind, ObjectHeaders, PosixMetadata
from datasync_runner.core.report_entries import ReportEntry, Shape, moment_ns
from datasync_runner.core.tally import Failed

BASIC, ENHANCED = Shape(objects=False), Shape(objects=True)
AT = 1_641_574_766_136_114_671
VERSION = "jtqRtX3jN4J2G8k0sFSGYK1f35KqpAVP"
FILE = Entry(b"object1.txt", Kind.FILE, 6, AT, PosixMetadata(0o644, 0, 0, AT, AT))
OBJECT = Entry(
    b"object1.txt",
    Kind.FILE,
    6,
    1_728_052_855_000_000_000,
    etag='"9b2d7e1f8054c3a2041905d0378e6f14"',
    headers=ObjectHeaders(content_type="binary/octet-stream"),
)
SRC_METADATA = {
    "Type": "Regular",
    "ContentSize": 6,
    "Mtime": "2022-01-07T16:59:26.136114671Z",
    "Atime": "2022-01-07T16:59:26.136114671Z",
    "Uid": 0,
    "Gid": 0,
    "Mode": "0644",
}


def told(entry: ReportEntry) -> dict[str, object]:
    return json.loads(entry.text)


def test_the_example_of_a_transfer_in_basic_mode() -> None:
    entry = BASIC.transferred(
        FILE,
        "2022-01-07T16:59:45.747270957Z",
        transfer_type="CONTENT_AND_METADATA",
        overwrite=False,
        version_id=VERSION,
    )
    assert entry.kind == "transferred"
    assert list(told(entry).items()) == [
        ("RelativePath", "/object1.txt"),
        ("SrcMetadata", SRC_METADATA),
        ("Overwrite", "False"),
        ("DstS3VersionId", VERSION),
        ("TransferTimestamp", "2022-01-07T16:59:45.747270957Z"),
        ("TransferType", "CONTENT_AND_METADATA"),
        ("TransferStatus", "SUCCESS"),
    ]


def test_the_example_of_a_transfer_in_enhanced_mode() -> None:
    entry = ENHANCED.transferred(
        OBJECT,
        "2024-10-04T14:48:39.748862183Z",
        transfer_type="CONTENT_AND_METADATA",
        overwrite=False,
        version_id=VERSION,
    )
    # AWS's own has ServerSideEncryption too, which no listing and no copy of ours asks for.
    assert told(entry) == {
        "RelativePath": "object1.txt",
        "SourceMetadata": {
            "Type": "Object",
            "ContentSize": 6,
            "LastModified": "2024-10-04T14:40:55Z",
            "SystemMetadata": {
                "ContentType": "binary/octet-stream",
                "ETag": '"9b2d7e1f8054c3a2041905d0378e6f14"',
            },
            "UserMetadata": {},
            "Tags": [],
        },
        "Overwrite": "False",
        "DstS3VersionId": VERSION,
        "TransferTimestamp": "2024-10-04T14:48:39.748862183Z",
        "TransferType": "CONTENT_AND_METADATA",
        "TransferStatus": "SUCCESS",
    }


@pytest.mark.parametrize(
    ("shape", "path", "metadata", "reason"),
    [
        (BASIC, "/object1.txt", {"SrcMetadata": SRC_METADATA}, {"FailureReason": "no right"}),
        (ENHANCED, "object1.txt", None, {}),
    ],
)
def test_a_failure(shape: Shape, path: str, metadata, reason) -> None:
    item = FILE if metadata else b"object1.txt"
    entry = shape.failed("transferred", item, "now", why=Failed("AccessDenied", "no right"))
    assert told(entry) == {
        "RelativePath": path,
        **(metadata or {}),
        "TransferTimestamp": "now",
        "TransferStatus": "FAILED",
        **reason,
        "ErrorCode": "AccessDenied",
        "ErrorDetail": "no right",
    }


def test_the_other_kinds() -> None:
    verified = told(BASIC.verified(FILE, "now", checksum=1))
    assert verified["SrcChecksum"] == verified["DstChecksum"] == "AAAAAAAAAAE="
    assert (verified["VerifyStatus"], verified["ChecksumAlgorithm"]) == ("SUCCESS", "CRC64NVME")
    assert told(BASIC.deleted(b"a/b/", "now")) == {
        "RelativePath": "/a/b",
        "DeleteTimestamp": "now",
        "DeleteStatus": "SUCCESS",
    }
    skipped = told(BASIC.skipped(FILE, "now", reason="Same"))
    assert (skipped["SkipReason"], skipped["SkipStatus"]) == ("Same", "SUCCESS")
    folder = told(BASIC.skipped(Entry(b"a/", Kind.FOLDER), "now", reason="Same"))
    assert folder["SrcMetadata"] == {"Type": "Directory"}
    assert told(ENHANCED.deleted(b"a/b/", "now"))["RelativePath"] == "a/b/"


@given(st.binary(min_size=1, max_size=40), st.integers(-(2**62), 2**62))
def test_every_name_and_time_is_json(key: bytes, ns: int) -> None:
    for shape in (BASIC, ENHANCED):
        entry = FILE._replace(key=key, mtime_ns=ns, metadata=None)
        made = shape.transferred(
            entry, moment_ns(ns), transfer_type="METADATA", overwrite=True, version_id=""
        )
        assert made.text.isascii()
        assert told(made)["Overwrite"] == "True"


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_item_can_be_told_of(kind: Kind) -> None:
    """A device that is passed over is told of as any file."""
    entry = told(BASIC.skipped(Entry(b"a", kind), "now", reason="SpecialFile"))
    assert entry["SrcMetadata"]["Type"] in ("Regular", "Directory", "Symlink", "Special", "Device")
