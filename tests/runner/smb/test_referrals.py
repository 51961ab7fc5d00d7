"""What a server refers to, against the layouts of MS-DFSC, written down by hand."""

import struct

import pytest

from datasync_api.sides import SmbSide
from datasync_runner.storage.smb.referrals import (
    Referral,
    answer_of,
    moved,
    namespace_path,
    question,
)


def side(path="a/b/", *, server="corp", share="files"):
    return SmbSide(uri="smb://x/", server=server, share=share, path=path, credentials_path="/keys")


def text(words):
    return words.encode("utf-16-le") + b"\0\0"


def entry(version, target, *, root=False, flags=0):
    kind = int(root)
    if version == 1:
        return struct.pack("<HHHH", 1, 8 + len(text(target)), kind, flags) + text(target)
    before = struct.pack("<I", 300) if version > 2 else struct.pack("<II", 0, 300)
    after = bytes(16) if version > 2 else b""
    size = 8 + len(before) + 6 + len(after) + len(text(target))
    offset = size - len(text(target))
    head = struct.pack("<HHHH", version, size, kind, flags)
    return head + before + struct.pack("<HHH", 0, 0, offset) + after + text(target)


def answer(*entries, consumed=0):
    data = struct.pack("<HHI", consumed, len(entries), 0) + b"".join(entries)
    head = struct.pack("<HHI16sIIIIII", 49, 0, 0x60194, bytes(16), 112, 0, 112, len(data), 0, 0)
    return head + data


def test_the_question_is_about_the_whole_path():
    body = question(r"\corp\files").body
    where, size = (int.from_bytes(body[at : at + 4], "little") for at in (24, 28))
    assert body[where - 64 :] == b"\4\0" + text(r"\corp\files")
    assert size == len(body) - 56


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_targets_of_each_version(version):
    body = answer(
        entry(version, r"\nas\data"), entry(version, r"\nas2\data", root=True), consumed=24
    )
    assert answer_of(body) == (12, [Referral(r"\nas\data", False), Referral(r"\nas2\data", True)])


def test_lists_of_domains_are_nothing_to_go_to():
    assert answer_of(answer(entry(3, r"\corp", flags=2))) == (0, [])


@pytest.mark.parametrize(
    ("path", "words"),
    [("a/b/", r"\corp\files\a\b"), ("", r"\corp\files"), ("a/", r"\corp\files\a")],
)
def test_a_side_in_the_words_of_a_namespace(path, words):
    assert namespace_path(side(path)) == words


@pytest.mark.parametrize(
    ("target", "rest", "place"),
    [
        (r"\nas\data", r"\b", ("nas", "data", "b/")),
        (r"\nas\data\x\y", "", ("nas", "data", "x/y/")),
        (r"\nas\data\x", r"\b\c", ("nas", "data", "x/b/c/")),
        (r"\nas", r"\b", None),
        (r"\CORP\Files", r"\A\b", None),
    ],
)
def test_where_a_target_leads(target, rest, place):
    found = moved(side(), target, rest)
    assert (found and (found.server, found.share, found.path)) == place
