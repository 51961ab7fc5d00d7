"""A location that is looked at without a run, by a runner as a process: its answer and its code."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datasync_api.report import TransferResult

UID = "0123456789"


def posix(root: Path, path: str = "") -> dict[str, Any]:
    return {"kind": "Posix", "uri": f"nfs://h{root}/", "root": str(root), "path": path}


def start(tmp_path: Path, plan: Any) -> "subprocess.Popen[str]":
    path = tmp_path / "check.json"
    path.write_text(plan if isinstance(plan, str) else json.dumps(plan))
    command = [sys.executable, "-m", "datasync_runner", "--check", str(path)]
    return subprocess.Popen(
        [*command, "--result", str(tmp_path / "result")], stdout=subprocess.PIPE, text=True
    )


def finish(tmp_path: Path, process: "subprocess.Popen[str]") -> tuple[int, TransferResult]:
    process.communicate(timeout=15)
    result = TransferResult.model_validate_json((tmp_path / "result").read_bytes())
    return process.returncode, result


def look(tmp_path: Path, location: Any) -> tuple[int, TransferResult]:
    return finish(tmp_path, start(tmp_path, {"uid": UID, "location": location}))


def test_a_folder_lets_us_in_and_nothing_changes_there(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x").write_text("x")
    before = folder.stat().st_mtime_ns
    code, result = look(tmp_path, posix(folder))
    assert (code, result.outcome, result.error, result.execution_uid) == (0, "Success", None, UID)
    assert result.reached.source is not None
    assert result.counters.files_listed_at_source == 0
    assert [one.name for one in folder.iterdir()] == ["x"]
    assert folder.stat().st_mtime_ns == before


def test_a_folder_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    code, result = look(tmp_path, posix(tmp_path / "folder", "not/there"))
    assert (code, result.outcome, result.reached.source) == (10, "Error", None)
    assert result.error is not None
    assert (result.error.code, result.error.location) == ("ConfigurationInvalid", "source")
    assert "check that the path exists" in result.error.detail
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_says_nothing_holds_up_no_stop(tmp_path: Path, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        bucket = {
            "kind": "S3",
            "uri": "s3://b/",
            "bucket": "b",
            "region": "r",
            "endpoint": f"http://127.0.0.1:{server.getsockname()[1]}",
            "addressingStyle": "Path",
            "credentialsPath": str(tmp_path / "secret"),
        }
        (tmp_path / "secret").mkdir()
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            (tmp_path / "secret" / key).write_text("key")
        process = start(tmp_path, {"uid": UID, "location": bucket})
        asked, _ = server.accept()
        process.send_signal(number)
        code, result = finish(tmp_path, process)
        asked.close()
    assert (code, result.outcome, result.reached.source) == (31, "Stopped", None)


def test_a_plan_that_cannot_be_read(tmp_path: Path) -> None:
    code, result = finish(tmp_path, start(tmp_path, "{}"))
    assert (code, result.outcome) == (10, "Error")
    assert result.error is not None
    assert (result.error.code, result.error.location) == ("ConfigurationInvalid", None)
