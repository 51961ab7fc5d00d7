"""How a range is cut into reads, and how many messages are on their way at once."""

from types import SimpleNamespace

import pytest

from datasync_runner.storage.smb import requests
from datasync_runner.storage.smb.responses import Answer
from datasync_runner.storage.smb.wire import (
    CHUNK_BYTES,
    FIRST_BYTES,
    TOGETHER,
    WINDOW,
    Limits,
    Wire,
)

MIB = 1024 * 1024


def make(*, read_bytes=FIRST_BYTES, granted=1024):
    channel = SimpleNamespace(credits=granted)
    return Wire(None, channel, Limits(0x311, False, True, read_bytes, 8 * MIB, 8 * MIB))  # type: ignore[arg-type]


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


class Noted:
    """A channel that notes what it is asked to do, and answers all in the order of the question."""

    def __init__(self, credits=1024):
        self.credits, self.most, self.done = credits, 0, []
        self._next, self._open = 0, 0

    def post(self, chain):
        self.credits -= len(chain)
        self._open += 1
        self.most = max(self.most, self._open)
        self.done.append("post")
        self._next += 1
        return [self._next]

    def receive(self, ids):
        self.credits += 1
        self._open -= 1
        self.done.append("receive")
        return [Answer(0, b"%d" % number) for number in ids]


ECHO = requests.Request(13, b"\4\0\0\0")


def exchanged(channel, count):
    wire = Wire(None, channel, Limits(0x311, False, True, MIB, MIB, MIB))  # type: ignore[arg-type]
    return [int(bytes(answer.body)) for (answer,) in wire.exchange([[ECHO]] * count)]


def test_a_full_window_is_left_by_several_before_others_enter():
    channel = Noted()
    assert exchanged(channel, WINDOW + 2 * TOGETHER) == list(range(1, WINDOW + 2 * TOGETHER + 1))
    some = ["receive"] * TOGETHER + ["post"] * TOGETHER
    assert channel.done == ["post"] * WINDOW + 2 * some + ["receive"] * WINDOW
    assert channel.most == WINDOW


def test_no_more_is_sent_than_there_are_credits():
    channel = Noted(credits=3)
    assert exchanged(channel, 10) == list(range(1, 11))
    assert channel.most == 3
