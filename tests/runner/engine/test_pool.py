"""Two real worker processes: all is moved, the books are right, and nobody stays behind."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from datasync_api.report import TransferResult
from datasync_runner.core.parts import LARGE_AT_ONCE, SMALL_BYTES
from datasync_runner.engine.pool import may_be_large

TESTS = Path(__file__).parents[2]
OWNER = "IntValue" if os.geteuid() == 0 else "None"
SLOWLY = {"bytesPerSecond": 1_000_000}
END_MS = 10_000


def plan(source, destination, **options):
    def side(root):
        return {"kind": "Posix", "uri": f"nfs://h{root}/", "root": str(root)}

    return {
        "execution": {"namespace": "n", "name": "e", "uid": "u1"},
        "source": side(source),
        "destination": side(destination),
        "options": {"uid": OWNER, "gid": OWNER, **options},
    }


@pytest.fixture
def folders(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return tmp_path / "a", tmp_path / "b"


@pytest.fixture
def start(tmp_path):
    """Start the runner with two workers; whatever still runs at the end is killed."""
    started = []

    def begin(plan, *first):
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        ends = ["--plan", str(tmp_path / "plan.json"), "--result", str(tmp_path / "result")]
        process = subprocess.Popen(
            [sys.executable, "-m", "runner.engine.two_workers", *first, *ends],
            cwd=TESTS,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def finish(tmp_path, process):
    process.communicate(timeout=15)
    text = (tmp_path / "result").read_bytes()
    return process.returncode, TransferResult.model_validate_json(text)


def workers_of(process, phase="Transferring"):
    """Its two workers as pidfds by process id, once the transfer has begun."""
    for line in process.stdout:
        if json.loads(line).get("phase") == phase:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    return {int(pid): os.pidfd_open(int(pid)) for pid in children}


def all_end(workers):
    """Whether all of them end in time."""
    for end in workers.values():
        poll = select.poll()
        poll.register(end, select.POLLIN)
        ended = bool(poll.poll(END_MS))
        os.close(end)
        if not ended:
            return False
    return True


def content(root):
    return {
        str(path.relative_to(root)): (
            str(path.readlink())
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None
        )
        for path in root.rglob("*")
    }


@pytest.mark.parametrize(
    ("own", "everyones", "may"),
    [
        (0, [0, 0], True),
        (1, [1, 0], False),
        (1, [1, 1], True),
        (LARGE_AT_ONCE, [LARGE_AT_ONCE, LARGE_AT_ONCE], False),
        (LARGE_AT_ONCE - 1, [LARGE_AT_ONCE, LARGE_AT_ONCE - 1], True),
    ],
)
def test_a_large_file_goes_to_whoever_has_the_fewest(own, everyones, may):
    assert may_be_large(own, everyones) is may


def test_everything_is_moved_and_the_books_are_right(tmp_path, folders, start):
    source, destination = folders
    for folder in range(5):
        (source / f"folder-{folder}").mkdir()
        for number in range(100):
            name = source / f"folder-{folder}" / f"file-{number}"
            name.write_bytes(f"{folder} {number}".encode() * number)
    for number in range(3):
        (source / f"large-{number}").write_bytes(bytes([number]) * (SMALL_BYTES + 1))
    (source / "link").symlink_to("folder-0/file-1")
    (source / "in-the-way").write_text("x")
    (destination / "in-the-way").mkdir()
    (destination / "in-the-way" / "kept").touch()
    (destination / "folder-1").mkdir()
    same = destination / "folder-1" / "file-7"
    same.write_bytes(b"1 7" * 7)
    os.utime(same, ns=(1, (source / "folder-1" / "file-7").stat().st_mtime_ns))

    code, result = finish(tmp_path, start(plan(source, destination)))

    assert code == 0
    got, expected = content(destination), content(source)
    assert got.pop("in-the-way/kept") == b""
    assert got.pop("in-the-way") is None
    assert expected.pop("in-the-way") == b"x"
    assert got == expected
    counters = result.counters
    assert (counters.files_listed_at_source, counters.folders_listed_at_source) == (505, 5)
    assert (counters.files_transferred, counters.files_skipped) == (503, 1)
    assert counters.files_verified == counters.files_transferred
    moved = [body for path, body in expected.items() if path != "folder-1/file-7"]
    assert counters.bytes_transferred >= sum(len(b) for b in moved if isinstance(b, bytes))
    assert (result.outcome, result.failures[0].code) == ("Error", "Conflict")
    assert [failure.count for failure in result.failures] == [1]


def test_lines_of_all_processes_stay_whole(folders, start):
    source, _ = folders
    long = "x" * 200
    for number in range(300):
        folder = source / f"{number % 5}{long}" / long / long
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}\u00e4{'y' * 200}").write_bytes(b"x" * number)
    process = start(plan(*folders, logLevel="Transfer"))
    output, _ = process.communicate(timeout=15)
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["event"] for line in (lines[0], lines[-1])] == ["started", "finished"]
    moved = [line for line in lines if line["event"] == "transferred"]
    assert len({line["path"] for line in moved}) == len(moved) == 315
    assert sum(line.get("sizeBytes", 0) for line in moved) == sum(range(300))


def test_a_second_run_finds_nothing_to_do(tmp_path, folders, start):
    source, _ = folders
    for number in range(300):
        (source / f"file-{number}").write_bytes(b"x" * number)
    assert finish(tmp_path, start(plan(*folders)))[1].counters.files_transferred == 300
    code, result = finish(tmp_path, start(plan(*folders)))
    assert (code, result.outcome) == (0, "Success")
    assert (result.counters.files_transferred, result.counters.files_skipped) == (0, 300)


@pytest.mark.parametrize(
    ("number", "reason", "advice"),
    [
        (signal.SIGKILL, "OutOfMemory", "resources.limits.memory"),
        (signal.SIGSEGV, "InternalError", "see its log"),
    ],
)
def test_a_worker_that_was_lost_ends_the_run_for_another_try(
    tmp_path, folders, start, number, reason, advice
):
    (folders[0] / "large").write_bytes(b"x" * 30_000_000)  # takes 30 s at this rate
    process = start(plan(*folders, **SLOWLY))
    workers = workers_of(process)
    os.kill(next(iter(workers)), number)
    code, result = finish(tmp_path, process)
    assert (code, result.outcome, result.error.code) == (30, "Error", reason)
    assert f"(signal {number.value})" in result.error.detail
    assert advice in result.error.detail
    assert result.transfer_status != "Success"
    assert all_end(workers)


def test_a_worker_that_cannot_go_on_stops_the_run_with_its_reason(tmp_path, folders, start):
    code, result = finish(tmp_path, start(plan(*folders), "--refused"))
    assert (code, result.outcome, result.error.code) == (11, "Error", "CredentialsRefused")
    assert "the keys were withdrawn" in result.error.detail
    assert result.transfer_status != "Success"


def test_a_killed_run_leaves_no_worker(folders, start):
    (folders[0] / "large").write_bytes(b"x" * 30_000_000)
    process = start(plan(*folders, **SLOWLY))
    workers = workers_of(process)
    process.kill()
    assert all_end(workers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_ends_the_workers(tmp_path, folders, start, number):
    (folders[0] / "large").write_bytes(b"x" * 30_000_000)
    process = start(plan(*folders, **SLOWLY))
    workers = workers_of(process)
    process.send_signal(number)
    code, result = finish(tmp_path, process)
    assert (code, result.outcome) == (31, "Stopped")
    assert all_end(workers)
    assert not list(folders[1].iterdir())


def test_a_stop_leaves_no_worker_that_hangs_behind(tmp_path, folders, start):
    """Neither signals nor the run's end reach it, and it would go on once its storage does."""
    process = start(plan(*folders), "--hangs")
    workers = workers_of(process, "hangs")
    process.terminate()
    code, result = finish(tmp_path, process)
    assert (code, result.outcome) == (31, "Stopped")
    assert all_end(workers)
