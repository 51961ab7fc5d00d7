"""A run's report from its start to its end, with a place that hangs among them."""

import asyncio
import contextlib
import json
import time

import pytest

from datasync_api.plan import ExecutionIdentity, PlannedReport, TransferPlan
from datasync_api.sides import PosixSide
from datasync_api.task_options import TaskOptions
from datasync_runner.engine import pipeline, task_report
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.progress import Board
from datasync_runner.engine.report_files import ReportFiles
from datasync_runner.engine.task_report import TaskReport
from datasync_runner.storage import errors
from fakes.storage import FakeStorage
from runner.core.test_report_summary import result
from runner.engine.test_report_files import BEGAN, Storage

BOTH, ERRORS = "SuccessesAndErrors", "ErrorsOnly"


def plan(**report):
    levels = dict.fromkeys(("transferred", "verified", "deleted", "skipped"), BOTH)
    planned = PlannedReport(
        **{
            "destination": PosixSide(uri="nfs://nas/told/", root="/mnt/report"),
            "output_type": "Standard",
            "object_version_ids": True,
            "html": True,
            **levels,
            **report,
        }
    )
    side = PosixSide(uri="nfs://nas/a/", root="/a")
    return TransferPlan(
        execution=ExecutionIdentity(namespace="n", name="run", uid="uid", task="nightly"),
        source=side,
        destination=side.model_copy(update={"uri": "nfs://nas/b/"}),
        options=TaskOptions(preserve_deleted_files="Remove"),
        guards={"max_delete_percent": 100},
        report=planned,
    )


def trouble(method, key):
    if (method, key) in (("read", b"bad"), ("delete", b"stuck")):
        return errors.Denied("no right", key)
    if (method, key) == ("verify", b"spoilt"):
        return errors.VerificationFailed("it differs", key)
    return None


async def entries_of(the_plan):
    source, destination = FakeStorage(trouble=trouble), FakeStorage(trouble=trouble)
    for key in (b"bad", b"good", b"same", b"spoilt", b"over"):
        source.put(key, b"x" + key)
    destination.put(b"same", b"xsame").put(b"extra").put(b"stuck").put(b"over", b"o")
    board = Board("uid", time.monotonic)
    kept = []
    board.files = FileEvents.of(the_plan, board.tally, lambda _: None, keep=kept.extend)
    await pipeline.run_plan(the_plan, source, destination, board)
    found = {}
    for kind, text in kept:
        entry = json.loads(text)
        status = next(value for name, value in entry.items() if name.endswith("Status"))
        found.setdefault(kind, {})[entry["RelativePath"]] = status
    return found, {
        e["RelativePath"]: e["Overwrite"]
        for k, t in kept
        if k == "transferred" and "Overwrite" in (e := json.loads(t))
    }


async def test_everything_that_happens_is_told():
    found, overwrite = await entries_of(plan())
    assert found["transferred"] | {"/": ""} == {
        "/bad": "FAILED",
        "/good": "SUCCESS",
        "/spoilt": "SUCCESS",
        "/over": "SUCCESS",
        "/": "",
    }
    assert overwrite == {"/good": "False", "/spoilt": "False", "/over": "True"}
    assert found["skipped"] == {"/same": "SUCCESS"}
    assert found["deleted"] == {"/extra": "SUCCESS", "/stuck": "FAILED"}
    assert found["verified"]["/spoilt"] == "FAILED"
    assert found["verified"]["/good"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["transferred", "verified", "deleted", "skipped"])
async def test_each_level_stands_for_itself(kind):
    found, _ = await entries_of(plan(**{kind: ERRORS}))
    assert "SUCCESS" not in found.get(kind, {}).values()
    others = {"transferred", "verified", "deleted", "skipped"} - {kind}
    assert all("SUCCESS" in found[other].values() for other in others)


async def test_a_summary_needs_no_entries():
    the_plan = plan(output_type="SummaryOnly")
    assert (await entries_of(the_plan))[0] == {}


async def test_a_summary_and_a_page_are_the_last_files():
    storage = Storage()
    board = Board("uid", time.monotonic)
    the_plan = plan(output_type="SummaryOnly")
    files = ReportFiles(
        the_plan.report.destination, the_plan.execution, began=BEGAN, storage=lambda: storage
    )
    report = TaskReport(the_plan, board, files)
    report.begin()
    told = await report.conclude(result(), asyncio.Event(), within_seconds=5)
    assert told.status == "Success"
    bodies = {key.decode().rpartition(".")[2]: c.body for key, c in storage.items.items()}
    assert json.loads(bodies["json"])["FilesTransferred"] == 3
    assert b"nightly" in bodies["html"]


async def test_a_place_that_hangs_is_left():
    class Hangs(Storage):
        async def write_small(self, contents):
            await asyncio.Event().wait()

    storage = Hangs()
    the_plan = plan(html=False)
    files = ReportFiles(
        the_plan.report.destination, the_plan.execution, began=BEGAN, storage=lambda: storage
    )
    report = TaskReport(the_plan, Board("uid", time.monotonic), files)
    report.begin()
    told = await report.conclude(result(), asyncio.Event(), within_seconds=0.01)
    assert (told.status, told.files) == ("Error", 0)
    assert "took longer than 0.01 s" in told.error_detail
    assert storage.closed


async def test_a_place_that_cannot_be_called_off_is_left_too(monkeypatch):
    """A thread that waits for a mount whose server is gone."""
    monkeypatch.setattr(task_report, "LET_GO_SECONDS", 0.01)
    back = asyncio.Event()

    class Hangs(Storage):
        async def write_small(self, contents):
            while not back.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await back.wait()

    the_plan = plan(html=False)
    files = ReportFiles(the_plan.report.destination, the_plan.execution, began=BEGAN, storage=Hangs)
    report = TaskReport(the_plan, Board("uid", time.monotonic), files)
    report.begin()
    stop = asyncio.Event()
    stop.set()
    told = await report.conclude(result(), stop, when_stopped_seconds=0.01)
    assert (told.status, told.files) == ("Error", 0)
    back.set()
