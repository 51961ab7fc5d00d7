"""A dry run: it writes nothing, and the transfer that follows does what it said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.task import Guards
from datasync_runner.core.entry import Kind
from datasync_runner.core.parts import COPY_LIMIT_BYTES, MAX_OBJECT_BYTES
from datasync_runner.engine.delete import DeletionHeld
from datasync_runner.storage import errors
from fakes.runs import plan_of, run_between
from fakes.storage import FILE, FakeStorage

READS = {"check", "listing", "inspect"}
UNGUARDED = Guards(allow_empty_source=True, max_delete_percent=100)


async def run(source, destination, **wishes):
    usual = {"mode": "DryRun", "guards": UNGUARDED, "preserve_deleted_files": "Remove"}
    return await run_between(source, destination, plan_of(**usual | wishes))


def done(storage):
    return {call.split()[0] for call in storage.calls}


KEYS = [b"a", b"b/", b"b/c", b"b/d/", b"b/d/e", b"f", b"g/", b"g/h"]
STATES = st.dictionaries(
    st.sampled_from(KEYS), st.tuples(st.integers(0, 2), st.booleans()), max_size=8
)


def grown(states, objects):
    """A tree: each key with a body of some length, and of one of two modes."""
    tree = FakeStorage(objects)
    for key, (length, private) in states.items():
        for end in range(len(key) - 1):
            if key[end : end + 1] == b"/":
                tree.put(key[: end + 1])
        metadata = FILE._replace(mode=0o600 if private else 0o644)
        tree.put(key, b"" if key.endswith(b"/") else b"x" * length, metadata=metadata)
    return tree


@given(STATES, STATES, st.booleans(), st.booleans())
async def test_nothing_is_written_and_a_transfer_does_exactly_what_was_said(
    ours, theirs, source_objects, destination_objects
):
    source, destination = grown(ours, source_objects), grown(theirs, destination_objects)
    before = dict(destination.items)
    said = (await run(source, destination)).tally
    assert destination.items == before
    assert done(source) | done(destination) <= READS
    assert said.files_transferred == said.files_deleted == said.folders_transferred == 0

    was = (await run(source, destination, mode="Transfer")).tally
    assert said.estimated_files_to_transfer == was.files_transferred
    assert said.estimated_bytes_to_transfer == was.bytes_written
    assert said.estimated_metadata_updates == was.files_metadata_updated
    assert said.estimated_files_to_delete == was.files_deleted
    assert said.estimated_folders_to_delete == was.folders_deleted
    assert was.estimated_folders_to_transfer == was.folders_transferred
    if not source_objects or destination_objects:  # the fake looks at folders after it wrote
        assert said.estimated_folders_to_transfer == was.folders_transferred
    assert said.files_skipped == was.files_skipped


async def test_it_prepares_and_nothing_else():
    board = await run(FakeStorage().put(b"a", b"1"), FakeStorage())
    progress = board.progress()
    assert (progress.phase, progress.totals_final) == ("Preparing", True)
    assert (board.transfer_began, board.transferred_at, board.ended_at) == (None, None, None)


async def test_what_a_guard_would_hold_is_told_with_the_token_that_lets_it_pass():
    source, destination = FakeStorage().put(b"a", b"1"), FakeStorage().put(b"a", b"1")
    for number in range(3):
        destination.put(b"gone-%d" % number, b"x")
    board = await run(source, destination, guards=Guards())
    assert (board.hold.deletions, board.hold.limit) == (3, 2)
    with pytest.raises(DeletionHeld) as held:
        await run(source, destination, mode="Transfer", guards=Guards())
    assert held.value.hold == board.hold
    token = board.hold.token
    again = await run(source, destination, guards=Guards(), acknowledge=token)
    assert again.hold is None


async def test_failures_are_the_ones_that_a_transfer_would_meet_before_it_moves_anything():
    source = FakeStorage(objects=True).put(b"a", b"1").put(b"b", b"2")
    source.listing_errors.append(errors.Denied("no", b"locked/"))
    source.trouble = lambda name, key: (
        errors.Denied("no", key) if (name, key) == ("inspect", b"a") else None
    )
    destination = FakeStorage(objects=True).put(b"a", b"1").put(b"b", b"2").put(b"c", b"3")
    board = await run(source, destination)
    failed = board.tally.counters()
    assert (failed.files_failed.prepare, failed.folders_failed.list) == (1, 1)
    assert board.requests["DeleteObjects"] == 0, "part of the source is not known"


@pytest.mark.parametrize("objects", [True, False])
async def test_a_folder_that_a_transfer_would_delete_is_in_no_files_way(objects):
    source = FakeStorage(objects).put(b"y", b"1")
    destination = FakeStorage().put(b"y/").put(b"y/inner", b"2")
    said = (await run(source, destination)).tally
    was = (await run(source, destination, mode="Transfer")).tally
    assert said.failures() == was.failures() == []
    assert said.estimated_files_to_transfer == was.files_transferred == 1
    assert said.estimated_files_to_delete == was.files_deleted == 1


async def test_an_object_in_whose_way_a_folder_stays_is_not_even_read():
    source = FakeStorage(objects=True).put(b"y", b"1")
    destination = FakeStorage().put(b"y/").put(b"y/inner", b"2")
    for mode in ("DryRun", "Transfer"):
        tally = (await run(source, destination, mode=mode, preserve_deleted_files="Preserve")).tally
        assert [(one.code, one.count) for one in tally.failures()] == [("Conflict", 1)]
    assert "read_small" not in done(source)


async def test_folders_that_are_right_are_told_as_skipped():
    for objects in (False, True):
        source = FakeStorage(objects).put(b"a/").put(b"b/").put(b"c/")
        destination = FakeStorage(objects).put(b"a/").put(b"b/")
        counters = (await run(source, destination)).tally.counters()
        assert (counters.folders_skipped, counters.estimated_folders_to_transfer) == (2, 1)


async def test_requests_are_counted_for_files_folders_and_deletions():
    source = FakeStorage().put(b"a", b"1").put(b"b", b"2").put(b"d/").put(b"same", b"3")
    source.items[b"b"] = source.items[b"b"]._replace(
        entry=source.items[b"b"].entry._replace(metadata=FILE._replace(mode=0o600))
    )
    destination = FakeStorage(objects=True).put(b"b", b"2").put(b"same", b"3").put(b"old", b"4")
    board = await run(source, destination)
    assert board.requests == {"PutObject": 2, "HeadObject": 1, "CopyObject": 1, "DeleteObjects": 1}


async def test_what_no_object_can_hold_is_a_failure_and_the_rest_is_counted():
    source, destination = FakeStorage().put(b"b", b"1"), FakeStorage(objects=True)
    source.put(b"a", kind=Kind.FILE, size_bytes=MAX_OBJECT_BYTES + 1)
    source.put(b"c", kind=Kind.FILE, size_bytes=COPY_LIMIT_BYTES + 1)
    board = await run(source, destination)
    assert [failure.code for failure in board.tally.failures()] == ["NotSupported"]
    assert board.requests["PutObject"] == 1
    assert board.requests["UploadPart"] == 321
