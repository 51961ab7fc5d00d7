"""A channel against a server of a few lines: numbers, credits, order, and what it refuses."""

import contextlib
import socket
import struct
import threading

import pytest

from datasync_runner.storage.smb import requests, responses
from datasync_runner.storage.smb.channel import POSTED_BYTES, Books, Channel, cost_of
from datasync_runner.storage.smb.responses import Answer
from datasync_runner.storage.smb.seals import Signatures, Signing, Tampered, Unsigned

KEY = bytes(range(16))
SEAL = Signatures(KEY, Signing.AES_GMAC)
ECHO = requests.Request(13, b"\4\0\0\0")


@pytest.fixture
def ends():
    here, there = socket.socketpair()
    with here, there:
        yield here, there


@pytest.fixture
def channel(ends):
    books = Books(session_id=1, tree_id=2, next_id=5, credits=10, several=True)
    # a pair of sockets has no TCP, and so no delay to be turned off
    return Channel(without_tcp(ends[0]), SEAL, books, deadline_seconds=1)


def without_tcp(end):
    class Plain:
        def __getattr__(self, name):
            return getattr(end, name)

        def setsockopt(self, level, *rest):
            if level != socket.IPPROTO_TCP:
                end.setsockopt(level, *rest)

        def fileno(self):
            return end.fileno()

    return Plain()


def answer(number, body=b"", *, status=0, flags=0x09, granted=1, next_at=0, command=13, seal=SEAL):
    head = struct.pack(
        "<4sHHIHHIIQIIQ16s",
        b"\xfeSMB", 64, 1, status, command, granted, flags, next_at, number, 0, 2, 1, bytes(16),
    )  # fmt: skip
    message = bytearray(head + body)
    if flags & 8:
        message[48:64] = seal._sign(message, number.to_bytes(8, "little") + b"\1\0\0\0")
    return bytes(message)


def frame(*answers):
    body = b"".join(answers)
    return len(body).to_bytes(4, "big") + body


def test_numbers_follow_what_messages_cost_and_credits_come_back(channel, ends):
    assert channel.send([requests.read(0, 200_000)]) == [5]
    assert channel.send([ECHO, ECHO]) == [9, 10]
    assert channel.credits == 4
    ends[1].sendall(
        frame(answer(9, granted=3, next_at=64), answer(10, granted=0)) + frame(answer(5))
    )
    channel.receive([9, 10])
    channel.receive([5])
    assert channel.credits == 8


def test_a_chain_is_aligned_related_and_signed_one_by_one(channel, ends):
    channel.send([requests.close(b"f" * 16), requests.create("abc", access=1, options=0)])
    data = ends[1].recv(10_000)
    size, following = int.from_bytes(data[:4], "big"), int.from_bytes(data[24:28], "little")
    assert (size, following) == (len(data) - 4, 88)
    flags = [int.from_bytes(data[4 + at + 16 : 4 + at + 20], "little") for at in (0, following)]
    assert flags == [0x08, 0x0C]
    assert data[4 + 48 : 4 + 64] != data[4 + following + 48 : 4 + following + 64] != bytes(16)


