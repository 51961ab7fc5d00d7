"""How a range is cut into reads: the first large one of a connection is larger."""

from types import SimpleNamespace

import pytest

from datasync_runner.storage.smb.wire import CHUNK_BYTES, FIRST_BYTES, Limits, Wire

MIB = 1024 * 1024


def make(*, read_bytes=FIRST_BYTES, granted=1024):
    channel = SimpleNamespace(credits=granted)
    return Wire(None, channel, Limits(0x311, False, read_bytes, 8 * MIB, 8 * MIB))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size_bytes", "sizes"),
    [
        (0, []),
        (CHUNK_BYTES - 1, [CHUNK_BYTES - 1]),
        (CHUNK_BYTES + 1, [CHUNK_BYTES, 1]),
        (FIRST_BYTES, [FIRST_BYTES]),
        (FIRST_BYTES + CHUNK_BYTES + 1, [FIRST_BYTES, CHUNK_BYTES, 1]),
    ],
)
def test_reads_follow_each_other_to_the_end(size_bytes, sizes):
    reads = list(make().reads(100, size_bytes))
    assert [size for _, size in reads] == sizes
    assert [at for at, _ in reads] == [100 + sum(sizes[:n]) for n in range(len(sizes))]


def test_only_the_first_read_that_is_large_enough_is_larger():
    wire = make()
    for size_bytes, most in ((10, 10), (FIRST_BYTES, FIRST_BYTES), (FIRST_BYTES, CHUNK_BYTES)):
        assert max(size for _, size in wire.reads(0, size_bytes)) == most


@pytest.mark.parametrize(
    ("limits", "first"),
    [
        ({"read_bytes": 2 * MIB}, 2 * MIB),
        ({"read_bytes": MIB}, MIB),
        ({"read_bytes": 65536}, 65536),
        ({"granted": 128}, 2 * MIB),
    ],
    ids=["the server's limit", "no more than others", "small", "credits"],
)
def test_no_read_is_larger_than_the_server_lets_it_be(limits, first):
    assert next(make(**limits).reads(0, FIRST_BYTES)) == (0, first)
