"""Requests and answers against the layouts of MS-SMB2, written down by hand."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage import errors
from datasync_runner.storage.smb import requests, responses
from datasync_runner.storage.smb.referrals import answer_of
from datasync_runner.storage.smb.responses import State

FILE = bytes(range(16))


def number(body, start, size):
    return int.from_bytes(body[start : start + size], "little")


def test_create():
    request = requests.create("a\\b", access=0x10081, options=0x40, disposition=2)
    body = request.body
    assert number(body, 0, 2) == 57
    assert number(body, 24, 4) == 0x10081
    assert number(body, 32, 4) == 7  # everybody may read, write and delete meanwhile
    assert (number(body, 36, 4), number(body, 40, 4)) == (2, 0x40)
    assert (number(body, 44, 2), number(body, 46, 2)) == (120, 6)
    assert body[56:] == "a\\b".encode("utf-16-le")


def test_the_share_itself_is_opened_by_an_empty_name():
    body = requests.create("", access=1, options=1).body
    assert number(body, 46, 2) == 0
    assert len(body) > 56  # never without a buffer


def test_read_and_write_say_what_they_cost():
    request = requests.read(5, 70_000, FILE)
    assert (number(request.body, 0, 2), len(request.body)) == (49, 49)
    assert (number(request.body, 4, 4), number(request.body, 8, 8)) == (70_000, 5)
    assert request.body[16:32] == FILE
    assert request.payload_bytes == 70_000
    request = requests.write(b"bytes", 7, FILE)
    assert (number(request.body, 2, 2), number(request.body, 4, 4)) == (112, 5)
    assert (number(request.body, 8, 8), request.body[16:32]) == (7, FILE)
    assert (len(request.body), request.data, request.payload_bytes) == (48, b"bytes", 5)


def test_a_rename_is_never_shorter_than_windows_takes():
    body = requests.rename("b", replace=False, file=FILE).body
    assert (body[2], body[3], number(body, 4, 4)) == (1, 10, 24)
    assert body[16:32] == FILE
    assert (body[32], number(body, 48, 4)) == (0, 2)
    assert body[52:54] == "b".encode("utf-16-le")
    assert requests.rename("b", replace=True, file=FILE).body[32] == 1


def test_times_that_are_not_given_are_left_alone():
    body = requests.set_times(written=9, file=FILE).body[32:]
    assert [number(body, at, 8) for at in (0, 8, 16, 24)] == [0, 0, 9, 0]
    assert number(body, 32, 4) == 0


def test_attributes_are_set_or_taken_away_and_never_left_to_chance():
    body = requests.set_attributes(0x21, created=9, file=FILE).body[32:]
    assert [number(body, at, 8) for at in (0, 8, 16, 24)] == [9, 0, 0, 0]
    assert number(body, 32, 4) == 0x21
    assert number(requests.set_attributes(0).body[32:], 32, 4) == 0x80  # 0 would leave them


def test_answers():
    state = State(1, 2, 3, 4, 5, 0x20)
    times = b"".join(value.to_bytes(8, "little") for value in (1, 2, 3, 4, 8, 5))
    answer = bytes(8) + times + (0x20).to_bytes(4, "little") + bytes(4) + FILE + bytes(8)
    assert responses.opened(answer) == (FILE, state)
    answer = bytes(8) + times + (0x20).to_bytes(4, "little")
    assert responses.closed(answer) == state
    assert (
        responses.data_of(responses.Answer(0, b"\x11\0\x50\0\x03\0\0\0" + bytes(8) + b"abc"))
        == b"abc"
    )
    assert responses.count_of(b"\x11\0\0\0\x03\0\0\0" + bytes(8)) == 3


NAMES = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=10)


@given(NAMES)
def test_a_folders_list_is_read_whole(names):
    lines = []
    for at, name in enumerate(names):
        raw = name.encode("utf-16-le", "surrogatepass")
        numbers = b"".join(v.to_bytes(8, "little") for v in (at, 2, 3, 4, 5, 8))
        line = numbers + (0x20).to_bytes(4, "little") + len(raw).to_bytes(4, "little")
        line += bytes(8) + (at + 1).to_bytes(8, "little") + raw
        line += bytes(-(len(line) + 8) % 8)
        last = at == len(names) - 1
        lines.append((0 if last else len(line) + 8).to_bytes(4, "little") + bytes(4) + line)
    buffer = b"".join(lines)
    answer = b"\x09\0\x48\0" + len(buffer).to_bytes(4, "little") + buffer
    found = list(responses.listed(answer))
    assert [one.name for one in found] == names
    assert [one.file_id for one in found] == list(range(1, len(names) + 1))
    assert found[0].state == State(0, 2, 3, 4, 5, 0x20)


def test_a_folder_is_asked_who_it_is_behind_its_name():
    asked = requests.create("a\\b", access=1, options=1, context=requests.IDENTITY)
    head, where = 64, 64 + 56
    offset, size = struct.unpack_from("<II", asked.body, 48)
    assert offset % 8 == 0 and offset >= where + len("a\\b") * 2
    assert asked.body[offset - head :] == requests.IDENTITY and len(requests.IDENTITY) == size
    assert requests.IDENTITY[16:20] == b"QFid"


def created(contexts):
    head = struct.pack(
        "<HBBIqqqqqqII16sII", 89, 0, 0, 1, *[0] * 6, 0, 0, b"f" * 16, 152, len(contexts)
    )
    return head + contexts


@pytest.mark.parametrize(
    ("contexts", "found"),
    [
        (b"", None),
        (struct.pack("<IHHHHI", 0, 16, 4, 0, 24, 32) + b"QFid\0\0\0\0" + bytes(range(32)),
         bytes(range(16))),
        (struct.pack("<IHHHHI", 32, 16, 4, 0, 24, 8) + b"MxAc\0\0\0\0" + b"?" * 8
         + struct.pack("<IHHHHI", 0, 16, 4, 0, 24, 32) + b"QFid\0\0\0\0" + bytes(32), bytes(16)),
        (struct.pack("<IHHHHI", 0, 16, 4, 0, 24, 8) + b"MxAc\0\0\0\0" + b"?" * 8, None),
    ],
)  # fmt: skip
def test_who_a_folder_is(contexts, found):
    answer = created(contexts)
    assert responses.identity(answer) == found


PARSERS = {
    "create": responses.opened,
    "who it is": responses.identity,
    "close": responses.closed,
    "read": lambda body: responses.data_of(responses.Answer(0, body)),
    "write": responses.count_of,
    "query": lambda body: list(responses.listed(body)),
    "referrals": answer_of,
}


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
@given(st.binary(max_size=200))
def test_an_answer_that_makes_no_sense_is_none(parse, body):
    """Whatever it is, it ends no run as a defect of ours."""
    with contextlib.suppress(errors.Unavailable):
        parse(body)


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
def test_an_answer_that_ends_too_early_is_none(parse):
    with pytest.raises(errors.Unavailable, match="makes no sense"):
        parse(b"\x09\0\x48\0\xff")


def test_a_name_that_is_no_text_makes_a_list_none():
    line = bytes(60) + b"\3\0\0\0" + bytes(40) + b"abc"  # 3 bytes of UTF-16
    answer = b"\x09\0\x48\0" + len(line).to_bytes(4, "little") + line
    with pytest.raises(errors.Unavailable, match="makes no sense"):
        list(responses.listed(answer))
