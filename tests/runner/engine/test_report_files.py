"""Files of a report: cut at 5 MB, written while the run goes on, and never the run's misfortune."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime

import pytest

from datasync_api.plan import ExecutionIdentity
from datasync_api.sides import PosixSide
from datasync_runner.core.report_entries import ReportEntry
from datasync_runner.engine import report_files
from datasync_runner.engine.report_files import PIECE_BYTES, ReportFiles
from datasync_runner.storage import errors
from fakes.storage import FakeStorage

SIDE = PosixSide(uri="nfs://nas/told/", root="/mnt/report")
RUN = ExecutionIdentity(namespace="site", name="nightly-1", uid="0123456789", task="nightly")
BEGAN = datetime(2026, 5, 1, 3, tzinfo=UTC)
STEM = "site.nightly/nightly-1-01234567/nightly-1"


class Storage(FakeStorage):
    closed = False

    async def close(self):
        self.closed = True


def files_to(storage):
    return ReportFiles(SIDE, RUN, began=BEGAN, storage=lambda: storage)


async def written(files, entries):
    uploading = asyncio.create_task(files.upload())
    files.keep(entries)
    files.close()
    await uploading
    return await files.conclude(b"{}", b"<html>")


async def test_pieces_of_five_megabytes_hold_every_entry_once():
    storage = Storage()
    texts = [json.dumps({"RelativePath": f"/{n}", "filler": "x" * 1000}) for n in range(11_000)]
    told = await written(files_to(storage), [ReportEntry("transferred", text) for text in texts])
    pieces = {k.decode(): c.body for k, c in storage.items.items() if b"Detailed-Reports" in k}
    assert sorted(pieces) == [
        f"Detailed-Reports/{STEM}.files-transferred-v00001-20260501T030000Z-{n:05d}.json"
        for n in (1, 2, 3)
    ]
    found = []
    for name in sorted(pieces):
        assert len(pieces[name]) <= PIECE_BYTES
        document = json.loads(pieces[name])
        assert list(document) == ["TaskExecutionId", "Transferred"]
        found += document["Transferred"]
    assert [json.dumps(entry) for entry in found] == texts
    assert (told.status, told.files) == ("Success", 5)
    assert told.uri == f"nfs://nas/told/Summary-Reports/{STEM}.summary-20260501T030000Z.json"
    assert told.sha256 == hashlib.sha256(b"{}").hexdigest()
    assert storage.closed


async def test_each_kind_has_files_of_its_own():
    storage = Storage(objects=True)
    kinds = ("transferred", "verified", "deleted", "skipped")
    await written(files_to(storage), [ReportEntry(kind, '{"a":1}') for kind in kinds])
    assert "check" not in storage.calls  # the right to put objects is enough
    bodies = [c.body for k, c in storage.items.items() if b"Detailed-Reports" in k]
    assert sorted(list(json.loads(body))[1] for body in bodies) == [
        "Deleted",
        "Skipped",
        "Transferred",
        "Verified",
    ]
    types = {c.entry.headers.content_type for c in storage.items.values()}
    assert types == {"application/json", "text/html; charset=utf-8"}


@pytest.mark.parametrize("trouble", [errors.Denied("no right"), OSError("gone")])
async def test_a_place_that_takes_nothing_is_told(trouble):
    class Locked(Storage):
        async def write_small(self, contents):
            if isinstance(trouble, OSError):
                raise trouble
            return [trouble]

    told = await written(files_to(Locked()), [ReportEntry("deleted", "{}")])
    assert told.status == "Error"
    assert (told.uri, told.sha256, told.files) == ("", "", 0)
    assert "was not written to nfs://nas/told/" in told.error_detail


async def test_a_full_disk_is_told(monkeypatch):
    class Full:
        def __init__(self, *_):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_files.tempfile, "SpooledTemporaryFile", Full)
    told = await written(files_to(Storage()), [ReportEntry("deleted", "{}")] * 2)
    assert told.status == "Error"
    assert "ephemeral storage" in told.error_detail
    assert told.files == 2  # summary and page go their way all the same


async def test_memory_is_that_of_what_is_being_filled():
    files = files_to(Storage())
    entries = [ReportEntry("skipped", json.dumps({"p": "x" * 990}))] * 1000
    for _ in range(19):
        files.keep(entries)
    held = list(files._open.values())
    assert all(piece._file._rolled for piece in held)  # on disk
    assert files._full.qsize() == 3
    assert all(piece._file._rolled for piece in files._full._queue)
    files.close()
    await files.release()
