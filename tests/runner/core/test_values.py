"""The small pure modules: metadata forms, links, parts, pauses, keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core import links, parts
from datasync_runner.core.entry import Kind, PosixMetadata, parent_of, path_of
from datasync_runner.core.posix_metadata import (
    LATEST_NS,
    POSIX_KEYS,
    from_user_metadata,
    parse_time_ns,
    to_user_metadata,
    with_defaults,
)
from datasync_runner.core.retry import TRIES, delay_seconds

TIMES = st.none() | st.integers(-(2**63), LATEST_NS)
IDS = st.none() | st.integers(0, 2**32 - 2)


@given(st.none() | st.integers(0, 0o7777), IDS, IDS, TIMES, TIMES)
def test_metadata_comes_back_from_user_metadata(mode, uid, gid, mtime_ns, atime_ns):
    metadata = PosixMetadata(mode, uid, gid, mtime_ns, atime_ns)
    for kind in (Kind.FILE, Kind.FOLDER):
        user = to_user_metadata(metadata, kind)
        assert from_user_metadata(user) == (metadata, False)
        assert set(user) <= POSIX_KEYS
        assert all(value.isascii() for value in user.values())


def test_the_written_form():
    metadata = PosixMetadata(0o644, 500, 20, 1595002920000000000, 1)
    assert to_user_metadata(metadata, Kind.FILE) == {
        "user-agent": "datasync-kubernetes",
        "file-permissions": "0100644",
        "file-owner": "500",
        "file-group": "20",
        "file-mtime": "1595002920000000000ns",
        "file-atime": "1ns",
    }
    assert to_user_metadata(metadata, Kind.FOLDER)["file-permissions"] == "0040644"


def test_a_link_says_so_even_when_modes_are_not_kept():
    user = to_user_metadata(PosixMetadata(), Kind.SYMLINK)
    assert user["file-permissions"] == "0120777"
    assert from_user_metadata(user)[1]


@given(st.dictionaries(st.sampled_from([*sorted(POSIX_KEYS), "mtime"]), st.text()))
def test_junk_is_never_an_error(user):
    from_user_metadata(user)


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1595002920000000000ns", 1595002920000000000),
        ("1734968895000", 1734968895000_000_000),
        ("1602647222/222919600", 1602647222_222919600),
        ("1602647222.2229196", 1602647222_222919600),
        ("1602647222.123456789123", 1602647222_123456789),
        ("-1ns", -1),
        ("", None),
        ("yesterday", None),
        ("12ms", None),
        ("١٢", None),
        ("9" * 20, None),
        ("10413792000000000000ns", 10_413_792_000 * 10**9),  # in 2300, as file systems have it
        (f"{LATEST_NS + 1}ns", None),
    ],
)
def test_forms_of_time(text, time_ns):
    assert parse_time_ns(text) == time_ns


@pytest.mark.parametrize(
    ("text", "mtime_ns"),
    [("1602647222", 1602647222 * 10**9), ("1602647222.5", 1602647222_500000000), ("soon", None)],
)
def test_rclones_mtime_is_in_seconds(text, mtime_ns):
    assert from_user_metadata({"mtime": text})[0].mtime_ns == mtime_ns


@pytest.mark.parametrize(
    ("user", "stated"),
    [
        ({"mtime": "5", "mode": "100640", "uid": "500", "gid": "501"}, (0o640, 500, 501)),
        ({"mtime": "5", "mode": "104755"}, (0o4755, None, None)),
        ({"mtime": "5", "mode": "120777"}, (0o777, None, None)),
        ({"mtime": "5", "mode": "rw", "uid": "me"}, (None, None, None)),
        ({"mode": "100640", "uid": "500"}, (None, None, None)),
        ({"mtime": "5", "mode": "100640", "file-permissions": "0100600"}, (0o600, None, None)),
        ({"mtime": "5", "mode": "100640", "file-mtime": "5ns"}, (None, None, None)),
    ],
    ids=[
        "all",
        "set-user-ID",
        "a link's",
        "junk",
        "no time of rclone's",
        "ours first",
        "not rclone's",
    ],
)
def test_mode_and_owner_of_rclone_are_read_beside_its_time(user, stated):
    metadata, link = from_user_metadata(user)
    assert (metadata.mode, metadata.uid, metadata.gid) == stated
    assert not link


@pytest.mark.parametrize(
    ("text", "mode"),
    [("0100664", 0o664), ("664", 0o664), ("0040755", 0o755), ("0o644", 0o644), ("rw", None)],
)
def test_forms_of_permissions(text, mode):
    assert from_user_metadata({"file-permissions": text})[0].mode == mode


def test_defaults_of_what_is_not_stated():
    assert with_defaults(PosixMetadata()) == PosixMetadata(0o755, 65534, 65534)
    assert with_defaults(PosixMetadata(0, 0, 0)) == PosixMetadata(0, 0, 0)


@pytest.mark.parametrize(
    ("key", "target", "bad"),
    [
        (b"a/link", b"../b", False),
        (b"a/link", b"../../b", True),
        (b"link", b"..", True),
        (b"link", b"/etc/passwd", True),
        (b"link", b"target", False),
        (b"link", b"./a//b", False),
        (b"link", b"...", False),
        (b"a/b/link", b"../../c/d", False),
        (b"a/link", b"..", False),
        (b"a/link", b"b/..", True),
        (b"a/link", b"b/../../c", True),
        (b"a/link", b"b/../../../c", True),
        (b"a/b/link", b"./.././x", False),
        (b"link", b"a//..//..", True),
    ],
)
def test_links_that_lead_out(key, target, bad):
    assert (links.problem(key, target) is not None) == bad


@given(st.integers(0, parts.MAX_OBJECT_BYTES))
def test_part_layout_is_within_the_limits_of_s3(size_bytes):
    layout = parts.layout(size_bytes)
    part_bytes, number, _ = layout
    assert number <= parts.MAX_PARTS
    assert part_bytes >= parts.PART_BYTES
    assert part_bytes * (number - 1) < max(1, size_bytes) <= part_bytes * number
    assert layout.extent(1) == (0, min(size_bytes, part_bytes))
    offset, last_bytes = layout.extent(number)
    assert (offset, offset + last_bytes) == (part_bytes * (number - 1), size_bytes)
    assert layout.extent(number + 1)[1] <= 0
    assert parts.restore_cost_bytes(size_bytes) <= parts.BUDGET_BYTES


def test_more_than_s3_can_hold():
    with pytest.raises(ValueError, match="5 TiB"):
        parts.layout(parts.MAX_OBJECT_BYTES + 1)


def test_pauses_grow_and_end():
    longest = [delay_seconds(attempt, 0.999) for attempt in range(1, TRIES)]
    assert all(one is not None for one in longest)
    assert longest == sorted(longest)
    assert sum(longest) <= 60
    assert delay_seconds(TRIES, 0.5) is None


@pytest.mark.parametrize(
    ("key", "path", "parent"),
    [(b"a", "/a", b""), (b"a/", "/a", b""), (b"a/b", "/a/b", b"a/"), (b"a/b/", "/a/b", b"a/")],
)
def test_keys(key, path, parent):
    assert path_of(key) == path
    assert parent_of(key) == parent
