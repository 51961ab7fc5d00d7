"""Windows' times and attributes, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.entry import UNSTAMPED, Kind, PosixMetadata
from datasync_runner.core.posix_metadata import LATEST_NS
from datasync_runner.storage.smb import times
from datasync_runner.storage.smb.responses import State

EPOCH = 116_444_736_000_000_000
FOLDER, REPARSE = 0x10, 0x400
LINK, JUNCTION, DEDUPLICATED, CLOUD = 0xA000000C, 0xA0000003, 0x80000013, 0x9000001A


@pytest.mark.parametrize(
    ("filetime", "time_ns"),
    [
        (EPOCH, 0),
        (EPOCH + 1, 100),
        (EPOCH - 1, -100),
        (133_485_408_001_234_567, 1_704_067_200_123_456_700),
        (0, None),
        (-1, None),
        (1, None),  # the year 1601 does not fit into 64 bits of nanoseconds
        (2**63 - 1, None),
    ],
)
def test_to_ns(filetime, time_ns):
    assert times.to_ns(filetime) == time_ns


@given(st.integers(-(2**63) + 100, LATEST_NS))
def test_there_and_back_cuts_off_less_than_100_ns(time_ns):
    back = times.to_ns(times.to_filetime(time_ns))
    assert back is not None and 0 <= time_ns - back < 100
    assert times.same(time_ns, back)
    assert not times.same(time_ns, back + 100)


def test_what_is_not_stated():
    assert times.to_filetime(None) == 0
    assert times.same(None, 5)
    assert not times.same(5, None)


@pytest.mark.parametrize(
    ("attributes", "tag", "kind"),
    [
        (0x20, 0, Kind.FILE),
        (FOLDER, 0, Kind.FOLDER),
        (REPARSE, LINK, Kind.SPECIAL),
        (REPARSE | FOLDER, LINK, Kind.SPECIAL),
        (REPARSE | FOLDER, JUNCTION, Kind.SPECIAL),
        (REPARSE, DEDUPLICATED, Kind.FILE),
        (REPARSE | FOLDER, CLOUD, Kind.FOLDER),
        (FOLDER, LINK, Kind.FOLDER),  # a tag without the attribute is the size of something else
    ],
)
def test_kinds(attributes, tag, kind):
    assert times.kind_of(attributes, tag) is kind


def test_entries_have_the_metadata_that_aws_gives_them():
    state = State(EPOCH, EPOCH + 20, EPOCH + 10, EPOCH, 7, 0x20)
    found = times.entry_of(b"f", Kind.FILE, state)
    assert (found.size_bytes, found.mtime_ns) == (7, 1000)
    assert found.metadata == PosixMetadata(0o644, 65534, 65534, 1000, 2000)
    found = times.entry_of(b"d/", Kind.FOLDER, state)
    assert found.size_bytes == 0
    assert found.metadata == PosixMetadata(0o755, 65534, 65534, 1000, 2000)
    found = times.entry_of(b"f", Kind.FILE, state._replace(written=0))
    assert found.mtime_ns == 0 and found.metadata and found.metadata.mtime_ns is None


@pytest.mark.parametrize(
    ("changed", "written", "moved_ns", "stamp_ns"),
    [
        (0, EPOCH, 0, UNSTAMPED),
        (EPOCH + 10, EPOCH + 10, 0, UNSTAMPED),  # Samba
        (EPOCH + 10, EPOCH, 0, 1000),
        (EPOCH, EPOCH + 10, 0, 0),
        (EPOCH + 10, EPOCH, 900, 1000),
        (EPOCH + 10, EPOCH, 1100, 1100),
        (EPOCH + 10, EPOCH, UNSTAMPED, UNSTAMPED),
    ],
)
def test_stamps(changed, written, moved_ns, stamp_ns):
    state = State(EPOCH, EPOCH, written, changed, 7, 0x20)
    assert times.stamp_of(state, moved_ns) == stamp_ns
