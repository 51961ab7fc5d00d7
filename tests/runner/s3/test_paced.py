"""A body that is sent under a ceiling: as many bytes at once as were granted, and held once."""

import tracemalloc

import certifi
import pytest

from datasync_api.rate import UNLIMITED
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.handles import BUFFER_BYTES, PacedHandle
from datasync_runner.storage.s3.pieces import Pieces
from datasync_runner.storage.throttle import Throttle

MIB = 1024 * 1024


@pytest.fixture
def throttle():
    made = Throttle(UNLIMITED)
    yield made
    made.close()


@pytest.fixture
def handle(throttle):
    made = PacedHandle("PUT", certifi.where(), throttle, lambda *_: None)
    yield made
    made.curl.close()


def call(body: bytes | Pieces) -> Call:
    made = Call("UploadPart", "PUT", "/b/k", body=body)
    made.url = "http://localhost/b/k"
    return made


def sent(handle: PacedHandle, size_bytes: int) -> list[bytes]:
    """What libcurl gets, which asks for so much at a time."""
    chunks = []
    while chunk := handle._read(size_bytes):
        assert isinstance(chunk, bytes)
        chunks.append(chunk)
    return chunks


@pytest.mark.parametrize("body", [b"", b"abcdefgh", Pieces([b"ab", b"cdefg", b"h"])])
def test_every_byte_is_sent_once(handle, body):
    handle.load(call(body))
    whole = body.whole() if isinstance(body, Pieces) else body
    assert sent(handle, 3) == [whole[at : at + 3] for at in range(0, len(whole), 3)]


def test_what_is_granted_is_sent(handle, throttle):
    """Whatever the pieces are that it comes from."""
    throttle.bytes_per_second = 10 * MIB
    handle.load(call(Pieces([bytes(100_000)] * 30)))
    grain = throttle.grain_bytes
    assert grain % 100_000
    handle.call = None  # nobody to wake
    assert {len(chunk) for chunk in sent(handle, grain)[:-1]} == {grain}


def test_a_part_is_held_once(handle):
    """Its share of the process's byte budget is its size."""
    part = Pieces([bytes(64 * 1024) for _ in range(16 * 16)])
    tracemalloc.start()
    handle.load(call(part))
    while handle._read(BUFFER_BYTES):
        pass
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(part), peak_bytes < 2 * BUFFER_BYTES) == (16 * MIB, True)
