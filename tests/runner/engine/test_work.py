"""The queue between deciding and doing: what is settled, decided, and still to come."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.actions import Action
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.engine.work import Work, WorkQueue

WORKS = st.lists(
    st.builds(
        lambda action, size: Work(action, Entry(b"k", Kind.FILE, size)),
        st.sampled_from([Action.COPY, Action.INSPECT, Action.UPDATE_METADATA]),
        st.integers(0, 20_000_000),
    ),
    max_size=30,
)


def unknown(count):
    return [Work(Action.INSPECT, Entry(b"%d" % number, Kind.FILE)) for number in range(count)]


async def turns():
    """Let every task go as far as it gets."""
    for _ in range(5):
        await asyncio.sleep(0)


@given(WORKS, st.integers(1, 5))
def test_all_that_is_put_is_taken_once_and_in_order(works, takers):
    async def scenario():
        queue, taken = WorkQueue(takers), []
        await queue.put(works)
        await queue.close()
        while batch := await queue.take():
            queue.done(batch)
            taken += batch
        return taken, await queue.take()

    assert asyncio.run(scenario()) == (works, [])


@given(WORKS, st.data())
def test_decided_comes_with_the_last_that_is_settled_and_not_before(works, data):
    left = sum(work.action is Action.INSPECT for work in works)

    async def scenario():
        nonlocal left
        queue = WorkQueue(2)
        await queue.put(works)
        await queue.close()
        decided = asyncio.create_task(queue.decided())
        await turns()
        while left:
            assert not decided.done()
            count = data.draw(st.integers(1, left))
            queue.settled(count)
            left -= count
            await turns()
        assert decided.done()

    asyncio.run(scenario())


async def test_what_was_settled_before_the_rest_was_known_does_not_decide_it():
    queue = WorkQueue(1)
    await queue.put(unknown(1))
    queue.settled(1)
    await queue.put(unknown(2))
    await queue.close()
    decided = asyncio.create_task(queue.decided())
    queue.settled(1)
    await turns()
    assert not decided.done()
    queue.settled(1)
    await decided


async def test_any_waits_for_the_first_item_and_leaves_it():
    queue = WorkQueue(1)
    waiting = asyncio.create_task(queue.any())
    await turns()
    assert not waiting.done()
    works = unknown(1)
    await queue.put(works)
    assert await waiting is True
    assert await queue.take() == works


async def test_any_is_false_when_nothing_comes():
    queue = WorkQueue(1)
    waiting = asyncio.create_task(queue.any())
    await turns()
    await queue.close()
    assert await waiting is False


async def test_a_large_file_waits_for_who_may_take_it():
    large = Work(Action.COPY, Entry(b"large", Kind.FILE, SMALL_BYTES + 1))
    small = Work(Action.COPY, Entry(b"small", Kind.FILE, 1))
    room = False
    queue = WorkQueue(1)
    await queue.put([small, large, small])
    assert await queue.take(lambda: room) == [small]
    waiting = asyncio.create_task(queue.take(lambda: room))
    await turns()
    assert not waiting.done()
    room = True
    await queue.look_again()
    assert await waiting == [large]
    assert await queue.take(lambda: False) == [small]


async def test_whoever_waits_to_take_ends_with_the_queue():
    queue = WorkQueue(3)
    waiting = [asyncio.create_task(queue.take()) for _ in range(3)]
    await turns()
    await queue.close()
    assert await asyncio.gather(*waiting) == [[], [], []]
