"""The runner as a process: exit codes, results, signals, no secrets in its words."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from datasync_api.report import Progress, TransferResult
from runner.posix.rights import needs_mknod


def posix(root, path=""):
    return {"kind": "Posix", "uri": f"nfs://h{root}/", "root": str(root), "path": path}


def make_plan(source, destination, **more):
    owner = "IntValue" if os.geteuid() == 0 else "None"
    options = {"uid": owner, "gid": owner, **more.pop("options", {})}
    return {
        "execution": {"namespace": "n", "name": "e", "uid": "u1"},
        "source": source,
        "destination": destination,
        "options": options,
        **more,
    }


def start(tmp_path, plan, *program):
    path = tmp_path / "plan.json"
    path.write_text(plan if isinstance(plan, str) else json.dumps(plan))
    return subprocess.Popen(
        [
            sys.executable,
            *(program or ("-m", "datasync_runner")),
            "--plan",
            str(path),
            "--result",
            str(tmp_path / "result"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(tmp_path, process):
    output, _ = process.communicate(timeout=15)
    lines = [json.loads(line) for line in output.splitlines()]
    result = TransferResult.model_validate_json((tmp_path / "result").read_bytes())
    return process.returncode, result, lines


def run(tmp_path, plan):
    return finish(tmp_path, start(tmp_path, plan))


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    return tmp_path / "a", tmp_path / "b"


def test_a_run_that_succeeds(tmp_path, folders):
    source, destination = folders
    (source / "x").write_text("x")
    code, result, lines = run(tmp_path, make_plan(posix(source), posix(destination)))
    assert (code, result.outcome, result.error) == (0, "Success", None)
    assert (result.prepare_status, result.transfer_status, result.verify_status) == ("Success",) * 3
    assert (destination / "x").read_text() == "x"
    assert result.start_time.replace(microsecond=0) <= result.reached.source <= result.end_time
    assert result.reached.source <= result.reached.destination <= result.end_time
    assert lines[0]["event"] == "started"
    assert lines[-1]["event"] == "finished"


def test_the_result_is_written_into_the_file_that_is_there(tmp_path, folders):
    (tmp_path / "result").write_text("x" * 5000)
    before = (tmp_path / "result").stat().st_ino
    run(tmp_path, make_plan(*map(posix, folders)))
    assert (tmp_path / "result").stat().st_ino == before


def test_files_that_fail_are_an_error_that_no_retry_helps(tmp_path, folders):
    source, destination = folders
    (source / "x").write_text("x")
    (destination / "x").mkdir()
    (destination / "x" / "y").write_text("kept")
    code, result, lines = run(tmp_path, make_plan(posix(source), posix(destination)))
    assert (code, result.outcome) == (0, "Error")
    assert (result.error.code, result.failures[0].code) == ("FilesFailed", "Conflict")
    failures = [line for line in lines if line["event"] == "failure"]
    assert [failure["path"] for failure in failures] == ["/x"]


def test_files_that_fail_and_may(tmp_path, folders):
    source, destination = folders
    for name in ("x", "y"):
        (source / name).write_text(name)
    (destination / "x").mkdir()
    (destination / "x" / "y").write_text("kept")
    tolerant = {"fileErrorPolicy": "Tolerate"}
    code, result, _ = run(tmp_path, make_plan(posix(source), posix(destination), options=tolerant))
    assert (code, result.outcome) == (0, "CompletedWithErrors")
    assert (result.error.code, result.failures[0].code) == ("FilesFailed", "Conflict")
    assert (destination / "y").read_text() == "y"


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("Off", []),
        ("Basic", ["started", "phase", "failure", "phase", "phase", "finished"]),
        ("Transfer", ["started", "phase", "failure", "phase", "transferred", "phase", "finished"]),
    ],
)
def test_the_log_says_as_much_as_the_level_asks_for(tmp_path, folders, level, events):
    source, destination = folders
    (source / "x").write_text("x")
    (source / "y").write_text("y")
    (destination / "x").mkdir()
    (destination / "x" / "kept").touch()
    plan = make_plan(*map(posix, folders), options={"logLevel": level})
    code, result, lines = run(tmp_path, plan)
    assert (code, result.counters.files_transferred) == (0, 1)
    # The first phase may end before or after the first failure.
    assert sorted(line["event"] for line in lines) == sorted(events)
    phases = [line["phase"] for line in lines if line["event"] == "phase"]
    assert phases == (["Preparing", "Transferring", "Verifying"] if events else [])
    if events:
        assert lines[0]["execution"] == {**plan["execution"], "task": ""}
        assert lines[-1]["counters"]["filesTransferred"] == 1
        assert lines[-1]["failures"][0]["code"] == "Conflict"


@pytest.mark.parametrize(("option", "kept"), [("None", False), ("Preserve", True)])
def test_device_nodes_are_kept_where_that_is_asked_for(tmp_path, folders, option, kept):
    needs_mknod(tmp_path)
    source, destination = folders
    os.mknod(source / "null", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    (tmp_path / "reports").mkdir()
    kinds = ("transferred", "verified", "deleted", "skipped")
    plan = make_plan(
        *map(posix, folders),
        options={"preserveDevices": option, "logLevel": "Transfer"},
        report={
            "destination": posix(tmp_path / "reports"),
            "outputType": "Standard",
            "objectVersionIds": True,
            "html": False,
            **dict.fromkeys(kinds, "SuccessesAndErrors"),
        },
    )
    code, result, lines = run(tmp_path, plan)
    assert (code, result.outcome) == (0, "Success")
    told = [line["path"] for line in lines if line["event"] == "skipped"]
    assert (result.counters.files_transferred, told) == ((1, []) if kept else (0, ["/null"]))
    (entry,) = [
        one
        for file in (tmp_path / "reports").rglob(f"*.files-{kinds[0 if kept else 3]}-*")
        for one in json.loads(file.read_text())["Transferred" if kept else "Skipped"]
        if one["RelativePath"] == "/null"
    ]
    assert entry["SrcMetadata"]["Type"] == "Device"
    assert [path.name for path in destination.iterdir()] == (["null"] if kept else [])
    if kept:
        found = (destination / "null").stat()
        assert (found.st_rdev, found.st_mode) == (os.makedev(1, 3), stat.S_IFCHR | 0o640)


def test_a_run_keeps_to_its_rate(tmp_path, folders):
    """The least time that it may take; how long it takes beyond that is the machine's business."""
    source, destination = folders
    (source / "x").write_bytes(bytes(1_000_000))
    options = {"bytesPerSecond": 800_000}
    _, result, _ = run(tmp_path, make_plan(posix(source), posix(destination), options=options))
    assert result.outcome == "Success"
    assert result.total_duration_ms > 1000


