"""The checksums that are stated to S3, against botocore's and the standard library's own."""

import base64
import hashlib

import pytest
from botocore.httpchecksum import CrtCrc32cChecksum, CrtCrc64NvmeChecksum
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.checksums import crc64
from datasync_runner.storage.s3.algorithms import ALGORITHMS, CRC32C, CRC64NVME, SHA256

BODY = b"123456789"


def test_known_answers():
    """The check values of the CRC catalogues (reveng), and FIPS 180-4's."""
    assert base64.b64decode(CRC32C.of(BODY)).hex() == "e3069283"
    assert base64.b64decode(CRC64NVME.of(BODY)).hex() == "ae8b14860a799888"
    assert base64.b64decode(SHA256.of(b"abc")) == hashlib.sha256(b"abc").digest()


@given(st.binary(max_size=200))
def test_they_are_what_botocore_states(body):
    assert CRC32C.of(body) == CrtCrc32cChecksum().handle(body)
    assert CRC64NVME.of(body) == CrtCrc64NvmeChecksum().handle(body)
    for algorithm in ALGORITHMS.values():
        assert algorithm.stated(body, crc64(body)) == algorithm.of(body)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_a_whole_from_its_parts(bodies):
    for algorithm in (CRC32C, CRC64NVME):
        parts = [(algorithm.of(body), len(body)) for body in bodies]
        assert algorithm.whole(parts) == algorithm.of(b"".join(bodies))
    assert SHA256.whole([(SHA256.of(body), len(body)) for body in bodies]) is None


@pytest.mark.parametrize(
    ("algorithm", "header", "element", "kind"),
    [
        ("CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME", "FULL_OBJECT"),
        ("CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C", "FULL_OBJECT"),
        ("SHA256", "x-amz-checksum-sha256", "ChecksumSHA256", "COMPOSITE"),
    ],
)
def test_names(algorithm, header, element, kind):
    one = ALGORITHMS[algorithm]
    assert (one.header, one.element, one.kind) == (header, element, kind)
