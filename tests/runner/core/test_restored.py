"""Which names that come back from objects are one file again: the table, row by row."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.entry import Entry, HardLink, Kind, PosixMetadata, StatedInode
from datasync_runner.core.posix_metadata import LATEST_NS
from datasync_runner.core.restored import (
    REMEMBERED,
    State,
    joined,
    record_of,
    restored,
    size_and_time,
)

META = PosixMetadata(0o644, 1000, 1000, 5, 4)


def entry(key=b"a", inode=7, size=3, etag="e", **metadata):
    stated = META._replace(**metadata)
    return Entry(key, Kind.FILE, size, 5, stated, node=StatedInode(inode), etag=etag)


def record(one, checksum=None, state=State.WRITTEN):
    made = record_of(one, checksum, state)
    assert made is not None
    return made


def links(*records):
    """Which name is linked to which."""
    return {one.name.key: one.first.key for one in joined(sorted(records)) if one.first}


ROWS = [
    # group, checksums, ETags; first's and second's checksum and ETag; whether it is linked
    ("one", "both known, equal", "any", (1, "x"), (1, "y"), True),
    ("one", "both known, equal", "any", (0, ""), (0, ""), True),
    ("one", "both known, differ", "any", (1, "x"), (2, "x"), False),
    ("one", "one is not known", "equal", (None, "x"), (1, "x"), True),
    ("one", "one is not known", "equal", (1, "x"), (None, "x"), True),
    ("one", "one is not known", "differ", (None, "x"), (1, "y"), False),
    ("one", "one is not known", "none", (None, ""), (1, ""), False),
    ("another", "any", "any", (1, "x"), (1, "x"), False),
]


@pytest.mark.parametrize(("group", "checksums", "etags", "first", "second", "linked"), ROWS)
def test_two_names(group, checksums, etags, first, second, linked):
    one = record(entry(b"a", etag=first[1]), first[0])
    inode = 7 if group == "one" else 8
    other = record(entry(b"b", inode, etag=second[1]), second[0])
    assert links(one, other) == ({b"b": b"a"} if linked else {})


FOLLOWS = [
    ("Right", "any", "stays what it is"),
    ("Written", "none", "stays its own"),
    ("Written", "any", "is linked"),
    ("Unread", "none", "is read"),
    ("Unread", "any", "is linked"),
]


@pytest.mark.parametrize(("state", "there", "outcome"), FOLLOWS)
def test_what_follows_for_a_name(state, there, outcome):
    own = State[state.upper()]
    better = [first for first in State if first <= own]
    for first in better if there == "any" else [None]:
        records = [record(entry(b"z"), state=own)]
        records += [] if first is None else [record(entry(b"a"), state=first)]
        told = {one.name.key: one for one in joined(sorted(records))}
        if outcome == "is read":
            assert told[b"z"].first is None
        elif outcome == "is linked":
            assert told[b"z"].first == restored(records[1])
        else:
            assert b"z" not in told


def test_every_row_of_what_follows_is_tried():
    text = joined.__doc__ or ""
    rows = re.findall(r"\| (Right|Written|Unread) \| (\w+) \| (.+) \|\n", text)
    assert rows == FOLLOWS


def test_a_content_is_known_by_every_etag_that_it_was_seen_with():
    """As of an upload in parts, and of its copies."""
    parts, whole = record(entry(b"a", etag="p-2"), 1), record(entry(b"b", etag="w"), 1)
    copy = record(entry(b"c", etag="w"), state=State.UNREAD)
    assert links(parts, whole, copy) == {b"b": b"a", b"c": b"a"}


def test_what_has_to_be_read_is_told_with_what_it_may_turn_out_to_be():
    there = record(entry(b"a", etag="p-2"), 1)
    unread = [record(entry(key, etag="w"), state=State.UNREAD) for key in (b"b", b"c")]
    others = [record(entry(key, etag=str(key)), state=State.UNREAD) for key in (b"d", b"e")]
    told = list(joined(sorted([there, *unread, *others])))
    beside = [(one.name.key, [first.key for first in one.beside]) for one in told]
    assert beside == [(b"b", [b"a"]), (b"c", []), (b"d", []), (b"e", [])]
    assert [one.first and one.first.key for one in told] == [None, b"b", None, None]


def test_every_row_of_the_table_is_tried():
    text = joined.__doc__ or ""
    rows = re.findall(r"\| (one|another) \| (.+) \| (.+) \| (another|the same) \|\n", text)
    outcomes = {True: "the same", False: "another"}
    assert set(rows) == {(*row[:3], outcomes[row[5]]) for row in ROWS}


OTHERS = [
    {"inode": 8}, {"size": 4}, {"mode": 0o600}, {"mode": None}, {"uid": 0}, {"uid": None},
    {"gid": 0}, {"gid": None}, {"mtime_ns": 6},
]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_whatever_else_a_name_states_makes_it_another_file(other):
    assert links(record(entry(b"a"), 1), record(entry(b"b", **other), 1)) == {}


def test_a_time_of_access_is_no_matter():
    assert links(record(entry(b"a"), 1), record(entry(b"b", atime_ns=9), 1)) == {b"b": b"a"}


@pytest.mark.parametrize(
    "one",
    [
        entry(mtime_ns=None),
        entry()._replace(metadata=None),
        entry()._replace(node=None),
        entry()._replace(node=HardLink(8, 7, 2)),
    ],
    ids=["no time", "no metadata", "no inode", "the inode of a file system"],
)
def test_what_states_no_inode_or_no_time_is_nobodys_name(one):
    assert record_of(one, 1, State.WRITTEN) is None


def test_what_is_right_already_is_linked_to_and_stays_what_it_is():
    right = record(entry(b"z"), state=State.RIGHT)
    assert links(right, record(entry(b"a"), 1), record(entry(b"b"), 1)) == {b"a": b"z", b"b": b"z"}
    assert links(right, record(entry(b"y"), state=State.RIGHT)) == {}


def test_different_contents_of_one_group_are_told_apart():
    found = links(*(record(entry(b"%d" % n), n % 2) for n in range(6)))
    assert found == {b"2": b"0", b"4": b"0", b"3": b"1", b"5": b"1"}


def test_so_many_different_contents_are_looked_through():
    keys = [b"%04d" % n for n in range(REMEMBERED + 1)]
    different = [record(entry(key), n) for n, key in enumerate(keys)]
    again = [record(entry(b"a" + key), n) for n, key in enumerate(keys)]
    assert links(*different, *again) == {b"a" + key: key for key in keys[:REMEMBERED]}


IN_2300_NS = 10_413_792_000 * 10**9 + 1
NUMBERS = st.none() | st.integers(0, 2**32 - 2)


@given(
    st.binary(min_size=1) | st.just(b"a\0b"),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.sampled_from([-1, IN_2300_NS]) | st.integers(-LATEST_NS, LATEST_NS),
    NUMBERS,
    st.text(st.characters(blacklist_categories=["Cs", "Cc"])),
    st.none() | st.integers(0, 2**64 - 1),
    st.sampled_from(State),
)
def test_a_record_comes_back(key, inode, size, mtime_ns, number, etag, checksum, state):
    one = entry(key, inode, size, etag, mtime_ns=mtime_ns, uid=number, gid=number, mode=number)
    made = record(one, checksum, state)
    found = restored(made)
    assert found[1:] == (state, key, size, etag, checksum)
    assert found.record == made
    stated = PosixMetadata(number, number, number, mtime_ns)
    assert found.entry == Entry(key, Kind.FILE, size, mtime_ns, stated, etag=etag)
    assert found.size_and_time == size_and_time(size, mtime_ns)
