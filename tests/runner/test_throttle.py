"""The ceiling of a run's rate, in virtual time and over real forks."""

import fcntl
import heapq
import os
import signal
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.rate import UNLIMITED
from datasync_runner.storage.throttle import Throttle

RATES = st.integers(64 * 1024, 10**10)


class Clock:
    """Virtual time."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@contextmanager
def throttle(rate, clock=None):
    made = Throttle(rate, clock=clock or Clock())
    try:
        yield made
    finally:
        made.close()


def hungry(throttle, clock, *, takers, seconds, size=None):
    """What so many takers send, that ask again as soon as they have sent: (moment, bytes)."""
    end = clock.seconds + seconds
    sent = []
    waiting = [(clock.seconds, taker, 0) for taker in range(takers)]
    while waiting[0][0] <= end:
        clock.seconds, taker, size_bytes = heapq.heappop(waiting)
        if size_bytes:
            sent.append((clock.seconds, size_bytes))
        size_bytes = size(taker) if size else throttle.grain_bytes
        heapq.heappush(waiting, (clock.seconds + throttle.take(size_bytes), taker, size_bytes))
    clock.seconds = end
    return sent


def within(sent, start, stop):
    return sum(size for moment, size in sent if start < moment <= stop)


@given(rate=RATES, takers=st.integers(1, 16), start=st.floats(0, 2), idle=st.floats(0, 100))
def test_hungry_takers_send_at_the_rate_in_any_ten_seconds(rate, takers, start, idle):
    rate = min(rate, 10**8)  # more grains than that take too long to count
    clock = Clock()
    with throttle(rate, clock) as made:
        clock.seconds += idle
        begin = clock.seconds + start
        sent = hungry(made, clock, takers=takers, seconds=12.0)
        total = within(sent, begin, begin + 10)
    assert total == pytest.approx(10 * rate, rel=0.05)


@given(
    rate=RATES,
    steps=st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 2**20)), min_size=1, max_size=60),
)
def test_no_span_of_time_has_more_than_the_rate_and_a_tenth_of_a_second(rate, steps):
    clock = Clock()
    sent = []
    with throttle(rate, clock) as made:
        for pause, size in steps:
            clock.seconds += pause
            sent.append((clock.seconds + made.take(size), size))
    moments = sorted(moment for moment, _ in sent)
    for at, start in enumerate(moments):
        for stop in moments[at:]:
            sizes = [size for moment, size in sent if start <= moment <= stop]
            span = stop - start + 1e-6  # the clock's digits
            rounding = len(sent) * (rate / 1e9 + 1)
            assert sum(sizes) <= max(rate * (span + 0.1), rate * span + max(sizes)) + rounding


def test_after_idling_a_tenth_of_a_second_is_made_up_for():
    clock = Clock()
    with throttle(1_000_000, clock) as made:
        clock.seconds += 3600
        free = sum(made.take(10_000) == 0.0 for _ in range(100))
        assert free == 10
        assert made.take(10_000) > 0


@given(before=RATES, after=RATES, takers=st.integers(1, 8))
def test_a_new_rate_holds_at_once(before, after, takers):
    before, after = min(before, 10**8), min(after, 10**8)
    clock = Clock()
    with throttle(before, clock) as made:
        hungry(made, clock, takers=takers, seconds=1.0)
        made.bytes_per_second = after
        change = clock.seconds
        sent = hungry(made, clock, takers=takers, seconds=10.0)
        waiting_bytes = takers * max(before // 20, 16 * 1024)
    total = within(sent, change, change + 10)
    assert total == pytest.approx(10 * after, rel=0.05, abs=2 * waiting_bytes)


def test_a_new_rate_shortens_and_stretches_what_waits():
    with throttle(1_000_000) as made:
        assert made.take(1_000_000) == pytest.approx(1.0)
        made.bytes_per_second = 10_000_000
        assert made.take(1_000_000) == pytest.approx(0.2)
        made.bytes_per_second = 100_000
        assert made.take(100_000) == pytest.approx(21.0)


def test_without_a_limit_nobody_waits_and_nobody_locks(monkeypatch):
    with throttle(UNLIMITED) as made:
        monkeypatch.setattr(fcntl, "lockf", None)
        assert [made.take(10**9) for _ in range(3)] == [0.0] * 3
        assert made.grain_bytes == 2**20


def test_a_limit_begins_and_ends_while_it_runs():
    with throttle(UNLIMITED) as made:
        made.take(10**9)
        made.bytes_per_second = 1000
        assert made.take(1000) == pytest.approx(1.0)
        made.bytes_per_second = UNLIMITED
        assert made.take(10**9) == 0.0


@pytest.mark.parametrize(
    ("rate", "grain"),
    [(1, 16 * 1024), (10**6, 50_000), (10**7, 500_000), (10**9, 2**20), (UNLIMITED, 2**20)],
)
def test_how_much_to_take_at_once(rate, grain):
    with throttle(rate) as made:
        assert made.grain_bytes == grain


@pytest.mark.parametrize("rate", [0, -2])
def test_what_is_no_rate(rate):
    with pytest.raises(ValueError, match="is no rate"):
        Throttle(rate)
    with throttle(1) as made:
        with pytest.raises(ValueError, match="is no rate"):
            made.bytes_per_second = rate
        assert made.bytes_per_second == 1


def forked(work):
    """Do the work in a child; its process id."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def test_processes_take_from_one_bucket_and_lose_nothing():
    with throttle(1_000_000) as made:  # time stands still, so every taken byte adds to the wait
        children = [forked(lambda: [made.take(100) for _ in range(2000)]) for _ in range(4)]
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        assert made.take(1000) == pytest.approx((4 * 2000 * 100 + 1000) / 1_000_000)


def test_a_rate_set_in_one_process_holds_in_all():
    with throttle(1000) as made:

        def change():
            made.bytes_per_second = 5000

        assert os.waitpid(forked(change), 0)[1] == 0
        assert made.bytes_per_second == 5000
        assert made.take(5000) == pytest.approx(1.0)


def test_who_dies_with_the_lock_blocks_nobody():
    with throttle(1000) as made:
        reader, writer = os.pipe()

        def hold():
            with made._lock():
                os.write(writer, b"x")
                signal.pause()

        child = forked(hold)
        assert os.read(reader, 1) == b"x"
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert made.take(1000) == pytest.approx(1.0)
        os.close(reader)
        os.close(writer)
