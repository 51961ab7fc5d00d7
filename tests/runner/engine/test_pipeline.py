"""Whole runs over in-memory storage: what is planned, done, kept and refused."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.task import Guards
from datasync_runner.core.entry import Kind, PosixMetadata
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.engine import pipeline
from datasync_runner.engine.delete import DeletionHeld
from datasync_runner.engine.progress import Board
from datasync_runner.storage import errors
from fakes.runs import plan_of, run_between
from fakes.storage import FILE, FOLDER, FakeStorage

NOW_NS = 1_000_000_000 + 3600 * 1_000_000_000  # an hour after FILE was modified


UNGUARDED = Guards(allow_empty_source=True, max_delete_percent=100)


async def run(source, destination, **options):
    return (await run_on_board(source, destination, **options)).tally


async def run_on_board(source, destination, **wishes):
    return await run_between(source, destination, plan_of(**wishes), now_ns=lambda: NOW_NS)


def bodies(storage):
    return {key: content.body for key, content in storage.items.items()}


def small_tree(objects=False):
    tree = FakeStorage(objects=objects)
    tree.put(b"a/").put(b"a/x", b"xx").put(b"a/y", b"y").put(b"b", b"bbb").put(b"empty/")
    return tree


@pytest.mark.parametrize("source_objects", [False, True])
@pytest.mark.parametrize("destination_objects", [False, True])
async def test_first_run_copies_second_plans_nothing(source_objects, destination_objects):
    source, destination = small_tree(source_objects), FakeStorage(destination_objects)
    first = await run(source, destination, preserve_deleted_files="Remove")
    assert bodies(destination) == bodies(source)
    assert (first.files_transferred, first.files_verified, first.folders_transferred) == (3, 3, 2)
    assert (first.bytes_transferred, first.bytes_written) == (6, 6)
    second = await run(source, destination, preserve_deleted_files="Remove")
    assert second.estimated_files_to_transfer == second.files_transferred == 0
    assert second.folders_transferred == second.files_metadata_updated == 0
    assert second.files_skipped == 3
    assert not [call for call in destination.calls if call.split()[0] in ("write", "delete")]


async def test_exactly_the_changes_are_made():
    source, destination = small_tree(), FakeStorage()
    await run(source, destination)
    source.put(b"a/x", b"XX", metadata=FILE._replace(mtime_ns=2_000_000_000))
    source.put(b"b", b"bbb", metadata=FILE._replace(mode=0o600))
    del source.items[b"a/y"]
    tally = await run(source, destination, preserve_deleted_files="Remove")
    assert tally.files_transferred == tally.files_metadata_updated == tally.files_deleted == 1
    assert bodies(destination) == bodies(source)
    assert destination.items[b"b"].entry.metadata.mode == 0o600
    assert destination.items[b"a/"].entry.metadata == FOLDER  # not when we wrote into it


KEYS = st.sets(
    st.sampled_from([b"a", b"b/", b"b/c", b"b/d/", b"b/d/e", b"b-", b"f", b"g/", b"g/h"])
)


def tree_of(keys, objects):
    tree = FakeStorage(objects)
    for key in keys:
        tree.put(key, b"" if key.endswith(b"/") else key)
        for end in range(len(key)):
            if key[end : end + 1] == b"/":
                tree.put(key[: end + 1])
    return tree


@given(KEYS, KEYS, st.booleans(), st.booleans())
async def test_sync_is_idempotent_and_complete(ours, theirs, source_objects, destination_objects):
    source = tree_of(ours, source_objects)
    destination = tree_of(theirs, destination_objects)
    options = {"preserve_deleted_files": "Remove", "guards": UNGUARDED}
    await run(source, destination, **options)
    assert bodies(destination) == bodies(source)
    again = await run(source, destination, **options)
    assert (again.files_transferred, again.files_deleted, again.folders_transferred) == (0, 0, 0)


async def test_never_leaves_alone_what_is_there_even_in_mode_all():
    for mode in ("Changed", "All"):
        source = FakeStorage().put(b"a", b"new").put(b"b", b"b")
        destination = FakeStorage().put(b"a", b"old and longer")
        tally = await run(source, destination, overwrite_mode="Never", transfer_mode=mode)
        assert bodies(destination) == {b"a": b"old and longer", b"b": b"b"}
        assert tally.files_skipped == 1


async def test_all_copies_without_listing_the_destination():
    source, destination = small_tree(), small_tree()
    tally = await run(source, destination, transfer_mode="All")
    assert tally.files_transferred == 3
    assert "listing" not in destination.calls


async def test_filters_hold_on_both_sides():
    source = FakeStorage().put(b"a/").put(b"a/x", b"1").put(b"a/x.tmp", b"2").put(b"b", b"3")
    destination = FakeStorage().put(b"a/").put(b"a/old.tmp", b"4").put(b"c", b"5")
    await run(
        source,
        destination,
        includes=[{"value": "/a"}],
        excludes=[{"value": "*.tmp"}],
        preserve_deleted_files="Remove",
    )
    assert bodies(destination) == {b"a/": b"", b"a/x": b"1", b"a/old.tmp": b"4", b"c": b"5"}


KEPT = [
    # of the plan, what is at the destination afterwards; OLD is there and not at the source
    ({}, {b"a": b"new", b"d/": b"", b"d/.h": b"new", b"d/b.c": b"new"}),
    (
        {"excludes": [{"filterType": "Glob", "value": "d/"}]},
        {b"a": b"new", b"d/": b"", b"d/.h": b"x", b"d/b.c": b"y", b"d/old": b"z"},
    ),
    (
        {"includes": [{"filterType": "Glob", "value": "*.{c,d}"}]},
        {b"d/": b"", b"d/.h": b"x", b"d/b.c": b"new", b"d/old": b"z", b"old": b"z"},
    ),
    (
        {"hidden_files": "Exclude"},
        {b"a": b"new", b"d/": b"", b"d/.h": b"x", b"d/b.c": b"new"},
    ),
    (
        {"hidden_files": "Exclude", "includes": [{"value": "/d"}]},
        {b"d/": b"", b"d/.h": b"x", b"d/b.c": b"new", b"old": b"z"},
    ),
]


@pytest.mark.parametrize(("of_the_plan", "left"), KEPT)
@pytest.mark.parametrize("objects", [False, True])
async def test_what_is_filtered_out_is_neither_copied_nor_deleted(of_the_plan, left, objects):
    source, destination = FakeStorage(objects), FakeStorage(objects)
    source.put(b"a", b"new").put(b"d/").put(b"d/.h", b"new").put(b"d/b.c", b"new")
    destination.put(b"d/").put(b"d/.h", b"x").put(b"d/b.c", b"y")
    destination.put(b"d/old", b"z").put(b"old", b"z")
    allowed = Guards(max_delete_percent=100)
    await run(source, destination, guards=allowed, preserve_deleted_files="Remove", **of_the_plan)
    assert bodies(destination) == left


AGED = FILE._replace(mtime_ns=1_000_000_000)
FRESH = FILE._replace(mtime_ns=NOW_NS - 60 * 1_000_000_000)
CONDITIONS = [
    # conditions, of the files aged (1 byte), fresh (2 bytes): which are copied
    ({"minSize": 2}, {b"fresh"}),
    ({"maxSize": 1}, {b"aged"}),
    ({"minAge": "10m"}, {b"aged"}),
    ({"maxAge": "10m"}, {b"fresh"}),
    ({"modifiedAfter": "1970-01-01T00:00:02Z"}, {b"fresh"}),
    ({"modifiedBefore": "1970-01-01T00:00:02Z"}, {b"aged"}),
    ({"minAge": "1h", "maxSize": "1Ki"}, {b"aged"}),
    ({"minSize": "1Ki"}, set()),
    ({}, {b"aged", b"fresh"}),
]


@pytest.mark.parametrize(("conditions", "copied"), CONDITIONS)
@pytest.mark.parametrize("source_objects", [False, True])
@pytest.mark.parametrize("destination_objects", [False, True])
async def test_files_outside_of_the_conditions_are_left_alone_on_both_sides(
    conditions, copied, source_objects, destination_objects
):
    source, destination = FakeStorage(source_objects), FakeStorage(destination_objects)
    source.put(b"aged", b"1", metadata=AGED).put(b"fresh", b"22", metadata=FRESH)
    source.put(b"empty/")
    destination.put(b"aged", b"before").put(b"fresh", b"before").put(b"gone", b"before")
    tally = await run(
        source, destination, file_conditions=conditions, preserve_deleted_files="Remove"
    )
    left = bodies(destination)
    assert {key for key in (b"aged", b"fresh") if left[key] != b"before"} == copied
    assert b"gone" not in left  # the source does not have it, whatever its own size and age
    assert b"empty/" in left  # folders are never judged
    assert tally.files_transferred == len(copied)
    assert tally.files_listed_at_source == 2


async def test_a_source_of_which_conditions_leave_nothing_is_not_empty():
    source = FakeStorage().put(b"a", b"1")
    destination = FakeStorage().put(b"a", b"22").put(b"gone", b"3")
    conditions = {"minSize": "1Gi"}
    await run(source, destination, file_conditions=conditions, preserve_deleted_files="Remove")
    assert bodies(destination) == {b"a": b"22"}


async def test_a_folder_that_still_holds_excluded_files_stays_without_a_failure():
    source = FakeStorage().put(b"a", b"1")
    destination = FakeStorage().put(b"d/").put(b"d/keep.tmp", b"2").put(b"d/old", b"3")
    tally = await run(
        source, destination, excludes=[{"value": "*.tmp"}], preserve_deleted_files="Remove"
    )
    assert set(destination.items) == {b"a", b"d/", b"d/keep.tmp"}
    assert (tally.files_deleted, tally.folders_deleted, tally.failure_count()) == (1, 0, 0)


async def test_an_empty_source_deletes_nothing_unless_it_is_allowed():
    destination = FakeStorage().put(b"a", b"1")
    with pytest.raises(DeletionHeld, match=r"guards\.allowEmptySource") as held:
        await run(FakeStorage(), destination, preserve_deleted_files="Remove")
    assert held.value.hold.reason == "SourceEmpty"
    assert set(destination.items) == {b"a"}
    allowed = Guards(allow_empty_source=True)
    await run(FakeStorage(), destination, preserve_deleted_files="Remove", guards=allowed)
    assert not destination.items


async def test_too_many_deletions_are_held_and_everything_else_is_done():
    source = FakeStorage().put(b"d/").put(b"d/kept", b"1").put(b"d/new", b"2")
    destination = FakeStorage().put(b"d/").put(b"d/kept", b"1")
    for number in range(3):
        destination.put(b"gone-%d" % number, b"x")
    remove = {"preserve_deleted_files": "Remove"}
    with pytest.raises(DeletionHeld, match=r"3 of 4 files would be deleted.* allow 2") as held:
        await run(source, destination, **remove)
    assert set(destination.items) == {b"d/", b"d/kept", b"d/new", b"gone-0", b"gone-1", b"gone-2"}
    assert destination.items[b"d/"].entry.metadata == FOLDER  # settled, although held
    assert not [call for call in destination.calls if call.startswith("delete")]
    token = held.value.hold.token

    destination.put(b"gone-3", b"x")  # after the numbers were looked at
    with pytest.raises(DeletionHeld, match="4 of 6 files") as larger:
        await run(source, destination, acknowledge=token, **remove)
    assert (larger.value.hold.deletions, larger.value.hold.limit) == (4, 3)
    tally = await run(source, destination, acknowledge=larger.value.hold.token, **remove)
    assert tally.files_deleted == 4
    assert bodies(destination) == bodies(source)


async def test_another_source_than_the_last_run_has_seen_deletes_nothing():
    source, destination = FakeStorage(root="8a1:2"), FakeStorage()
    for name in b"abcd":
        source.put(bytes([name]), b"1")
    options = {"preserve_deleted_files": "Remove"}
    board = await run_on_board(source, destination, **options)
    del source.items[b"a"]
    source.root = "8a1:131073"
    source.put(b"new", b"2")
    with pytest.raises(DeletionHeld, match=r"another folder .* 1 of 4 files") as held:
        await run(source, destination, baseline=board.baseline, **options)
    assert held.value.hold.reason == "SourceReplaced"
    assert {b"a", b"new"} <= set(destination.items)
    token = held.value.hold.token
    options |= {"acknowledge": token}
    board = await run_on_board(source, destination, baseline=board.baseline, **options)
    assert board.tally.files_deleted == 1
    del source.items[b"b"]
    known = {"baseline": board.baseline, **options, "acknowledge": ""}
    assert (await run(source, destination, **known)).files_deleted == 1
    source.root = "8a1:2"
    del source.items[b"c"]
    allowed = Guards(allow_replaced_source=True)
    assert (await run(source, destination, guards=allowed, **known)).files_deleted == 1


async def test_folders_are_no_files_that_a_guard_counts():
    source, destination = FakeStorage().put(b"a", b"1"), FakeStorage().put(b"a", b"1")
    for number in range(5):
        destination.put(b"empty-%d/" % number)
    strict = Guards(max_delete_percent=0, max_deleted_files=0)
    tally = await run(source, destination, preserve_deleted_files="Remove", guards=strict)
    assert tally.folders_deleted == 5


async def test_nothing_is_deleted_when_part_of_the_source_cannot_be_listed():
    source = FakeStorage().put(b"a", b"1").put(b"locked/")
    source.listing_errors.append(errors.Denied("no", b"locked/"))
    destination = FakeStorage().put(b"locked/").put(b"locked/x", b"2").put(b"z", b"3")
    tally = await run(source, destination, preserve_deleted_files="Remove")
    assert set(destination.items) == {b"a", b"locked/", b"locked/x", b"z"}
    assert {failure.code for failure in tally.failures()} == {"Denied", "DeletionWithheld"}
    assert tally.files_deleted == 0


async def test_nothing_is_written_where_the_destination_cannot_be_listed():
    source = FakeStorage().put(b"d/").put(b"d/x", b"1").put(b"e", b"2")
    destination = FakeStorage().put(b"d/")
    destination.listing_errors.append(errors.Denied("no", b"d/"))
    tally = await run(source, destination)
    assert set(destination.items) == {b"d/", b"e"}
    counters = tally.counters()
    assert (counters.files_failed.total(), counters.folders_failed.total()) == (0, 1)
    assert counters.folders_failed.list == 1
    assert tally.stage_status("prepare", reached=True) == "Error"


async def test_folders_have_books_of_their_own():
    """Every folder that is listed at the source is transferred, skipped or failed in the end."""
    source = FakeStorage().put(b"new/").put(b"new/x", b"1").put(b"same/").put(b"bad/")
    destination = FakeStorage()
    await run(source, destination)
    source.put(b"newer/").put(b"same/", metadata=FOLDER._replace(mode=0o700))
    destination.trouble = lambda name, key: (
        errors.Denied("no", key) if (name, key) == ("folder", b"newer/") else None
    )
    tally = await run(source, destination, verify_mode="PointInTimeConsistent")
    counters = tally.counters()
    assert counters.folders_listed_at_source == 4
    assert (counters.folders_transferred, counters.folders_skipped) == (1, 2)
    assert (counters.folders_failed.transfer, counters.folders_failed.total()) == (1, 2)
    assert counters.folders_failed.verify == 1, "newer/ is at the source alone"
    assert counters.folders_verified == 3
    assert counters.files_failed.total() == 0
    assert tally.failure_count() == 2
    assert tally.stage_status("transfer", reached=True) == "Error"


async def test_a_damaged_destination_is_a_failure_and_never_verified():
    tally = await run(small_tree(), FakeStorage(spoil=True))
    assert tally.files_verified == 0
    assert tally.failures()[0].code == "VerificationFailed"
    assert tally.run_error().code == "FilesFailed"


async def test_without_verification_nothing_counts_as_verified():
    destination = FakeStorage()
    tally = await run(small_tree(), destination, verify_mode="None")
    assert (tally.files_transferred, tally.files_verified) == (3, 0)
    assert not [call for call in destination.calls if call.startswith("verify")]


async def test_one_file_fails_and_the_others_go_on():
    source = small_tree()
    source.trouble = lambda name, key: (
        errors.Denied("no", key) if (name, key) == ("read", b"a/x") else None
    )
    destination = FakeStorage()
    tally = await run(source, destination)
    assert tally.files_transferred == 2
    assert b"a/x" not in destination.items
    assert (tally.failed["transfer"], tally.failures()[0].sample_path) == (1, "/a/x")


@pytest.mark.parametrize(("target", "restored"), [(b"x", True), (b"../..", False)])
async def test_links_out_of_objects_are_checked(target, restored):
    source, destination = FakeStorage(objects=True), FakeStorage()
    source.put(b"a/").put(b"a/l", target, kind=Kind.SYMLINK)
    tally = await run(source, destination)
    assert (b"a/l" in destination.items) == restored
    assert tally.failure_count() == (not restored)


async def test_links_between_file_systems_are_kept_as_they_are():
    source, destination = FakeStorage(), FakeStorage()
    source.put(b"l", b"/etc/hosts", kind=Kind.SYMLINK)
    await run(source, destination)
    assert destination.items[b"l"].body == b"/etc/hosts"


async def test_objects_of_other_tools_are_copied_and_then_known():
    source, destination = FakeStorage().put(b"a", b"1"), FakeStorage(objects=True)
    destination.put(b"a", b"1", metadata=PosixMetadata())
    assert (await run(source, destination)).files_transferred == 1
    assert (await run(source, destination)).files_transferred == 0


async def test_large_files_travel_alone_and_are_retried():
    body = b"x" * (SMALL_BYTES + 1)
    source, destination = FakeStorage().put(b"a", body), FakeStorage()
    answers = [errors.ChangedDuringTransfer("it changed"), None]
    destination.trouble = lambda name, _: answers.pop(0) if name == "write" and answers else None
    tally = await run(source, destination)
    assert destination.items[b"a"].body == body
    assert (tally.files_transferred, tally.files_verified, tally.failure_count()) == (1, 1, 0)


async def test_a_large_file_that_keeps_changing_fails():
    source = FakeStorage().put(b"a", b"x" * (SMALL_BYTES + 1))
    destination = FakeStorage()
    destination.trouble = lambda name, key: (
        errors.ChangedDuringTransfer("it changed", key) if name == "write" else None
    )
    tally = await run(source, destination)
    assert tally.failures()[0].code == "ChangedDuringTransfer"


async def test_a_special_file_in_the_way_is_a_conflict():
    source, destination = FakeStorage().put(b"a", b"1"), FakeStorage()
    destination.put(b"a", kind=Kind.SPECIAL)
    tally = await run(source, destination)
    assert tally.failures()[0].code == "Conflict"


async def test_totals_are_final_and_the_phase_moves_on():
    board = Board("u", time.monotonic)
    assert (board.phase, board.progress().totals_final) == ("Preparing", False)
    await pipeline.run_plan(plan_of(), small_tree(), FakeStorage(), board)
    assert (board.phase, board.progress().totals_final) == ("Verifying", True)
