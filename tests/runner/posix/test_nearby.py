"""Batches run in the loop's own thread while they are quick, as posix_nearby's table says."""

import threading

import pytest

from datasync_runner.storage.posix.calls import Calls
from datasync_runner.storage.posix.nearby import QUICK_SECONDS, Nearby, Took, decide


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def calls():
    calls = Calls(2)
    yield calls
    calls.threads.close()


@pytest.mark.parametrize(
    ("took_seconds", "blocks", "quick"),
    [
        pytest.param(0.0, 0, True, id="answered from memory"),
        pytest.param(QUICK_SECONDS, 0, False, id="took too long"),
        pytest.param(0.0, 1, False, id="read from a disk"),
    ],
)
def test_a_batch_is_quick_when_it_is_short_and_waits_for_no_disk(took_seconds, blocks, quick):
    assert decide(took_seconds, blocks) is quick


async def where(calls: Calls, nearby: Nearby, clock: Clock, took_seconds: float) -> str:
    def work() -> int:
        clock.now += took_seconds
        return threading.get_ident()

    return "loop" if await calls.batch(nearby, work) == threading.get_ident() else "thread"


async def test_the_last_batch_decides_where_the_next_one_runs(calls):
    clock = Clock()
    nearby = Nearby(network=False, clock=clock)
    ran = [await where(calls, nearby, clock, seconds) for seconds in (0.0, 0.0, 0.5, 0.5, 0.0, 0.0)]
    assert ran == ["thread", "loop", "loop", "thread", "thread", "loop"]


async def test_a_network_file_system_is_never_asked_in_the_loop(calls):
    clock = Clock()
    nearby = Nearby(network=True, clock=clock)
    assert [await where(calls, nearby, clock, 0.0) for _ in range(3)] == ["thread"] * 3


async def test_a_batch_that_fails_is_measured_too(calls):
    def fails() -> None:
        raise OSError("gone")

    nearby = Nearby(network=False, clock=Clock())
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            await calls.batch(nearby, fails)
    assert nearby.quick


def test_calls_that_are_parts_of_one_batch_count_together():
    clock = Clock()
    nearby = Nearby(network=False, quick=True, clock=clock)

    def part() -> None:
        clock.now += 0.4 * QUICK_SECONDS

    one, other = Took(), Took()
    quick = []
    for took in (one, other, one, other, one):
        nearby.timed(part, took)
        quick.append(nearby.quick)
    assert quick == [True, True, True, True, False]
