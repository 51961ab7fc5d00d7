"""Which files a run takes by size and time: each bound, its edge, and who is never judged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.file_conditions import FileConditions
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.file_conditions import Bounds

SECOND = 1_000_000_000
NOW = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
HOUR = 3600 * SECOND


def bounds(now_ns: int = NOW, **conditions) -> Bounds:
    return Bounds.of(FileConditions.model_validate(conditions), now_ns=now_ns)


def file(size_bytes: int = 0, mtime_ns: int = NOW, kind: Kind = Kind.FILE) -> Entry:
    return Entry(b"f", kind, size_bytes, mtime_ns)


TABLE = [
    # conditions, size, time, takes part
    ({}, 0, NOW, True),
    ({}, 2**62, -NOW, True),
    ({"minSize": "1Ki"}, 1024, NOW, True),
    ({"minSize": "1Ki"}, 1023, NOW, False),
    ({"maxSize": "1k"}, 1000, NOW, True),
    ({"maxSize": "1k"}, 1001, NOW, False),
    ({"minSize": 5, "maxSize": 5}, 5, NOW, True),
    ({"minAge": "1h"}, 0, NOW - HOUR, True),
    ({"minAge": "1h"}, 0, NOW - HOUR + 1, False),
    ({"minAge": "0s"}, 0, NOW, True),
    ({"minAge": "0s"}, 0, NOW + 1, False),  # from the future
    ({"maxAge": "1h"}, 0, NOW - HOUR, True),
    ({"maxAge": "1h"}, 0, NOW - HOUR - 1, False),
    ({"maxAge": "1h"}, 0, NOW + HOUR, True),
    ({"minAge": "1h", "maxAge": "1h"}, 0, NOW - HOUR, True),
    ({"modifiedAfter": "2025-12-31T23:00:00Z"}, 0, NOW - HOUR, True),
    ({"modifiedAfter": "2025-12-31T23:00:00Z"}, 0, NOW - HOUR - 1, False),
    ({"modifiedBefore": "2025-12-31T23:00:00Z"}, 0, NOW - HOUR - 1, True),
    ({"modifiedBefore": "2025-12-31T23:00:00Z"}, 0, NOW - HOUR, False),
    ({"modifiedAfter": "2026-01-01T01:00:00+01:00"}, 0, NOW, True),
    # the narrower one holds
    ({"maxAge": "2h", "modifiedAfter": "2025-12-31T23:00:00Z"}, 0, NOW - HOUR - 1, False),
    ({"maxAge": "30m", "modifiedAfter": "2025-12-31T23:00:00Z"}, 0, NOW - HOUR, False),
    ({"minAge": "2h", "modifiedBefore": "2026-01-01T00:00:00Z"}, 0, NOW - HOUR, False),
    ({"minAge": "0s", "modifiedBefore": "2025-12-31T23:00:00Z"}, 0, NOW - HOUR, False),
    # all of them
    ({"minSize": 1, "maxAge": "1h"}, 0, NOW, False),
    ({"minSize": 1, "maxAge": "1h"}, 1, NOW - 2 * HOUR, False),
]


@pytest.mark.parametrize(("conditions", "size_bytes", "mtime_ns", "takes_part"), TABLE)
def test_table(conditions: dict, size_bytes: int, mtime_ns: int, takes_part: bool) -> None:
    assert bounds(**conditions).take(file(size_bytes, mtime_ns)) is takes_part


def test_links_are_judged_as_what_they_are_and_folders_never() -> None:
    some = bounds(minSize=3, maxAge="1h")
    assert some.take(file(3, kind=Kind.SYMLINK))
    assert not some.take(file(2, kind=Kind.SYMLINK))
    assert not some.take(file(3, NOW - 2 * HOUR, kind=Kind.SYMLINK))
    assert some.take(file(0, 0, kind=Kind.FOLDER))
    assert some.take(file(0, 0, kind=Kind.SPECIAL))


def test_a_pair_is_judged_by_its_source() -> None:
    small, large = file(1), file(100)
    pairs = [(small, large), (large, small), (large, None), (small, None), (None, small)]
    assert bounds(minSize=50).chosen(pairs) == [(large, small), (large, None), (None, small)]


moments = st.integers(-2, 2)


@given(moments, moments)
def test_windows_that_meet_share_no_file_and_miss_none(edge: int, mtime: int) -> None:
    text = f"2026-01-01T00:00:0{edge + 2}Z"
    one = file(mtime_ns=NOW + (mtime + 2) * SECOND)
    assert bounds(modifiedAfter=text).take(one) != bounds(modifiedBefore=text).take(one)


@given(st.integers(0, 10), st.integers(-20, 20), st.integers(0, 5))
def test_a_file_only_grows_out_of_max_age_and_into_min_age(
    age: int, mtime: int, later: int
) -> None:
    one = file(mtime_ns=NOW + mtime * SECOND)
    then = NOW + later * SECOND
    old, old_later = bounds(minAge=f"{age}s").take(one), bounds(then, minAge=f"{age}s").take(one)
    new, new_later = bounds(maxAge=f"{age}s").take(one), bounds(then, maxAge=f"{age}s").take(one)
    assert old <= old_later
    assert new >= new_later