def heard(end):
    try:
        return end.recv(1024 * 1024, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


def test_small_messages_that_were_posted_go_together_when_an_answer_is_asked_for(channel, ends):
    assert [channel.post([ECHO]), channel.post([ECHO])] == [[5], [6]]
    assert heard(ends[1]) == b""
    ends[1].sendall(frame(answer(5)) + frame(answer(6)))
    channel.receive([5])
    assert len(heard(ends[1])) == 2 * (4 + 64 + 4)


def test_what_was_posted_goes_before_what_is_sent(channel, ends):
    channel.post([ECHO])
    channel.send([requests.close(b"f" * 16)])
    assert len(heard(ends[1])) == (4 + 64 + 4) + (4 + 64 + 24)


def test_large_messages_wait_for_nothing(channel, ends):
    channel.post([requests.write(bytes(POSTED_BYTES), 0)])
    assert len(heard(ends[1])) == 4 + 64 + 48 + POSTED_BYTES


def test_answers_are_found_in_whatever_order_they_come(channel, ends):
    one, other = channel.send([ECHO]), channel.send([ECHO])
    ends[1].sendall(frame(answer(6, b"second")) + frame(answer(5, b"first")))
    assert channel.receive(one) == [Answer(0, b"first")]
    assert channel.receive(other) == [Answer(0, b"second")]


def test_an_answer_that_is_still_to_come_and_a_call_to_all_are_not_taken_for_it(channel, ends):
    sent = channel.send([ECHO])
    pending = answer(5, status=0x103, flags=0x03, granted=1)
    ends[1].sendall(frame(answer(2**64 - 1, flags=0)) + frame(pending) + frame(answer(5, b"it")))
    assert channel.receive(sent) == [Answer(0, b"it")]


LARGE = bytes(range(256)) * 2048


def data_answer(number, data, *, offset=80, **more):
    body = struct.pack("<HBBIII", 17, offset, 0, len(data), 0, 0) + bytes(offset - 80) + data
    return answer(number, body, command=requests.READ, **more)


@contextlib.contextmanager
def saying(end, data):
    """More than a socket holds, said while somebody listens."""
    server = threading.Thread(target=end.sendall, args=[data])
    server.start()
    yield
    server.join()


@pytest.mark.parametrize("kind", Signing)
@pytest.mark.parametrize("offset", [80, 88], ids=["as usual", "room before the data"])
def test_large_data_arrive_whole_and_proven(ends, kind, offset):
    seal = Signatures(KEY, kind)
    books = Books(session_id=1, tree_id=2, next_id=5, credits=100, several=True)
    channel = Channel(without_tcp(ends[0]), seal, books, deadline_seconds=1)
    sent = channel.send([ECHO]), channel.send([requests.read(0, len(LARGE))])
    before, data = answer(5, b"before", seal=seal), data_answer(6, LARGE, offset=offset, seal=seal)
    with saying(ends[1], frame(before) + frame(data)):
        (found,) = channel.receive(sent[1])
    assert responses.data_of(found) == LARGE
    assert channel.receive(sent[0]) == [Answer(0, b"before")]


@pytest.mark.parametrize("at", [4 + 14, 4 + 70, 4 + 80, -1], ids=["head", "body", "first", "last"])
def test_large_data_that_were_changed_are_refused(channel, ends, at):
    sent = channel.send([requests.read(0, len(LARGE))])
    said = bytearray(frame(data_answer(5, LARGE)))
    said[at] ^= 1
    with saying(ends[1], said), pytest.raises(Tampered, match="signature"):
        channel.receive(sent)


def test_large_data_that_are_not_signed_are_refused(channel, ends):
    sent = channel.send([requests.read(0, len(LARGE))])
    said = frame(data_answer(5, LARGE, flags=0x01))
    with saying(ends[1], said), pytest.raises(Tampered, match="not signed"):
        channel.receive(sent)


def test_a_large_answer_to_something_else_and_one_of_a_chain_keep_their_body(channel, ends):
    sent = channel.send([ECHO, requests.read(0, len(LARGE)), ECHO])
    read = data_answer(6, LARGE, next_at=80 + len(LARGE))
    with saying(ends[1], frame(answer(5, LARGE)) + frame(read, answer(14, b"last"))):
        first, second, last = channel.receive(sent)
    assert (first.body, last.body) == (LARGE, b"last")
    assert responses.data_of(second) == LARGE


def test_an_error_has_no_body(channel, ends):
    sent = channel.send([ECHO])
    ends[1].sendall(frame(answer(5, b"what", status=0xC0000022)))
    assert channel.receive(sent) == [Answer(0xC0000022, b"")]


@pytest.mark.parametrize("next_at", [8, 63, 72], ids=["in its head", "in it", "behind all"])
def test_where_the_next_of_a_chain_is_must_be_in_the_frame(ends, next_at):
    """As nobody proves it where signatures are waived."""
    books = Books(session_id=1, tree_id=2, next_id=5, credits=10, several=True)
    seal = Unsigned(KEY, Signing.AES_GMAC)
    channel = Channel(without_tcp(ends[0]), seal, books, deadline_seconds=1)
    sent = channel.send([ECHO])
    ends[1].sendall(frame(answer(5, b"body", next_at=next_at, flags=0x01)))
    with pytest.raises(Tampered, match="no message"):
        channel.receive(sent)


@pytest.mark.parametrize(
    "data",
    [
        frame(answer(5, flags=0x01)),
        frame(answer(5, flags=0x08)),
        frame(answer(5, seal=Signatures(bytes(16), Signing.AES_GMAC))),
        frame(b"\xfeSMB"),
        frame(b"HTTP" + bytes(60)),
        b"\xff\xff\xff\xff",
    ],
    ids=[
        "unsigned",
        "our own request",
        "signed by another",
        "too short",
        "another protocol",
        "too long",
    ],
)
def test_what_is_not_the_servers_is_refused(channel, ends, data):
    sent = channel.send([ECHO])
    ends[1].sendall(data)
    with pytest.raises(Tampered):
        channel.receive(sent)


def test_a_server_that_hangs_up_and_one_that_says_nothing(channel, ends):
    sent = channel.send([ECHO])
    with pytest.raises(TimeoutError):
        channel.receive(sent)
    ends[1].shutdown(socket.SHUT_RDWR)
    with pytest.raises(OSError, match="hung up"):
        channel.receive(sent)


def test_both_may_say_much_at_once(channel, ends):
    """A server that hears nothing until its answers are taken in does not stop us."""
    channel.credits = 10_000
    said = bytes(1024 * 1024)

    def serve():
        there = ends[1]
        there.sendall(frame(answer(5, said)) * 4)
        left = 8 * (1024 * 1024 + 116)
        while left:
            left -= len(there.recv(left))

    server = threading.Thread(target=serve)
    server.start()
    for _ in range(8):
        channel.send([requests.write(said, 0)])
    server.join()


@pytest.mark.parametrize(("size", "cost"), [(0, 1), (1, 1), (65536, 1), (65537, 2), (2**20, 16)])
def test_what_a_message_costs(size, cost):
    assert cost_of(size) == cost
