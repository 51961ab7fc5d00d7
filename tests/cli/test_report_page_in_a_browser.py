"""The page of a report in a real browser: what a reader sees, at a desk and on a phone."""

from pathlib import Path
from typing import Any

import pytest

from cli.command import datasync
from fixtures.browser import Browser, Tab
from fixtures.s3 import S3Server
from invalid_manifests import location, manifest

pytestmark = [pytest.mark.storage, pytest.mark.timeout(120)]
DESK, PHONE = 1280, 390
HOSTILE = (
    "<img src=x onerror=document.title='taken'>",
    "<script>document.title='taken'<",
    "script>",
    "turned\u202egnp.exe\nnext line",
    "ملف",
)
SHOWN = "/".join(HOSTILE[:3]) + r"/turned\u202egnp.exe\nnext line/ملف/"
CONTRAST_MIN = 4.5
"""WCAG 2.1, 1.4.3: text on its background, level AA."""

COLUMN_ON_A_PHONE = "getComputedStyle(document.querySelector('td:last-child'), '::before').content"
LINES = """[...document.querySelectorAll('th')].filter(cell => cell.offsetParent).map(cell => {
    const range = document.createRange(); range.selectNodeContents(cell);
    return range.getClientRects().length; })"""
COLOURS = """['h1', '.outcome', '.why', '.route', '.facts dt', '.facts dd', 'thead th', 'tbody td',
    '.chart span', '.pairs dt', 'code'].map(name => {
    const text = document.querySelector(name); let back = text;
    const colour = element => getComputedStyle(element).backgroundColor;
    while (colour(back) === 'rgba(0, 0, 0, 0)') back = back.parentElement;
    return [name, getComputedStyle(text).color, colour(back)]; })"""


@pytest.fixture
def report(tmp_path: Path, s3_server: S3Server, bucket: str) -> Path:
    """Of a run where a folder and a file of hostile names are too long for keys, and two files are not."""
    deep = tmp_path.joinpath("tree", *HOSTILE, *["n" * 200] * 5)
    deep.mkdir(parents=True)
    (deep / "too-deep").write_bytes(b"1")
    (tmp_path / "tree" / "small").write_bytes(b"2" * 1000)
    (tmp_path / "tree" / "large").write_bytes(b"3" * 5_000_000)
    manifests = tmp_path / "manifests.yaml"
    manifests.write_text(
        "---\n".join(
            (
                "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData:\n"
                f"  AWS_ACCESS_KEY_ID: '{s3_server.access_key}'\n"
                f"  AWS_SECRET_ACCESS_KEY: '{s3_server.secret_key}'\n",
                location("{persistentVolumeClaim: {claimName: data}}").replace("example", "nas"),
                location(
                    f"{{objectStorage: {{endpoint: '{s3_server.endpoint}', allowInsecure: true, "
                    f"bucket: {bucket}, credentialsSecretRef: {{name: keys}}}}}}"
                ).replace("example", "bucket"),
                manifest(
                    "DataSyncTask",
                    "{sourceLocationRef: {name: nas}, destinationLocationRef: {name: bucket}}",
                ),
            )
        )
    )
    file = tmp_path / "report.html"
    told = datasync(
        *("run", "-f", manifests, "--mount", f"nas={tmp_path / 'tree'}", "--baseline", "none"),
        *("--report", file),
        runner=None,
        NO_PROXY="127.0.0.1",
        no_proxy="127.0.0.1",
    )
    assert told.code == 1, told.err
    return file


def count(tab: Tab, selector: str) -> int:
    return tab.value(f"document.querySelectorAll({selector!r}).length")


def contrast(one: str, other: str) -> float:
    """Of two colours as CSS computes them."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(word) / 255 for word in colour.strip("rgb()").split(",")]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_it_is_read_at_a_desk_and_on_a_phone(
    browser: Browser, report: Path, width: int, dark: bool
) -> None:
    tab = browser.open(report, width=width, dark=dark)
    assert tab.trouble() == []

    text = tab.value("document.body.innerText")
    for told in (
        "example", "Error", "FilesFailed: 2 items failed", "2 files", "2 items", "NameNotRepresentable",
        "an S3 key has at most 1024 bytes", "Throughput over time", "below 4.0 KiB", "options.verifyMode", "planHash",
    ):  # fmt: skip
        assert told in text, told
    assert "How to fix it" in text + tab.value(COLUMN_ON_A_PHONE)
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert set(tab.value(LINES)) == {1}  # no heading is broken into letters
    labels: list[float] = tab.value(
        "[...document.querySelectorAll('.chart span')].map(s => s.getBoundingClientRect().height)"
    )
    assert len(labels) == 6
    assert min(labels) >= 10

    colours: list[Any] = tab.value(COLOURS)
    assert {name for name, *pair in colours if contrast(*pair) < CONTRAST_MIN} == set()
    [paper] = [back for name, _, back in colours if name == "h1"]
    assert (_luminance(paper) < 0.1) is dark


def test_names_of_files_are_nothing_but_text(browser: Browser, report: Path) -> None:
    tab = browser.open(report, width=DESK)
    assert tab.value("document.title") == "example: Error"
    assert count(tab, "script, img") == 0
    assert SHOWN in tab.value("document.querySelector('td code').innerText")
    assert tab.trouble() == []


def test_paper_is_white_and_has_the_bars(browser: Browser, report: Path) -> None:
    tab = browser.open(report, width=DESK, dark=True)
    assert tab.printed().startswith(b"%PDF")
    tab.for_paper()
    text, bar = tab.value(
        "[getComputedStyle(document.body).color,"
        " getComputedStyle(document.querySelector('.share div')).printColorAdjust]"
    )
    assert _luminance(text) < 0.1
    assert bar == "exact"


def test_a_page_that_misbehaves_is_seen(browser: Browser, tmp_path: Path) -> None:
    """The judge itself: a silent one would pass any page."""
    page = tmp_path / "page.html"
    page.write_text(
        '<img src="http://127.0.0.1:9/x.png"><script>console.error("told"); throw Error("x")</script>'
    )
    tab = browser.open(page, width=PHONE)
    assert {event["method"] for event in tab.trouble()} >= {
        "Network.requestWillBeSent",
        "Runtime.consoleAPICalled",
        "Runtime.exceptionThrown",
    }
