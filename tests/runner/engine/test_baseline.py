"""What a run leaves to the next one, and when that counts."""

from dataclasses import replace

import pytest

from datasync_api.baseline import Baseline, moment
from datasync_api.plan import ManifestPlace
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.engine.baseline import Beginning, with_proof
from datasync_runner.storage import errors
from datasync_runner.storage.values import Standing
from fakes.runs import plan_of, run_between
from fakes.storage import FILE, FakeStorage


async def run(source, destination, baseline=None, **options):
    """The board, and what was asked of both sides' objects."""
    board = await run_between(source, destination, plan_of(baseline=baseline, **options))
    asked = sorted(c for c in source.calls + destination.calls if c.startswith("inspect"))
    return board, asked


def tree(objects):
    made = FakeStorage(objects)
    return made.put(b"a/").put(b"a/x", b"xx").put(b"a/y", b"y").put(b"b", b"bbb")


SIDES = pytest.mark.parametrize(
    ("source_objects", "destination_objects"), [(False, True), (True, False), (True, True)]
)


@SIDES
async def test_folders_that_are_proven_are_told_as_skipped(source_objects, destination_objects):
    source, destination = tree(source_objects), FakeStorage(destination_objects)
    first, _ = await run(source, destination)
    second, _ = await run(source, destination, first.baseline)
    assert second.tally.folders_skipped == second.tally.folders_listed_at_source == 1


@SIDES
async def test_what_nobody_has_changed_is_not_asked_about(source_objects, destination_objects):
    source, destination = tree(source_objects), FakeStorage(destination_objects)
    tags = {"object_tags": "PreserveOnTransfer"}
    first, _ = await run(source, destination, **tags)
    _, asked = await run(source, destination, **tags)
    assert asked
    second, asked = await run(source, destination, first.baseline, **tags)
    assert asked == []
    assert (second.tally.files_skipped, second.tally.folders_transferred) == (3, 0)
    assert second.baseline.source_time >= first.baseline.source_time


async def test_tags_that_are_compared_are_asked_for_whatever_the_stamps_say():
    source, destination = tree(objects=True), FakeStorage(objects=True)
    first, _ = await run(source, destination)
    second, asked = await run(source, destination, first.baseline)
    assert len(asked) >= 6
    assert second.tally.files_skipped == 3


async def test_only_what_was_changed_is_asked_about_and_done():
    source, destination = tree(objects=False), FakeStorage(objects=True)
    first, _ = await run(source, destination)
    source.put(b"a/x", b"XX", metadata=FILE._replace(mtime_ns=2_000_000_000))
    destination.put(b"b", b"???", metadata=FILE._replace(mtime_ns=3_000_000_000))
    second, asked = await run(source, destination, first.baseline)
    assert {call.split()[1] for call in asked} == {"a/x", "b"}
    assert (second.tally.files_transferred, second.tally.files_skipped) == (2, 1)
    third, asked = await run(source, destination, second.baseline)
    assert (asked, third.tally.files_skipped) == ([], 3)


async def test_folders_keep_their_times_without_being_asked_about():
    source, destination = tree(objects=True), FakeStorage()
    first, _ = await run(source, destination)
    before = destination.items[b"a/"].entry.metadata
    source.put(b"a/new", b"1")
    second, asked = await run(source, destination, first.baseline)
    assert (second.tally.files_transferred, asked) == (1, [])
    assert destination.items[b"a/"].entry.metadata == before


async def test_what_takes_part_by_its_age_was_not_seen_by_the_last_run():
    source, destination = tree(objects=False), FakeStorage(objects=True)
    first, asked = await run(source, destination, file_conditions={"minAge": "1h"})
    assert (first.tally.files_transferred, first.baseline) == (3, None)
    second, _ = await run(source, destination, file_conditions={"maxAge": "36500d"})
    _, asked = await run(source, destination, second.baseline, file_conditions={"maxAge": "36500d"})
    assert asked == []


async def test_a_run_by_a_manifest_neither_uses_nor_leaves_one(tmp_path):
    source, destination = tree(objects=False), FakeStorage(objects=True)
    first, _ = await run(source, destination)
    (tmp_path / "manifest").write_text("a/x\n")
    place = ManifestPlace(kind="Mounted", path=str(tmp_path / "manifest"))
    source.put(b"b", b"BBB", metadata=FILE._replace(mtime_ns=2_000_000_000))
    board, asked = await run(source, destination, first.baseline, manifest_place=place)
    assert {call.split()[1] for call in asked} == {"a/", "a/x"}
    assert (board.tally.files_skipped, board.baseline) == (1, None)
    # What was not listed is found by the next whole run, from where the last whole one stood.
    last, _ = await run(source, destination, first.baseline)
    assert (last.tally.files_transferred, last.tally.files_skipped) == (1, 2)
    assert destination.items[b"b"].body == b"BBB"


