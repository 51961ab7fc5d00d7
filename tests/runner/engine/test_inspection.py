"""compareMode Checksum: what no baseline proves is compared by content, and only that."""

import time

import pytest

from datasync_api.plan import TransferPlan
from datasync_api.sides import PosixSide
from datasync_api.task_options import TaskOptions
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.storage import errors
from fakes.storage import FILE, FakeStorage

KINDS = pytest.mark.parametrize(
    ("source_objects", "destination_objects"),
    [(False, True), (True, False), (True, True), (False, False)],
)


async def run(source, destination, baseline=None, **options):
    side = PosixSide(uri="nfs://h/a/", root="/a")
    plan = TransferPlan(
        execution={"namespace": "n", "name": "e", "uid": "u"},
        source=side,
        destination=side,
        options=TaskOptions(**({"compare_mode": "Checksum"} | options)),
        baseline=baseline,
    )
    board = Board("u", time.monotonic)
    source.calls.clear()
    destination.calls.clear()
    await run_plan(plan, source, destination, board)
    return board


def tree(objects=False):
    made = FakeStorage(objects)
    return made.put(b"a", b"aaa").put(b"b", b"bbb").put(b"large", b"l" * (SMALL_BYTES + 1))


def counted(board):
    tally = board.tally
    return tally.files_transferred, tally.files_metadata_updated, tally.files_skipped


@KINDS
async def test_other_bytes_of_the_same_size_and_time_are_seen(source_objects, destination_objects):
    source, destination = tree(source_objects), FakeStorage(destination_objects)
    await run(source, destination)
    assert counted(await run(source, destination)) == (0, 0, 3)
    source.put(b"a", b"AAA")
    destination.put(b"large", b"?" * (SMALL_BYTES + 1))
    assert counted(await run(source, destination, compare_mode="Properties")) == (0, 0, 3)
    assert counted(await run(source, destination)) == (2, 0, 1)
    assert {k: c.body for k, c in destination.items.items()} == {
        k: c.body for k, c in source.items.items()
    }


@KINDS
async def test_the_same_bytes_with_another_time_are_not_sent(source_objects, destination_objects):
    source, destination = tree(source_objects), FakeStorage(destination_objects)
    await run(source, destination)
    source.put(b"a", b"aaa", metadata=FILE._replace(mtime_ns=7_000_000_000))
    assert counted(await run(source, destination)) == (0, 1, 2)
    assert destination.items[b"a"].entry.metadata.mtime_ns == 7_000_000_000


@KINDS
async def test_what_the_baseline_proves_is_not_read(source_objects, destination_objects):
    source, destination = tree(source_objects), FakeStorage(destination_objects)
    tags = {"object_tags": "PreserveOnTransfer"}
    first = await run(source, destination, **tags)
    source.put(b"b", b"BBB")
    second = await run(source, destination, first.baseline, **tags)
    assert counted(second) == (1, 0, 2)
    reads = {call.split()[1] for call in source.calls + destination.calls if "read" in call}
    assert reads == {"b"}
    assert not [call for call in source.calls + destination.calls if call.startswith("open")]


async def test_what_cannot_be_read_fails_alone():
    source, destination = tree(), FakeStorage()
    await run(source, destination)
    destination.trouble = lambda name, key: (
        errors.Denied("no", key) if (name, key) == ("read", b"a") else None
    )
    board = await run(source, destination)
    assert [failure.code for failure in board.tally.failures()] == ["Denied"]
    assert (board.tally.failed["prepare"], board.tally.files_skipped) == (1, 2)
