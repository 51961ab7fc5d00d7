"""The requests of an upload, and the checksum of a whole from its parts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from datasync_runner.checksums import crc64, to_header
from datasync_runner.storage.s3.algorithms import CRC64NVME, SHA256
from datasync_runner.storage.s3.metadata import CHECKSUM
from datasync_runner.storage.s3.pieces import Pieces
from datasync_runner.storage.s3.upload_calls import Made, UploadCalls, completion, whole_checksum

CALLS = UploadCalls("/data/k", b"k")
NAMES = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@given(st.lists(st.binary(max_size=40), max_size=8), st.randoms())
def test_a_whole_from_its_parts_in_whatever_order_they_were_made(bodies, chance):
    made = [(at, Made("", crc64(body), "", len(body))) for at, body in enumerate(bodies, 1)]
    chance.shuffle(made)
    assert whole_checksum(dict(made)) == crc64(b"".join(bodies))


def test_a_part_without_a_checksum_leaves_the_whole_without_one():
    assert whole_checksum({1: Made("", 5, "", 1), 2: Made("", None, "", 1)}) is None


@pytest.mark.parametrize("checksums", [True, False])
def test_a_completion_names_all_parts_by_rising_number(checksums):
    numbers = list(range(1, 30))
    random.Random(1).shuffle(numbers)
    made = {number: Made(f'"{number}-x"', None, to_header(number), 1) for number in numbers}
    root = etree.fromstring(completion(made, CRC64NVME if checksums else None))
    assert [int(part.findtext(NAMES + "PartNumber")) for part in root] == sorted(numbers)
    assert [part.findtext(NAMES + "ETag") for part in root] == [
        f'"{number}-x"' for number in sorted(numbers)
    ]
    stated = [part.findtext(NAMES + "ChecksumCRC64NVME") for part in root]
    assert stated == [to_header(number) if checksums else None for number in sorted(numbers)]


def test_what_is_known_is_stated_and_nothing_else():
    assert CALLS.part("id", 3, Pieces([b"x"]), stated="BwA=").headers == [(CHECKSUM, "BwA=")]
    assert CALLS.part("id", 3, Pieces([b"x"]), stated="").headers == []
    made = {1: Made('"1"', 7, to_header(7), 3)}
    assert CALLS.complete("id", made, checksums=False).headers == []
    assert CALLS.complete("id", made, checksums=True).headers == [
        (CHECKSUM, to_header(7)),
        ("x-amz-checksum-type", "FULL_OBJECT"),
    ]
    assert CALLS.create([("a", "b")], checksums=False).headers == [("a", "b")]
    assert len(CALLS.create([("a", "b")], checksums=True).headers) == 3


def test_a_checksum_of_checksums_is_said_to_be_one_and_left_to_the_server():
    calls = UploadCalls("/data/k", b"k", SHA256)
    kind = ("x-amz-checksum-type", "COMPOSITE")
    assert calls.create([], checksums=True).headers == [
        ("x-amz-checksum-algorithm", "SHA256"), kind,
    ]  # fmt: skip
    call = calls.complete("id", {1: Made('"1"', 7, "c2hh", 3)}, checksums=True)
    assert call.headers == [kind]
    assert b"<ChecksumSHA256>c2hh</ChecksumSHA256>" in call.body


def test_an_id_is_escaped_in_the_query():
    call = CALLS.part("a+b/c=&d", 12, Pieces([b""]), stated="")
    assert call.query == "partNumber=12&uploadId=a%2Bb%2Fc%3D%26d"


def test_a_copied_part_is_of_the_very_object():
    call = CALLS.copied_part(
        "id", 2, source=[("x-amz-copy-source", "/s/k")], etag='"1"', extent=(100, 50)
    )
    assert dict(call.headers) == {
        "x-amz-copy-source": "/s/k",
        "x-amz-copy-source-range": "bytes=100-149",
        "x-amz-copy-source-if-match": '"1"',
    }
    assert call.thinks
