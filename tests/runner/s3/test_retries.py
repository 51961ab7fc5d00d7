"""When a request is sent again: the pauses, and an allowance that a dead storage uses up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage.s3.retries import LONGEST_SECONDS, TRIES, RetryAllowance


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"),
    [(1, 0.05, 0.1), (2, 0.1, 0.2), (3, 0.2, 0.4), (4, 0.4, 0.8), (5, 0.8, 1.6)],
)
def test_the_table(attempt, shortest, longest):
    allowance = RetryAllowance()
    assert allowance.delay_seconds(attempt, 0.0) == pytest.approx(shortest)
    assert allowance.delay_seconds(attempt, 0.5) == pytest.approx((shortest + longest) / 2)


@pytest.mark.parametrize("attempt", [TRIES, TRIES + 1])
def test_the_last_attempt_is_the_last(attempt):
    assert RetryAllowance().delay_seconds(attempt, 0.0) is None


@given(st.integers(1, TRIES - 1), st.floats(0.0, 1.0, exclude_max=True))
def test_a_pause_is_bounded(attempt, jitter):
    delay = RetryAllowance().delay_seconds(attempt, jitter)
    assert delay is not None
    assert 0.05 <= delay <= LONGEST_SECONDS


def test_a_storage_that_is_down_uses_the_allowance_up():
    allowance = RetryAllowance()
    pauses = [allowance.delay_seconds(1, 0.0) for _ in range(1000)]
    assert pauses.count(None) == 900
    assert None not in pauses[:100]


def test_five_percent_of_failures_are_carried_for_ever():
    """Even of failures that no repetition mends and that give nothing back."""
    allowance = RetryAllowance()
    for request in range(100_000):
        if request % 20 == 0:
            assert allowance.delay_seconds(1, 0.0) is not None, request
        else:
            allowance.went_well(1)
    # 19 come back for each 5 that are taken, so far more would be carried, too.
    assert allowance.delay_seconds(1, 0.0) is not None


def test_what_a_repetition_took_comes_back_when_it_goes_well():
    allowance = RetryAllowance()
    for _ in range(10_000):
        assert allowance.delay_seconds(1, 0.0) is not None
        allowance.went_well(2)


def test_it_recovers_when_the_storage_does_and_holds_no_more_than_its_capacity():
    allowance = RetryAllowance()
    while allowance.delay_seconds(1, 0.0) is not None:
        pass
    for _ in range(5):
        allowance.went_well(1)
    assert allowance.delay_seconds(1, 0.0) is not None
    assert allowance.delay_seconds(1, 0.0) is None
    for _ in range(10_000):
        allowance.went_well(1)
    pauses = [allowance.delay_seconds(1, 0.0) for _ in range(101)]
    assert pauses.count(None) == 1
