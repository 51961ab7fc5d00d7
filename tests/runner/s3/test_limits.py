"""How many connections: the table, and the laws of a controller that halves and climbs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage.s3.limits import (
    FIRST,
    LEAST,
    LOOK_SECONDS,
    PENALTY_SECONDS,
    ConnectionLimit,
)

LATER = 0.1


def idle():
    return 0.0


def looked(limit, times, *, start=LATER, busy=idle, waiting=9):
    """Look so often, LATER apart; the moment of the last look."""
    for step in range(times):
        limit.look(start + step * LATER, busy, waiting=waiting)
    return start + (times - 1) * LATER


@pytest.mark.parametrize(
    ("now", "waiting", "busy_share", "expected"),
    [
        (LOOK_SECONDS / 2, 5, 0.0, FIRST),
        (LATER, 0, 0.0, FIRST),
        (LATER, 5, 0.75, FIRST),
        (LATER, 5, 0.9, FIRST),
        (LATER, 5, 0.74, 2 * FIRST),
        (LATER, 1, 0.0, 2 * FIRST),
    ],
)
def test_the_table(now, waiting, busy_share, expected):
    limit = ConnectionLimit()
    assert limit.look(now, lambda: busy_share * now, waiting=waiting) == (expected > FIRST)
    assert limit.limit == expected


def test_the_clock_of_the_process_is_read_only_when_it_counts():
    limit = ConnectionLimit()
    assert not limit.look(LOOK_SECONDS / 2, lambda: pytest.fail("read too early"), waiting=1)


def test_a_look_after_a_long_silence_says_nothing():
    limit = ConnectionLimit()
    assert not limit.look(100.0, idle, waiting=5)
    assert limit.look(100.0 + LATER, idle, waiting=5)


def test_it_doubles_up_to_the_ceiling_and_stays_there():
    limit = ConnectionLimit(most=100)
    heights = []
    for step in range(1, 6):
        limit.look(step * LATER, idle, waiting=1)
        heights.append(limit.limit)
    assert heights == [32, 64, 100, 100, 100]


def test_only_what_was_busy_since_the_last_look_counts():
    limit = ConnectionLimit()
    limit.look(LATER, lambda: LATER, waiting=1)
    assert limit.limit == FIRST
    assert limit.look(2 * LATER, lambda: LATER, waiting=1)


def test_a_slow_down_halves_and_then_it_climbs_by_steps():
    limit = ConnectionLimit()
    now = looked(limit, 2)
    assert limit.limit == 64
    limit.slow_down(now)
    assert limit.limit == 32
    assert not limit.look(now + PENALTY_SECONDS - 0.01, idle, waiting=1)
    now += PENALTY_SECONDS
    looked(limit, 3, start=now + LATER)
    assert limit.limit == 32 + 3 * 4


def test_several_answers_of_one_moment_count_once():
    limit = ConnectionLimit()
    for step in range(20):
        limit.slow_down(5.0 + step / 50)
    assert limit.limit == FIRST // 2
    limit.slow_down(5.0 + PENALTY_SECONDS)
    assert limit.limit == FIRST // 4


def test_few_connections_are_the_most_from_the_start():
    assert ConnectionLimit(most=3).limit == 3


EVENTS = st.lists(
    st.tuples(st.sampled_from(["look", "slow"]), st.floats(0.0, 2.0), st.booleans()), max_size=60
)


@given(EVENTS, st.integers(LEAST, 256))
def test_it_never_leaves_its_bounds(events, most):
    limit = ConnectionLimit(most=most)
    now = busy = 0.0
    for what, seconds, works in events:
        now += seconds
        busy += seconds * works
        before = limit.limit
        if what == "look":
            grew = limit.look(now, lambda spent=busy: spent, waiting=1)
            assert grew == (limit.limit > before)
        else:
            limit.slow_down(now)
            assert limit.limit <= before
        assert LEAST <= limit.limit <= most
