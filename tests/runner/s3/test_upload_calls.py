"""The requests of an upload, and the checksum of a whole from its parts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from datasync_runner.checksums import crc64, to_header
from datasync_runner.storage.s3.metadata import CHECKSUM
from datasync_runner.storage.s3.upload_calls import Made, UploadCalls, completion, whole_checksum

CALLS = UploadCalls("/data/k", b"k")
NAMES = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@given(st.lists(st.binary(max_size=40), max_size=8), st.randoms())
def test_a_whole_from_its_parts_in_whatever_order_they_were_made(bodies, chance):
    made = [(at, Made("", crc64(body), len(body))) for at, body in enumerate(bodies, 1)]
    chance.shuffle(made)
    assert whole_checksum(dict(made)) == crc64(b"".join(bodies))


def test_a_part_without_a_checksum_leaves_the_whole_without_one():
    assert whole_checksum({1: Made("", 5, 1), 2: Made("", None, 1)}) is None


@pytest.mark.parametrize("checksums", [True, False])
def test_a_completion_names_all_parts_by_rising_number(checksums):
    numbers = list(range(1, 30))
    random.Random(1).shuffle(numbers)
    made = {number: Made(f'"{number}-x"', number, 1) for number in numbers}
    root = etree.fromstring(completion(made, checksums=checksums))
    assert [int(part.findtext(NAMES + "PartNumber")) for part in root] == sorted(numbers)
    assert [part.findtext(NAMES + "ETag") for part in root] == [
        f'"{number}-x"' for number in sorted(numbers)
    ]
    stated = [part.findtext(NAMES + "ChecksumCRC64NVME") for part in root]
    assert stated == [to_header(number) if checksums else None for number in sorted(numbers)]


def test_what_is_known_is_stated_and_nothing_else():
    assert CALLS.part("id", 3, b"x", checksum=7).headers == [(CHECKSUM, to_header(7))]
    assert CALLS.part("id", 3, b"x", checksum=None).headers == []
    assert CALLS.complete("id", {}, whole=None).headers == []
    assert (CHECKSUM, to_header(7)) in CALLS.complete("id", {}, whole=7).headers
    assert CALLS.create([("a", "b")], checksums=False).headers == [("a", "b")]
    assert len(CALLS.create([("a", "b")], checksums=True).headers) == 3


def test_an_id_is_escaped_in_the_query():
    call = CALLS.part("a+b/c=&d", 12, b"", checksum=None)
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
