"""docs/logging.md: every event of a run's log stands there, with all of its fields, and no other."""

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

from datasync_api.report import TransferResult
from manifests import ROOT
from runner.test_process import make_plan, posix, run

HEAD = {"time", "level", "event"}
EVENT_OF = {"_log.info": 0, "_log.warning": 0, "_log.error": 0, "_head": 1, "log_line": 2}
"""Which argument of a call is the event."""
ROW = r"\| `(\w+)` \| (?:Off|Basic|Transfer) \|.*\| (.*) \|"


def documented() -> dict[str, list[set[str]]]:
    """The fields of each event, once for each of its rows; what is inside of a field is left out."""
    found = defaultdict(list)
    for event, cell in re.findall(ROW, (ROOT / "docs" / "logging.md").read_text()):
        found[event].append(set(re.findall(r"`(\w+)`", re.sub(r"\{.*?\}", "", cell))))
    return found


def logged() -> Iterator[str]:
    """The events in the runner's text: of its logger, and of lines that are made without one."""
    for file in (ROOT / "transfer_runner").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            place = EVENT_OF.get(name)
            words = ast.walk(node.args[place]) if place is not None else ()
            yield from (w.value for w in words if isinstance(w, ast.Constant))


@pytest.fixture
def lines(tmp_path):
    """Of a run with something of everything."""
    source, destination = tmp_path / "a", tmp_path / "b"
    for path in (source / "folder", destination / "taken"):
        path.mkdir(parents=True)
    for name in ("folder/new", "taken", "touched"):
        (source / name).write_text(name)
    os.mkfifo(source / "fifo")
    (destination / "taken/kept").touch()
    (destination / "gone").touch()
    (destination / "touched").write_text("touched")
    told = (source / "touched").stat()
    os.utime(destination / "touched", ns=(told.st_atime_ns, told.st_mtime_ns))
    (destination / "touched").chmod(0o600)
    plan = make_plan(
        posix(source),
        posix(destination),
        options={"logLevel": "Transfer", "preserveDeletedFiles": "Remove"},
        guards={"maxDeletePercent": 0, "maxDeletedFiles": 0},
        baseline={
            "recipe": "0" * 64,
            "sourceTime": "2026-05-01T03:00:00Z",
            "destinationTime": "2026-05-01T03:00:00Z",
            "sourceRoot": "",
            "destinationRoot": "",
        },
    )
    _, result, held = run(tmp_path, plan)
    _, _, done = run(tmp_path, {**plan, "acknowledge": result.hold.token})
    return [*held, *done]


def test_every_event_stands_in_it() -> None:
    assert set(documented()) == set(logged())


def test_every_field_stands_in_it(lines) -> None:
    known = documented()
    for line in lines:
        assert any(line.keys() - HEAD <= fields for fields in known[line["event"]]), line
    assert {line["event"] for line in lines} >= {
        *(
            "started",
            "baseline",
            "phase",
            "transferred",
            "skipped",
            "failure",
            "deleted",
            "finished",
        )
    }


def test_the_last_line_has_the_fields_of_a_result() -> None:
    (fields,) = documented()["finished"]
    told = {field.alias or name for name, field in TransferResult.model_fields.items()}
    assert fields == {"exitCode", *told} - {"version", "executionUid", "logDelivery"}
