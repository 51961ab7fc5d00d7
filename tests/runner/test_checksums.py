"""Checksums by awscrt's functions, whose package is not imported for them."""

import subprocess
import sys

import pytest

from datasync_runner import checksums

CHECK = b"123456789"
"""What the catalogue of CRCs tells the value of."""


def test_the_values_of_the_catalogue() -> None:
    assert checksums.crc64(CHECK) == 0xAE8B14860A799888
    assert checksums.crc32c(CHECK) == 0xE3069283


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_pieces_follow_and_combine(kind: type) -> None:
    one, other = kind(b"one piece" * 1000), kind(b"and the next")
    whole = bytes(one) + bytes(other)
    for crc, combine in (
        (checksums.crc64, checksums.combine),
        (checksums.crc32c, checksums.combine_crc32c),
    ):
        assert crc(other, crc(one)) == crc(whole)
        assert combine(crc(one), crc(other), len(other)) == crc(whole)


def test_the_functions_are_those_that_the_package_offers() -> None:
    package = checksums.imported()
    assert checksums.crc64(CHECK, 7) == package.crc64nvme(CHECK, 7)
    assert checksums.crc32c(CHECK, 7) == package.crc32c(CHECK, 7)
    assert checksums.combine(7, 8, 9) == package.combine_crc64nvme(7, 8, 9)
    assert checksums.combine_crc32c(7, 8, 9) == package.combine_crc32c(7, 8, 9)


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(TypeError):
        checksums.crc64(7)  # type: ignore[arg-type]


def test_a_checksum_starts_no_cryptography() -> None:
    code = (
        "import sys; from datasync_runner import checksums; checksums.crc64(b'x');"
        "assert not {'awscrt', '_awscrt'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
