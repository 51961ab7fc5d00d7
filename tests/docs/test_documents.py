"""What the documents say is so: manifests are valid, links lead somewhere, every reason is explained."""

import re
from pathlib import Path

import pytest

from awkward_names import TABLE
from datasync_api.conditions import Reason
from datasync_cli.__main__ import main
from manifests import ROOT, Snippet, snippets

PROGRESS = {
    "Launching", "Running", "Retrying", "CancelRequested", "Cancelled", "Succeeded", "Valid", "Reached",
    "DriverInstalled", "NodesReady", "NoMatchingNode", "NoExecution", "InternalError", "LogsDelivered",
}  # fmt: skip


OURS = [snippet for snippet in snippets() if "datasync.dev/" in snippet.text]


@pytest.mark.parametrize("snippet", OURS, ids=lambda snippet: snippet.where)
def test_every_manifest_is_valid(snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_text(snippet.text)
    assert main(["validate", "-f", str(file)]) == 0


@pytest.mark.parametrize(
    "document",
    ["README.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))],
)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", path.read_text()):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), f"{document} links to {link}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in anchors, f"{document} links to {link}"


def test_every_reason_of_a_failure_is_explained() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    unexplained = {reason for reason in Reason if reason not in PROGRESS and reason not in text}
    assert not unexplained


def test_the_table_of_names_is_the_tested_one() -> None:
    text = (ROOT / "docs" / "names.md").read_text().replace(r"\|", "\0")
    rows = [
        tuple(cell.strip().replace("\0", "|") for cell in line.strip("|").split("|"))
        for line in text.split("\n\n")[3].splitlines()[2:]
    ]
    assert rows == [(row.what, row.to_files, row.to_objects, row.to_share) for row in TABLE]


def test_every_reason_is_used() -> None:
    code = "".join(p.read_text() for p in ROOT.glob("*/datasync_*/**/*.py"))
    unused = {reason for reason in Reason if f"Reason.{reason.name}" not in code}
    assert not unused


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named <= targets
