"""A part in the pieces that it came in: its checksum, and how libcurl reads it."""

import hashlib

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.storage.s3.pieces import Pieces, sha256_of


@pytest.mark.parametrize(
    "pieces",
    [[], [b"a"], [b"", b"a", b""], [b"ab", b"c", b"defgh", b"ij"], [b"ab", b"", b"cdefghij"]],
)
@pytest.mark.parametrize("most_bytes", [1, 2, 3, 7, 100])
def test_reading_gives_every_byte_once_and_once_more_from_the_beginning(pieces, most_bytes):
    part = Pieces(pieces)
    reading = part.reading()
    for _ in range(2):
        chunks = []
        while chunk := reading.read(most_bytes):
            assert len(chunk) <= most_bytes
            chunks.append(chunk)
        assert b"".join(chunks) == part.whole() == b"".join(pieces)
        assert reading.read(most_bytes) == b""
        reading.rewind()


def test_whole_pieces_go_together():
    reading = Pieces([b"ab", b"cd", b"ef"]).reading()
    assert [reading.read(5), reading.read(5), reading.read(5)] == [b"abcd", b"ef", b""]


def test_as_much_as_is_paid_for_goes_together():
    reading = Pieces([b"ab", b"cdefg", b"h"]).reading()
    assert [reading.exactly(3), reading.exactly(4), reading.exactly(9)] == [b"abc", b"defg", b"h"]


def test_a_part_knows_its_size_and_its_checksums():
    part = Pieces([b"ab"])
    part.take([b"c", b"def"])
    assert (len(part), part.taken_bytes, part.checksum) == (6, 6, crc64(b"abcdef"))
    assert sha256_of(part) == sha256_of(b"abcdef") == hashlib.sha256(b"abcdef").hexdigest()


def test_a_part_that_comes_again_is_the_second_one_alone():
    part = Pieces([b"of an answer that broke off"])
    part.begin()
    part.take([b"ab", b"c"])
    assert (part.whole(), len(part), part.checksum) == (b"abc", 3, crc64(b"abc"))


def test_one_piece_is_sent_as_it_is():
    only = b"abc"
    assert Pieces([b"", only]).simplest() is only
    assert Pieces([b""]).simplest() == b""
    part = Pieces([b"ab", b"c"])
    assert part.simplest() is part
