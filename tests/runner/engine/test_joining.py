"""Names that were one file are linked in the end, and what could not be linked is told."""

import logging
import time

import pytest

from datasync_api.task import Guards
from datasync_runner.core.entry import Entry, Kind, PosixMetadata, StatedInode
from datasync_runner.core.restored import State, record_of
from datasync_runner.engine import pipeline
from datasync_runner.engine.joining import Joining
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.engine.spool import Spool
from datasync_runner.storage import errors
from datasync_runner.storage.posix.storage import PosixStorage
from fakes.runs import plan_of
from fakes.storage import FakeStorage
from storage.sides import posix_side


class Linking(FakeStorage):
    """A file system with links."""

    async def link(self, links):
        return self._each("link", [one.entry for one in links], lambda entry: entry)


async def nothing_to_move(fill):
    raise AssertionError("all was read")


async def joined(destination, names):
    board = Board("u", time.monotonic)
    joining = Joining(Patient(destination), board, None, verifies=True, move=nothing_to_move)
    with Spool() as records:
        for key in names:
            meta = PosixMetadata(0o644, 1, 1, 5, 5)
            entry = Entry(key, Kind.FILE, 3, 5, meta, node=StatedInode(7))
            records.push(record_of(entry, 1, State.WRITTEN))
        await joining.run(records)
    assert board.tally.files_transferred == 0  # those that have read them counted them


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.WARNING, "datasync_runner.engine.joining")
    return lambda: [(one.message, one.fields) for one in caplog.records]


async def test_what_can_be_linked_is_linked_and_nothing_is_told(told):
    destination = Linking()
    await joined(destination, [b"a", b"b", b"c"])
    assert destination.calls == ["link b", "link c"]
    assert told() == []


async def test_links_that_fail_are_told_in_one_line_with_the_first(told):
    names = [b"%03d" % number for number in range(100)]
    failing = set(names[40:])
    destination = Linking(
        trouble=lambda _, key: errors.NotSupported("no links", key) if key in failing else None
    )
    await joined(destination, names)
    fields = {
        "count": 60, "samplePath": "/040", "code": "NotSupported", "message": "no links",
    }  # fmt: skip
    assert told() == [("notLinked", fields)]
    assert len(destination.calls) == 99


async def test_names_that_waited_for_the_deletions_are_linked_too(tmp_path):
    bucket = FakeStorage(objects=True)
    for key in (b"a", b"x/b", b"y"):
        bucket.put(key, b"one", node=StatedInode(7))
    (tmp_path / "x").write_bytes(b"a file becomes a folder")
    (tmp_path / "y").mkdir()
    (tmp_path / "y/inner").write_bytes(b"a folder becomes a file")
    options = {"preserve_deleted_files": "Remove", "uid": "None", "gid": "None"}
    plan = plan_of(**options, guards=Guards(max_delete_percent=100))
    folder = PosixStorage(posix_side(tmp_path), writes=True, sets_owner=False, started_ns=0)
    board = Board("u", time.monotonic)
    try:
        await run_plan(plan, bucket, folder, board)
    finally:
        await folder.close()
    assert not board.tally.failures()
    assert (tmp_path / "a").read_bytes() == b"one"
    assert len({(tmp_path / name).stat().st_ino for name in ("a", "x/b", "y")}) == 1


async def test_a_run_that_ends_while_it_deletes_has_linked_before(tmp_path, monkeypatch):
    bucket = FakeStorage(objects=True)
    for key in (b"a", b"b"):
        bucket.put(key, b"one", node=StatedInode(7))
    (tmp_path / "gone").write_bytes(b"")

    async def stopped(*_, **__):
        raise errors.Unreachable("the server is gone")

    monkeypatch.setattr(pipeline, "delete_extra", stopped)
    options = {"preserve_deleted_files": "Remove", "uid": "None", "gid": "None"}
    plan = plan_of(**options, guards=Guards(max_delete_percent=100))
    folder = PosixStorage(posix_side(tmp_path), writes=True, sets_owner=False, started_ns=0)
    try:
        with pytest.raises(errors.Unreachable):
            await run_plan(plan, bucket, folder, Board("u", time.monotonic))
    finally:
        await folder.close()
    assert (tmp_path / "a").stat().st_ino == (tmp_path / "b").stat().st_ino
