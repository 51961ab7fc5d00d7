"""The page of a report: whole, without scripts, network or secrets, and safe from names of files."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from datasync_api.conditions import Condition, Reason
from datasync_api.counters import Counters, FilesFailed
from datasync_api.execution import ExecutionStatus, Phase
from datasync_api.execution_progress import ExecutionResult
from datasync_api.plan import Exchange, TransferPlan
from datasync_api.report import Failure
from datasync_api.sides import PosixSide, S3Side
from datasync_api.size_classes import SizeClass
from datasync_cli.report_page import write_page
from datasync_page.page import page
from datasync_page.samples import Rate
from datasync_page.view import Told, chart, duration, recipe, size_rows

HOSTILE = "/<script>alert('x')</script>\"&"
PLAN = TransferPlan(
    execution={"namespace": "n", "name": "e", "uid": "the-uid"},
    source=PosixSide(uri="nfs://nas/export/", root="/mnt/nas"),
    destination=S3Side(
        uri="s3://archive/a/",
        bucket="archive",
        prefix="a/",
        region="eu-central-1",
        credentials_path="/tmp/run/credentials",
        ca_bundle_path="/tmp/run/ca.crt",
    ),
    options={"preserveDeletedFiles": "Remove"},
    includes=[{"value": "/projects*"}],
    exchange=Exchange(port=0, token_path="/tmp/run/token"),
)
FAILED = ExecutionStatus(
    phase=Phase.ERROR,
    start_time=datetime(2026, 5, 1, 3, 0, tzinfo=UTC),
    counters=Counters(
        files_transferred=1200,
        bytes_transferred=5_000_000,
        bytes_written=5_000_000,
        files_failed=FilesFailed(transfer=2),
    ),
    result=ExecutionResult(total_duration_ms=12_000),
    failures=[
        Failure(
            code="Denied",
            count=2,
            sample_path=HOSTILE,
            message="may not be read",
            hint="give rights",
        )
    ],
    conditions=[
        Condition(
            type="Ready", status="False", reason=Reason.FILES_FAILED, message="2 items failed"
        )
    ],
)
TOLD = Told(
    task="nightly",
    plan=PLAN,
    status=FAILED,
    sizes=[
        SizeClass(below_bytes=4096, files=900, size_bytes=1_000_000),
        SizeClass(files=300, size_bytes=4_000_000),
    ],
    rates=[Rate(0, 4, 1_000_000), Rate(4, 12, 125_000)],
)


class Page(HTMLParser):
    """The elements of a page that is nested as it should be, and its text."""

    VOID = frozenset({"meta", "link", "br", "img", "line", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += f"{data}\n"


def test_everything_that_is_known_is_on_the_page() -> None:
    text = Page(page(TOLD)).text
    for told in (
        "nightly", "Error", "FilesFailed: 2 items failed", "nfs://nas/export/", "s3://archive/a/",
        "1,200 files", "4.8 MiB", "12.0 s", "2026-05-01 03:00:00 UTC", "976.6 KiB/s",
        "Denied", "may not be read", "give rights", "below 4.0 KiB", "larger",
        "options.preserveDeletedFiles", "Remove", "/projects*",
    ):  # fmt: skip
        assert told in text, told


def test_it_needs_nothing_else() -> None:
    text = page(TOLD)
    found = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.elements)
    assert not re.search(r"url\(|@import|https?://", text)
    assert not [
        name for name, _ in found.attributes if name.startswith("on") or name in ("src", "href")
    ]
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_names_of_files_are_text_and_nothing_else() -> None:
    found = Page(page(TOLD))
    assert "script" not in found.elements
    assert HOSTILE in found.text.replace("\n", "")


def test_no_secret_and_no_place_of_one_is_told() -> None:
    assert "/tmp/run" not in page(TOLD)
    assert "the-uid" not in page(TOLD)
    assert dict(recipe(PLAN))["destination.bucket"] == "archive"


def test_a_success_that_moved_nothing() -> None:
    status = ExecutionStatus(phase=Phase.SUCCESS, counters=Counters(files_skipped=3))
    text = Page(page(Told(task="t", plan=PLAN, status=status, sizes=[], rates=[]))).text
    assert "No item failed." in text
    assert "No bytes were seen to move." in text
    assert "Sizes" not in text


def test_the_chart_spans_the_whole_run_and_its_fastest_moment() -> None:
    drawn = chart([Rate(0, 4, 1000), Rate(4, 12, 250), Rate(12, 16, 0)])
    assert drawn is not None
    assert [(bar.x, bar.width, bar.y) for bar in drawn.bars] == [
        (0, 180, 0),
        (180, 360, 135),
        (540, 180, 180),
    ]
    assert [label for _, label in drawn.rows] == ["0 B/s", "500 B/s", "1000 B/s"]
    assert drawn.columns == ["0.0 s", "8.0 s", "16.0 s"]
    assert chart([Rate(0, 1, 0)]) is None
    assert chart([]) is None


def test_shares_of_sizes_are_of_files_and_of_bytes() -> None:
    rows = size_rows(TOLD.sizes)
    assert [(row.label, row.files_percent, row.bytes_percent) for row in rows] == [
        ("below 4.0 KiB", 75.0, 20.0),
        ("larger", 25.0, 80.0),
    ]
    assert size_rows([SizeClass(below_bytes=4096, files=1, size_bytes=0)])[0].bytes_percent == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (59.9, "59.9 s"), (100, "0:01:40"), (86_400, "1 day, 0:00:00")]
)  # fmt: skip
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_page_replaces_the_last_one_whole(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    write_page(file, TOLD)
    assert file.read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_placed_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_page(tmp_path / "report.html", TOLD)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