def test_the_exchange_is_announced_without_a_log(tmp_path, folders):
    (tmp_path / "token").write_text("the-token")
    exchange = {"host": "127.0.0.1", "port": 0, "tokenPath": str(tmp_path / "token")}
    plan = make_plan(*map(posix, folders), exchange=exchange, options={"logLevel": "Off"})
    _, _, lines = run(tmp_path, plan)
    assert [line["event"] for line in lines] == ["exchange"]


@pytest.mark.parametrize("text", ["{", '{"version": 2}', ""])
def test_a_plan_that_cannot_be_read(tmp_path, text):
    code, result, _ = run(tmp_path, text)
    assert (code, result.outcome, result.error.code) == (10, "Error", "ConfigurationInvalid")
    assert result.verify_status == "Pending"


def test_a_folder_that_is_not_there(tmp_path, folders):
    code, result, _ = run(tmp_path, make_plan(posix(tmp_path / "none"), posix(folders[1])))
    assert (code, result.error.code) == (10, "ConfigurationInvalid")


def test_an_empty_source_with_remove(tmp_path, folders):
    (folders[1] / "x").write_text("x")
    plan = make_plan(*map(posix, folders), options={"preserveDeletedFiles": "Remove"})
    code, result, _ = run(tmp_path, plan)
    assert (code, result.outcome, result.error.code) == (12, "Held", "SourceEmpty")
    assert (result.hold.deletions, result.hold.limit) == (1, 0)
    assert (result.transfer_status, result.verify_status) == ("Pending", "Pending")
    assert (folders[1] / "x").exists()

    code, result, _ = run(tmp_path, {**plan, "acknowledge": "1-0123456789"})
    assert (code, result.outcome) == (12, "Held")
    assert (folders[1] / "x").exists()

    code, result, _ = run(tmp_path, {**plan, "acknowledge": result.hold.token})
    assert (code, result.outcome, result.hold) == (0, "Success", None)
    assert not (folders[1] / "x").exists()


