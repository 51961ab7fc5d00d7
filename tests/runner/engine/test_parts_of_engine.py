"""Queue, budget, spool and patience."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.actions import Action
from datasync_runner.core.entry import Entry, Kind, ObjectHeaders, PosixMetadata, WindowsMetadata
from datasync_runner.core.parts import BATCH_BYTES, BATCH_FILES, SMALL_BYTES
from datasync_runner.core.retry import TRIES
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.spool import FolderWork, Spool, pack_folder, unpack_folder
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from fakes.storage import FakeStorage


@given(st.lists(st.binary(max_size=50)), st.integers(1, 7))
def test_a_spool_gives_back_in_the_opposite_order(records, size):
    with Spool() as spool:
        for record in records:
            spool.push(record)
        batches = list(spool.reversed_batches(size))
        assert [record for batch in batches for record in batch] == records[::-1]
        assert all(len(batch) <= size for batch in batches)
        assert spool.count == len(records)


def test_a_large_spool_goes_through_the_disk():
    with Spool() as spool:
        for number in range(300):
            spool.push(b"%05d" % number + b"x" * 8192)
        found = [record[:5] for batch in spool.reversed_batches(100) for record in batch]
    assert found == [b"%05d" % number for number in reversed(range(300))]


def test_a_folder_comes_back_from_its_record():
    headers = ObjectHeaders("t", user_metadata=(("a", "ü"),), tags=(("b", "ö"),))
    full = Entry(b"\xff/", Kind.FOLDER, 0, 4, PosixMetadata(1, 2, 3, 4, 5), headers=headers)
    bare = Entry(b"a/", Kind.FOLDER, implied=True, bare=True, etag="e", storage_class="GLACIER")
    windows = bare._replace(node=WindowsMetadata(3, 9))
    described = bare._replace(node=WindowsMetadata(3, 9, bytes(range(256))))
    for work in (
        FolderWork(Action.UPDATE_METADATA, windows, described),
        FolderWork(Action.COPY, full, None),
        FolderWork(Action.INSPECT, bare, full),
        FolderWork(Action.SKIP, full._replace(headers=ObjectHeaders()), bare),
    ):
        assert unpack_folder(pack_folder(work)) == work


def work(size, action=Action.COPY):
    return Work(action, Entry(b"k", Kind.FILE, size))


WORKS = st.lists(
    st.builds(
        work,
        st.sampled_from([0, 1, SMALL_BYTES // 3, SMALL_BYTES, SMALL_BYTES + 1]),
        st.sampled_from([Action.COPY, Action.UPDATE_METADATA]),
    ),
    max_size=200,
)


@given(WORKS, st.integers(1, 8))
async def test_batches_keep_order_one_action_and_bounds(works, takers):
    queue = WorkQueue(takers)
    await queue.put(works)
    await queue.close()
    taken = []
    while batch := await queue.take():
        assert len(batch) <= BATCH_FILES
        assert len({one.action for one in batch}) == 1
        assert len(batch) == 1 or not any(one.large for one in batch)
        copied = [one.source.size_bytes for one in batch if one.action is Action.COPY]
        assert len(batch) == 1 or sum(copied) <= BATCH_BYTES
        taken += batch
    assert taken == works


async def test_a_full_queue_makes_the_giver_wait():
    queue = WorkQueue(1, limit=1)
    await queue.put([work(1)])
    giver = asyncio.create_task(queue.put([work(2)]))
    await asyncio.sleep(0)
    assert not giver.done()
    assert await queue.take() == [work(1)]
    await giver
    assert await queue.take() == [work(2)]


async def test_the_budget_is_never_exceeded_and_a_larger_wish_is_cut():
    budget, held, peak = ByteBudget(10), 0, 0

    async def use(size):
        nonlocal held, peak
        async with budget.hold(size):
            held += min(size, 10)
            peak = max(peak, held)
            await asyncio.sleep(0)
            held -= min(size, 10)

    await asyncio.gather(*(use(size) for size in [3, 9, 100, 1, 1, 10, 4, 6]))
    assert peak == 10
    assert held == 0


class Naps:
    def __init__(self):
        self.taken = []

    async def __call__(self, seconds):
        self.taken.append(seconds)


async def test_what_passes_is_tried_again_and_only_that():
    storage, naps = FakeStorage().put(b"a", b"1").put(b"b", b"2"), Naps()
    answers = [errors.Unavailable("busy")] * 2
    storage.trouble = lambda name, key: answers.pop() if answers and key == b"b" else None
    entries = [content.entry for content in storage.items.values()]
    found = await Patient(storage, sleep=naps).read_small(entries)
    assert [content.body for content in found] == [b"1", b"2"]
    assert storage.calls.count("read a") == 1
    assert storage.calls.count("read b") == 3
    assert len(naps.taken) == 2


async def test_an_item_that_stays_away_fails_alone():
    storage, naps = FakeStorage().put(b"a", b"1"), Naps()
    storage.trouble = lambda name, key: errors.Unavailable("busy", key) if key else None
    found = await Patient(storage, sleep=naps).read_small([storage.items[b"a"].entry])
    assert isinstance(found[0], errors.Unavailable)
    assert len(naps.taken) == TRIES - 1
    assert sum(naps.taken) <= 60


async def test_a_location_that_stays_away_stops_the_run():
    storage = FakeStorage().put(b"a", b"1")
    storage.trouble = lambda name, key: errors.Unavailable("no answer", key)
    patient = Patient(storage, sleep=Naps())
    with pytest.raises(errors.Unreachable, match="no answer; tried again in vain; check that"):
        await patient.read_small([storage.items[b"a"].entry])
    with pytest.raises(errors.Unreachable):
        await patient.check()


@pytest.mark.parametrize("kind", [errors.ConfigurationInvalid, errors.Unexpected, errors.Missing])
async def test_what_answers_in_place_of_a_location_that_was_there_may_pass(kind):
    """As the page of a balancer while the server is maintained."""
    storage = FakeStorage().put(b"a", b"1")
    storage.trouble = lambda name, key: (
        errors.Unavailable("busy", key) if key else kind("a page about maintenance")
    )
    with pytest.raises(errors.Unreachable, match="a page about maintenance"):
        await Patient(storage, sleep=Naps()).read_small([storage.items[b"a"].entry])


@pytest.mark.parametrize("kind", [errors.CredentialsRefused, errors.BucketMissing])
async def test_what_the_location_itself_refuses_ends_the_run_as_that(kind):
    storage = FakeStorage().put(b"a", b"1")
    storage.trouble = lambda name, key: errors.Unavailable("busy", key) if key else kind("no")
    with pytest.raises(kind):
        await Patient(storage, sleep=Naps()).read_small([storage.items[b"a"].entry])


async def test_a_call_that_fails_as_a_whole_fails_each_item():
    storage = FakeStorage()

    async def delete(keys):
        raise errors.Denied("no right to delete")

    storage.delete = delete
    found = await Patient(storage, sleep=Naps()).delete([b"a", b"b"])
    assert [type(answer) for answer in found] == [errors.Denied] * 2


async def test_a_location_that_may_not_be_listed_is_no_defect_of_ours():
    storage = FakeStorage()
    storage.trouble = lambda name, key: errors.Denied("no right to list")
    with pytest.raises(errors.ConfigurationInvalid, match="no right to list"):
        await Patient(storage, sleep=Naps()).check()
    with pytest.raises(errors.ConfigurationInvalid, match="no right to list"):
        async for _ in Patient(storage, sleep=Naps()).listing(None):
            pass


async def test_a_page_in_place_of_a_listing_may_pass():
    storage = FakeStorage()
    page = errors.Missing("a page")
    page.error_code = "404"
    storage.trouble = lambda name, key: page
    with pytest.raises(errors.Unreachable, match="a page"):
        async for _ in Patient(storage, sleep=Naps()).listing(None):
            pass
    with pytest.raises(errors.Unreachable, match="a page"):
        await Patient(storage, sleep=Naps()).enter_again()


async def test_a_listing_that_breaks_off_stops_the_run():
    storage = FakeStorage()
    storage.trouble = lambda name, key: errors.Unavailable("gone")
    with pytest.raises(errors.Unreachable):
        async for _ in Patient(storage, sleep=Naps()).listing(None):
            pass
