"""SIGTERM ends the runner, with its result, within the 30 s that a pod is given: whatever hangs.

So does the end of a run, soon after it, when the log has still to be told elsewhere.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from datasync_api.report import TransferResult
from datasync_runner.app import FLUSH_SECONDS

GRACE_SECONDS = 30
HANGS = """
import asyncio, os, sys, threading
from datasync_runner import app, run
from datasync_runner.storage.threads import Threads

def hang():
    print('{"phase": "hangs"}', flush=True)
    threading.Event().wait()

async def run_plan(*given, **more):
    await (asyncio.to_thread(hang) if sys.argv.pop(1) == "loop" else Threads(1, "t").run(hang))

run.run_plan = run_plan
os._exit(app.main(sys.argv[2:]))
"""
SLACK_SECONDS = 5
"""For a process to end that has nothing left to do, on a busy machine."""
CLOUD_WATCH = {"logGroup": "/aws/datasync", "logStream": "nightly/first", "region": "eu-west-1"}
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


def posix(root: Path) -> dict[str, str]:
    return {"kind": "Posix", "uri": f"nfs://h{root}/", "root": str(root)}


def start(folder: Path, *program: str, **more: object) -> subprocess.Popen[str]:
    """The runner from `a` to `b`."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    plan = {
        "execution": {"namespace": "n", "name": "e", "uid": "u1", "task": "t"},
        "source": posix(folder / "a"),
        "destination": posix(folder / "b"),
        "options": {"uid": "None", "gid": "None"},
        **more,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    files = ("--plan", str(folder / "plan.json"), "--result", str(folder / "result"))
    return subprocess.Popen([sys.executable, *program, *files], stdout=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], key: str, value: str) -> None:
    """Until it says so on its stdout."""
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get(key) == value:
            return
    pytest.fail(f"the runner ended before it said {key} {value}")


def stop(folder: Path, process: subprocess.Popen[str]) -> tuple[int, TransferResult]:
    """What it leaves behind when it is asked to stop; it is killed after its time, as a pod is."""
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=GRACE_SECONDS)
    finally:
        process.kill()
    assert time.monotonic() - asked < GRACE_SECONDS
    result = TransferResult.model_validate_json((folder / "result").read_bytes())
    return process.returncode, result


@pytest.mark.timeout(60)
@pytest.mark.parametrize("where", ["loop", "storage"])
def test_a_thread_that_hangs_keeps_no_result_back(tmp_path: Path, where: str) -> None:
    process = start(tmp_path, "-c", HANGS, where)
    wait_for(process, "phase", "hangs")
    code, result = stop(tmp_path, process)
    assert (code, result.outcome) == (31, "Stopped")


@pytest.mark.timeout(60)
def test_a_report_whose_place_says_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for name, value in KEYS.items():
        (tmp_path / "keys" / name).write_text(value)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        bucket = {
            "kind": "S3",
            "uri": "s3://b/",
            "bucket": "b",
            "region": "r",
            "endpoint": f"http://127.0.0.1:{port}",
            "addressingStyle": "Path",
            "credentialsPath": str(tmp_path / "keys"),
        }
        kinds = dict.fromkeys(("transferred", "verified", "deleted", "skipped"), "ErrorsOnly")
        report = {
            "destination": bucket,
            "outputType": "Standard",
            "objectVersionIds": True,
            "html": True,
            **kinds,
        }
        process = start(tmp_path, "-m", "datasync_runner", report=report)
        silent.settimeout(GRACE_SECONDS)
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)  # the run is over, and its summary is on its way
            code, result = stop(tmp_path, process)
    assert (code, result.outcome) == (0, "Success")
    assert result.report is not None
    assert result.report.status == "Error"
    assert "took longer than 8 s" in result.report.error_detail


@pytest.fixture
def silent_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """CloudWatch Logs as one that takes connections and never says a word."""
    for name, value in {**KEYS, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(GRACE_SECONDS)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", url)
        yield silent


@contextmanager
def asked(silent: socket.socket, process: subprocess.Popen[str]) -> Iterator[None]:
    """From the first request on that nobody answers; the process is over afterwards."""
    try:
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)
            yield
    finally:
        process.kill()
        process.communicate()


def check_lost(result: TransferResult) -> None:
    assert result.log_delivery is not None
    assert result.log_delivery.lost_lines > 0
    assert result.log_delivery.problem


@pytest.mark.timeout(60)
def test_a_log_that_says_nothing_keeps_no_run_from_its_end(
    tmp_path: Path, silent_log: socket.socket
) -> None:
    process = start(tmp_path, "-m", "datasync_runner", cloudWatch=CLOUD_WATCH)
    with asked(silent_log, process):
        wait_for(process, "event", "finished")
        finished = time.monotonic()
        code = process.wait(timeout=GRACE_SECONDS)
        assert time.monotonic() - finished < FLUSH_SECONDS + SLACK_SECONDS
    result = TransferResult.model_validate_json((tmp_path / "result").read_bytes())
    assert (code, result.outcome, result.error) == (0, "Success", None)
    check_lost(result)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("where", ["loop", "storage"])
def test_a_log_that_says_nothing_holds_no_stop_up(
    tmp_path: Path, silent_log: socket.socket, where: str
) -> None:
    process = start(tmp_path, "-c", HANGS, where, cloudWatch=CLOUD_WATCH)
    with asked(silent_log, process):
        wait_for(process, "phase", "hangs")
        code, result = stop(tmp_path, process)
    assert (code, result.outcome) == (31, "Stopped")
    check_lost(result)
