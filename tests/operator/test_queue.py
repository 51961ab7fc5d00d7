"""The work queue in virtual time: one at a time, the earliest wish wins, failures back off."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_operator.keys import Kind, ObjectKey
from datasync_operator.queue import WorkQueue, spread, worker

pytestmark = pytest.mark.looptime

A = ObjectKey(Kind.TASK, "ns", "a")
B = ObjectKey(Kind.TASK, "ns", "b")


def clock() -> float:
    return asyncio.get_running_loop().time()


def exact(delay: float) -> float:
    return delay


async def test_keys_come_when_they_are_due() -> None:
    queue = WorkQueue()
    start = clock()
    await queue.add(A, after=5)
    await queue.add(B, after=2)
    assert await queue.take() == B
    assert clock() - start == pytest.approx(2)
    assert await queue.take() == A
    assert clock() - start == pytest.approx(5)


async def test_the_earliest_wish_wins() -> None:
    queue = WorkQueue()
    start = clock()
    await queue.add(A, after=60)
    await queue.add(A)
    await queue.add(A, after=30)
    assert await queue.take() == A
    assert clock() == start
    await queue.done(A)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.take(), 3600)


async def test_a_key_is_with_one_worker_and_is_handed_out_again_when_asked_for_meanwhile() -> None:
    queue = WorkQueue()
    await queue.add(A)
    assert await queue.take() == A
    await queue.add(A)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.take(), 10)
    await queue.done(A)
    assert await queue.take() == A


async def test_failures_back_off_to_a_bound_and_success_forgets_them() -> None:
    queue = WorkQueue(jitter=exact, base_delay=1, max_delay=8)
    waits: list[float] = []
    for _ in range(6):
        before = clock()
        await queue.retry(A)
        await queue.take()
        await queue.done(A)
        waits.append(clock() - before)
    assert waits == pytest.approx([1, 2, 4, 8, 8, 8])
    queue.forget(A)
    before = clock()
    await queue.retry(A)
    await queue.take()
    assert clock() - before == pytest.approx(1)


async def test_a_change_does_not_wait_for_the_backoff() -> None:
    queue = WorkQueue(jitter=exact, base_delay=100)
    await queue.retry(A)
    start = clock()
    await queue.add(A)
    assert await queue.take() == A
    assert clock() == start


async def test_lag_is_how_long_the_oldest_due_key_has_waited() -> None:
    queue = WorkQueue()
    assert queue.lag() == 0
    await queue.add(A, after=10)
    assert queue.lag() == 0
    await asyncio.sleep(25)
    assert queue.lag() == pytest.approx(15)


async def test_a_worker_asks_again_when_told_and_retries_when_it_fails() -> None:
    seen: list[float] = []
    answers = iter([7.0, RuntimeError("no"), None])

    async def reconcile(key: ObjectKey) -> float | None:
        assert key == A
        seen.append(clock())
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    queue = WorkQueue(jitter=exact)
    start = clock()
    async with asyncio.TaskGroup() as group:
        served = group.create_task(worker(queue, reconcile, lambda *_: None))
        await queue.add(A)
        await asyncio.sleep(100)
        served.cancel()
    assert [moment - start for moment in seen] == pytest.approx([0, 7, 8])


@pytest.mark.parametrize("turns", range(8))
async def test_a_worker_ends_when_it_is_cancelled_while_the_queue_changes(turns: int) -> None:
    async def reconcile(_: ObjectKey) -> None:
        return None

    queue = WorkQueue()
    await queue.add(A, after=1000)
    served = asyncio.create_task(worker(queue, reconcile, lambda *_: None))
    await asyncio.sleep(1)  # now it waits for the time to come, or for a change
    await queue.add(B, after=900)
    for _ in range(turns):
        await asyncio.sleep(0)
    served.cancel()
    ended, _ = await asyncio.wait([served], timeout=60)
    assert ended == {served}


@given(st.floats(0.001, 1000))
def test_spread_stays_within_a_fifth(delay: float) -> None:
    assert 0.8 * delay <= spread(delay) <= 1.2 * delay
