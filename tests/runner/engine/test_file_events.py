"""What is told of single files, level by level, over whole runs in memory."""

import json
import time

import pytest

from datasync_api.plan import TransferPlan
from datasync_api.sides import PosixSide
from datasync_api.size_classes import SizeClass
from datasync_api.task_options import TaskOptions
from datasync_runner.core.tally import Tally
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.storage.errors import Denied
from fakes.storage import FILE, FakeStorage

_WRITES = ("write", "delete")


def plan(*, count_sizes=False, **options):
    side = PosixSide(uri="nfs://h/a/", root="/a")
    return TransferPlan(
        execution={"namespace": "n", "name": "e", "uid": "u"},
        source=side,
        destination=side,
        options=TaskOptions(**options),
        count_sizes=count_sizes,
    )


async def told(source, destination, asked):
    """The lines of a run, as (event, path, transferType), and its books."""
    lines = []
    board = Board("u", time.monotonic)
    board.files = FileEvents.of(asked, board.tally, lines.extend)
    await run_plan(asked, source, destination, board)
    parsed = [json.loads(line) for line in lines]
    assert all(line["level"] == "INFO" for line in parsed)
    return [(p["event"], p["path"], p.get("transferType")) for p in parsed], board.tally


@pytest.mark.parametrize("level", ["Off", "Basic"])
def test_nobody_is_told_below_transfer(level):
    assert FileEvents.of(plan(log_level=level), Tally(), list) is None


async def test_every_file_and_folder_that_was_written_or_deleted_has_a_line():
    source, destination = FakeStorage(), FakeStorage()
    source.put(b"a/").put(b"a/new", b"xx").put(b"mode", b"m").put(b"same", b"s")
    destination.put(b"old/").put(b"old/file", b"o").put(b"same", b"s")
    destination.put(b"mode", b"m", metadata=FILE._replace(mode=0o600))
    lines, tally = await told(
        source, destination, plan(log_level="Transfer", preserve_deleted_files="Remove")
    )
    assert sorted(line for line in lines if line[0] != "verified") == [
        ("deleted", "/old", None),
        ("deleted", "/old/file", None),
        ("transferred", "/a", "MetadataOnly"),
        ("transferred", "/a/new", "ContentAndMetadata"),
        ("transferred", "/mode", "MetadataOnly"),
    ]
    assert tally.files_skipped == 1


async def test_what_was_read_back_has_a_line_of_its_own():
    source, destination = FakeStorage().put(b"x", b"x"), FakeStorage()
    lines, tally = await told(source, destination, plan(log_level="Transfer"))
    assert tally.files_verified == 1
    assert lines == [("transferred", "/x", "ContentAndMetadata"), ("verified", "/x", None)]


async def test_what_failed_is_not_said_to_be_done():
    source, destination = FakeStorage(), FakeStorage()
    source.put(b"x", b"x")
    destination.put(b"y", b"y")
    destination.trouble = lambda call, key: Denied("no", key) if call in _WRITES else None
    lines, tally = await told(
        source, destination, plan(log_level="Transfer", preserve_deleted_files="Remove")
    )
    assert lines == []
    assert tally.failure_count() == 2


async def test_what_is_damaged_is_transferred_and_not_verified():
    source, destination = FakeStorage().put(b"x", b"x"), FakeStorage(spoil=True)
    lines, tally = await told(source, destination, plan(log_level="Transfer"))
    assert lines == [("transferred", "/x", "ContentAndMetadata")]
    assert tally.failures()[0].code == "VerificationFailed"


async def test_sizes_are_counted_where_they_are_asked_for():
    source = FakeStorage().put(b"empty").put(b"page", b"x" * 4095).put(b"more", b"x" * 4096)
    lines, tally = await told(source, FakeStorage(), plan(count_sizes=True))
    assert lines == []
    assert tally.size_classes() == [
        SizeClass(below_bytes=4096, files=2, size_bytes=4095),
        SizeClass(below_bytes=65_536, files=1, size_bytes=4096),
    ]