async def test_a_run_with_a_failure_leaves_none():
    source = tree(objects=False)
    source.trouble = lambda name, key: (
        errors.Denied("no", key) if (name, key) == ("read", b"a/x") else None
    )
    board, _ = await run(source, FakeStorage(objects=True))
    assert board.tally.failure_count() == 1
    assert board.baseline is None


async def test_a_clock_that_cannot_be_asked_costs_the_baseline_and_not_the_run():
    destination = FakeStorage(objects=True)
    destination.trouble = lambda name, _: errors.Denied("no") if name == "clock" else None
    board, _ = await run(tree(objects=False), destination)
    assert (board.tally.files_transferred, board.tally.failure_count()) == (3, 0)
    assert board.baseline is None


async def test_a_dry_run_uses_a_baseline_and_leaves_none():
    source, destination = tree(objects=False), FakeStorage(objects=True)
    first, _ = await run(source, destination)
    destination.trouble = lambda name, _: (
        errors.Denied("not even a probe") if name == "clock" else None
    )
    board, asked = await run(source, destination, first.baseline, mode="DryRun")
    assert (asked, board.baseline, board.tally.files_skipped) == ([], None, 3)


async def test_transfer_mode_all_compares_nothing_and_proves_nothing():
    board, _ = await run(tree(objects=False), FakeStorage(objects=True), transfer_mode="All")
    assert board.baseline is None


async def test_another_recipe_asks_again():
    source, destination = tree(objects=False), FakeStorage(objects=True)
    first, _ = await run(source, destination)
    _, asked = await run(source, destination, first.baseline, posix_permissions="None")
    assert len(asked) == 4
    _, asked = await run(source, destination, first.baseline, bytes_per_second=1000)
    assert asked == []


KNOWN = Baseline(
    recipe=plan_of().hash(),
    source_time=moment(5_000),
    destination_time=moment(7_000),
    source_root="1:2",
    destination_root="3:4",
)
SEEN = Beginning(Standing("1:2"), Standing("3:4", 7_000), 9_000)
USED = CompareOptions(source_before_ns=5_000, destination_until_ns=7_000)


@pytest.mark.parametrize(
    ("known", "seen", "used"),
    [
        (KNOWN, SEEN, True),
        (KNOWN, SEEN._replace(destination=Standing("3:4", 8_000)), True),
        (KNOWN, SEEN._replace(source=Standing("9:2")), False),
        (KNOWN, SEEN._replace(destination=Standing("3:9", 8_000)), False),
        (KNOWN, SEEN._replace(destination=Standing("3:4", 6_001)), True),
        (KNOWN, SEEN._replace(destination=Standing("3:4", 6_000)), False),
        (KNOWN.model_copy(update={"recipe": "0" * 64}), SEEN, False),
        (KNOWN, None, False),
        (None, SEEN, False),
    ],
    ids=[
        "holds",
        "the destination's root changed later",
        "another source",
        "another destination",
        "its root changed with our last write, less than a microsecond before",
        "the destination was put back",
        "another recipe",
        "nothing is known of the sides",
        "no baseline",
    ],
)
def test_when_a_baseline_holds(known, seen, used):
    found = with_proof(CompareOptions(), plan_of(baseline=known), seen)
    assert found == (USED if used else CompareOptions())


def test_the_proof_changes_no_other_option():
    options = CompareOptions(delete=True, uid=False)
    found = with_proof(options, plan_of(baseline=KNOWN), SEEN)
    assert replace(found, source_before_ns=0, destination_until_ns=-1) == options


async def test_what_was_skipped_is_looked_at_again_for_a_restored_object_has_its_old_stamp():
    source, destination = FakeStorage(objects=True).put(b"cold", b"new"), FakeStorage()
    destination.put(b"cold", b"old", metadata=FILE._replace(mtime_ns=1))
    source.trouble = lambda name, key: errors.Archived("archived", key) if name == "read" else None
    board, _ = await run(source, destination)
    assert ([skip.code for skip in board.tally.skips()], board.baseline) == (["Archived"], None)