def seen(folder):
    """Everything below a folder, with what writing would change."""
    return {
        path.relative_to(folder): (found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        for path in [folder, *folder.rglob("*")]
        if (found := path.lstat())
    }


@pytest.mark.parametrize("path", ["", "not/yet/there"])
def test_a_dry_run_leaves_no_trace(tmp_path, folders, path):
    source, destination = folders
    for name in ("x", "y"):
        (source / name).write_text(name)
    (destination / "old").write_text("old")
    (destination / ".datasync-0-0.tmp").write_text("of a run that was killed")
    before = seen(destination)
    plan = make_plan(posix(source), posix(destination, path), mode="DryRun")
    code, result, _ = run(tmp_path, plan)
    assert (code, result.outcome, result.mode) == (0, "Success", "DryRun")
    assert result.counters.estimated_files_to_transfer == 2
    assert result.counters.files_transferred == 0
    assert (result.prepare_status, result.transfer_status) == ("Success", "Pending")
    assert seen(destination) == before


def test_a_dry_run_into_a_root_that_is_not_there_is_refused_as_a_transfer_is(tmp_path, folders):
    plan = make_plan(posix(folders[0]), posix(tmp_path / "none", "sub"), mode="DryRun")
    code, result, _ = run(tmp_path, plan)
    assert (code, result.error.code) == (10, "ConfigurationInvalid")


def test_ages_count_from_the_start_of_the_run(tmp_path, folders):
    source, destination = folders
    for name, hours in (("fresh", 0), ("old", 48)):
        (source / name).write_text(name)
        then = time.time_ns() - hours * 3600 * 10**9
        os.utime(source / name, ns=(then, then))
    plan = make_plan(*map(posix, folders), fileConditions={"minAge": "1d"})
    assert run(tmp_path, plan)[0] == 0
    assert [path.name for path in destination.iterdir()] == ["old"]


def test_a_secret_without_its_keys(tmp_path, folders):
    bucket = {
        "kind": "S3",
        "uri": "s3://b/",
        "bucket": "b",
        "region": "r",
        "credentialsPath": str(tmp_path),
    }
    code, result, _ = run(tmp_path, make_plan(posix(folders[0]), bucket))
    assert (code, result.error.code) == (10, "ConfigurationInvalid")
    assert "AWS_ACCESS_KEY_ID" in result.error.detail


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_run_in_seconds(tmp_path, folders, number):
    source, destination = folders
    (source / "large").write_bytes(b"x" * 30_000_000)  # takes 30 s at this rate
    slowly = {"bytesPerSecond": 1_000_000}
    process = start(tmp_path, make_plan(posix(source), posix(destination), options=slowly))
    for line in process.stdout:
        if json.loads(line).get("phase") == "Transferring":
            break
    process.send_signal(number)
    code, result, _ = finish(tmp_path, process)
    assert (code, result.outcome, result.transfer_status) == (31, "Stopped", "Pending")
    assert not list(destination.iterdir())


UNTIL_A_HANGUP = """
import os, runpy, signal, threading, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup leaves it
threading.Timer(1, os.kill, (os.getpid(), signal.SIGHUP)).start()
runpy.run_module("datasync_runner", run_name="__main__", alter_sys=True)
"""


def test_a_hangup_that_is_ignored_stops_nothing(tmp_path, folders):
    (folders[0] / "large").write_bytes(b"x" * 20_000_000)
    takes_two_seconds = {"bytesPerSecond": 10_000_000}
    plan = make_plan(*map(posix, folders), options=takes_two_seconds)
    code, result, _ = finish(tmp_path, start(tmp_path, plan, "-c", UNTIL_A_HANGUP))
    assert (code, result.outcome) == (0, "Success")
    assert result.total_duration_ms > 1000


WAITS = """
import asyncio, os, sys
from datasync_runner import app, run
from datasync_runner.storage.posix.storage import PosixStorage

async def waits(*_):
    print('{"phase": "waits"}', flush=True)
    await asyncio.Event().wait()

async def listing(*_):
    yield await waits()

write_small = PosixStorage.write_small

async def unproven(*given):  # as a server that is not trusted with checksums leaves it
    return [one._replace(proven=False) for one in await write_small(*given)]

PosixStorage.write_small = unproven
stage = sys.argv.pop(1)
setattr(PosixStorage, stage, listing if stage == "listing" else waits)
run.worker_count = lambda **_: 1
code = app.main()
sys.stdout.flush()
os._exit(code)
"""


@pytest.mark.parametrize(
    ("stage", "prepared", "there"), [("listing", "Pending", []), ("verify", "Success", ["x"])]
)
def test_a_stop_in_a_stage_leaves_it_pending(
    tmp_path: Path, folders: tuple[Path, Path], stage: str, prepared: str, there: list[str]
) -> None:
    source, destination = folders
    (source / "x").write_text("x")
    process = start(tmp_path, make_plan(*map(posix, folders)), "-c", WAITS, stage)
    for line in process.stdout:
        if json.loads(line).get("phase") == "waits":
            break
    process.terminate()
    code, result, _ = finish(tmp_path, process)
    assert (code, result.outcome) == (31, "Stopped")
    assert (result.prepare_status, result.verify_status) == (prepared, "Pending")
    assert result.counters.files_verified == 0
    assert [path.name for path in destination.iterdir()] == there


IMPORTING = """
import os, runpy, sys

class Asked:
    def find_spec(self, name, *_):
        if name == "datasync_runner.app":
            os.kill(os.getpid(), number)

number = int(sys.argv.pop(1))
sys.meta_path.insert(0, Asked())
runpy.run_module("datasync_runner", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_before_the_run_begins_is_kept_for_it(
    tmp_path: Path, folders: tuple[Path, Path], number: int
) -> None:
    """Nothing is transferred, and the result says why."""
    source, destination = folders
    (source / "x").write_text("x")
    process = start(tmp_path, make_plan(*map(posix, folders)), "-c", IMPORTING, str(int(number)))
    code, result, _ = finish(tmp_path, process)
    assert (code, result.outcome, result.transfer_status) == (31, "Stopped", "Pending")
    assert not list(destination.iterdir())


def test_the_exchange_answers_while_the_run_goes(tmp_path, folders):
    source, _ = folders
    (tmp_path / "token").write_text("the-token\n")
    (source / "large").write_bytes(b"x" * 30_000_000)
    exchange = {"host": "127.0.0.1", "port": 0, "tokenPath": str(tmp_path / "token")}
    slowly = {"bytesPerSecond": 1_000_000}
    plan = make_plan(*map(posix, folders), exchange=exchange, options=slowly)
    process = start(tmp_path, plan)
    first = json.loads(process.stdout.readline())
    assert first["event"] == "exchange"
    body = json.dumps({"executionUid": "u1"}).encode()
    url = f"http://127.0.0.1:{first['port']}/v1/exchange"
    asked = urllib.request.Request(url, body, {"Authorization": "Bearer the-token"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        told = Progress.model_validate_json(answer.read())
    assert told.execution_uid == "u1"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(urllib.request.Request(url, body), timeout=5)
    process.terminate()
    code, _, lines = finish(tmp_path, process)
    assert code == 31
    assert "the-token" not in json.dumps(lines)


def test_a_source_that_changes_all_the_time_is_a_failure_of_that_file(tmp_path, folders):
    source, destination = folders
    (source / "busy").write_bytes(b"x" * 30_000_000)
    (source / "calm").write_text("calm")
    done = threading.Event()

    def scribble():
        with (source / "busy").open("r+b") as file:
            while not done.is_set():
                file.seek(0)
                file.write(os.urandom(8))
                file.flush()

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        # Slow enough for the writer to get its turn.
        slowly = {"bytesPerSecond": 60_000_000}
        code, result, _ = run(
            tmp_path, make_plan(posix(source), posix(destination), options=slowly)
        )
    finally:
        done.set()
        writer.join()
    assert code == 0
    assert [failure.code for failure in result.failures] == ["ChangedDuringTransfer"]
    assert [path.name for path in destination.iterdir()] == ["calm"]


FORKS = """
import sys
from datasync_runner import app, run

def forked(count, main, *, write):
    sys.exit(10 + ("awscrt" in sys.modules) + 2 * ("smbprotocol" in sys.modules))

run.fork_workers = forked
run.worker_count = lambda *, cpus, memory_bytes: 2
app.main(sys.argv[1:])
"""
BASELINE = {
    "recipe": "r",
    "sourceTime": "2026-01-01T00:00:00Z",
    "destinationTime": "2026-01-01T00:00:00Z",
    "sourceRoot": "s",
    "destinationRoot": "d",
}


@pytest.mark.parametrize(
    ("more", "loaded"),
    [({}, True), ({"baseline": BASELINE}, False)],
    ids=["first run", "after a run that succeeded"],
)
def test_workers_inherit_the_checksums_where_much_is_to_be_moved(
    tmp_path: Path, more: dict[str, Any], *, loaded: bool
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(make_plan(posix(tmp_path), posix(tmp_path), **more)))
    argv = [sys.executable, "-c", FORKS, "--plan", str(plan), "--result", str(tmp_path / "result")]
    assert subprocess.run(argv, timeout=15, check=False).returncode == 10 + loaded


def test_workers_inherit_the_library_of_a_share(tmp_path: Path) -> None:
    share = {
        "kind": "Smb",
        "uri": "smb://h/s/",
        "server": "h",
        "share": "s",
        "credentialsPath": "/x",
    }
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(make_plan(share, posix(tmp_path), baseline=BASELINE)))
    argv = [sys.executable, "-c", FORKS, "--plan", str(plan), "--result", str(tmp_path / "result")]
    assert subprocess.run(argv, timeout=15, check=False).returncode == 12
