"""The child process: a command or a copy of ours, followed to its end and ended whatever it does.

Every case runs in a process of its own, which is what a copy is made of.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLLOW = """
import atexit, json, os, signal, sys
sys.path.insert(0, sys.argv[1])
import datasync_cli.child
from datasync_cli.child import Child
from datasync_cli.launch import copied, executed
atexit.register(lambda: print("the parent cleans up", flush=True))
signal.signal(signal.SIGHUP, signal.SIG_IGN if "NOHUP" in os.environ else lambda *_: None)
os.environ["FD"] = str(os.open("/", os.O_RDONLY))
open_before = len(os.listdir("/proc/self/fd"))
make = {
    "copied": lambda: copied("module_under_test", ["one", "two"]),
    "executed": lambda: executed([sys.executable, sys.argv[1] + "/module_under_test.py", "one", "two"]),
}
how, _, without = sys.argv[2].partition(" without ")
if without == "pidfd":  # as where the kernel has none
    datasync_cli.child._pidfd = lambda pid: None
child = Child(make[how]())
code = child.wait(float(sys.argv[3]))
child.close()
same = len(os.listdir("/proc/self/fd")) == open_before
print(json.dumps({"code": code, "words": child.last_words(), "port": child.port, "same": same}))
"""
Follow = Callable[..., dict[str, Any]]


@pytest.fixture(params=["copied", "executed", "executed without pidfd"])
def follow(request: pytest.FixtureRequest, tmp_path: Path) -> Follow:
    """Runs the text of a module as a child and tells how it ended."""

    def go(text: str, *, seconds: float = 15) -> dict[str, Any]:
        (tmp_path / "module_under_test.py").write_text(textwrap.dedent(text))
        answer = subprocess.run(
            [sys.executable, "-c", FOLLOW, str(tmp_path), request.param, str(seconds)],
            capture_output=True, text=True, timeout=18, stdin=subprocess.PIPE, check=True,
        )  # fmt: skip
        *said, left = answer.stdout.splitlines()
        assert left == "the parent cleans up", "once, and not by the child"
        [line] = said
        assert answer.stderr == ""
        told = json.loads(line)
        assert told.pop("same"), "a descriptor was left open"
        return told

    return go


def test_its_words_code_and_port_are_heard(follow: Follow) -> None:
    told = follow(
        """
        import sys
        print("first", sys.argv[1:])
        print('{"event": "exchange", "port": 4711}')
        print('{"event": "phase"}')
        sys.stderr.write("no end of line")
        sys.exit(31)
        """
    )
    words = ["first ['one', 'two']", '{"event": "phase"}', "no end of line"]
    assert sorted(told.pop("words")) == sorted(words)
    assert told == {"code": 31, "port": 4711}


ENDS = {
    "to the last line": ("", 0, ""),
    "nothing": ("raise SystemExit", 0, ""),
    "a text": ("raise SystemExit('why')", 1, ""),
    "not caught": ("raise OSError('the disk is gone')", 1, "OSError: the disk is gone"),
    "at once": ("import os; os._exit(12)", 12, ""),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
}


@pytest.mark.parametrize("name", ENDS)
def test_every_end_has_its_code(follow: Follow, name: str) -> None:
    text, code, words = ENDS[name]
    told = follow(text)
    assert told["code"] == code
    assert any(words in line for line in told["words"]) or not words


def test_it_stands_alone(follow: Follow) -> None:
    told = follow(
        """
        import json, os, signal, sys
        try:
            inherited = os.fstat(int(os.environ["FD"])) is not None
        except OSError:
            inherited = False
        print(json.dumps({
            "name": __name__,
            "group": os.getpgrp() == os.getpid(),
            "stdin": sys.stdin.read(),
            "inherited": inherited,
            "blocked": [number.name for number in signal.pthread_sigmask(0, ())],
            "SIGTERM": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
            "SIGINT": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        }))
        """
    )
    [line] = told["words"]
    assert json.loads(line) == {
        "name": "__main__",
        "group": True,
        "stdin": "",
        "inherited": False,
        "blocked": [],
        "SIGTERM": True,
        "SIGINT": True,
    }


@pytest.mark.parametrize(("parent", "child"), [("heeds", "SIG_DFL"), ("ignores", "SIG_IGN")])
def test_a_hangup_ends_it_unless_we_ignore_it(
    follow: Follow, monkeypatch: pytest.MonkeyPatch, parent: str, child: str
) -> None:
    if parent == "ignores":
        monkeypatch.setenv("NOHUP", "1")
    told = follow("import signal; print(signal.getsignal(signal.SIGHUP).name)")
    assert told["words"] == [child]


def test_only_the_last_lines_of_a_flood_are_kept(follow: Follow) -> None:
    told = follow("for number in range(100_000): print('line', number)")
    assert told["code"] == 0
    assert told["words"] == [f"line {number}" for number in range(99_960, 100_000)]


def test_what_does_not_end_is_left_after_the_time_and_killed_with_what_it_started(
    follow: Follow,
) -> None:
    began = time.monotonic()
    told = follow(
        """
        import subprocess, sys, time
        inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("inner", inner.pid, flush=True)
        time.sleep(600)
        """,
        seconds=1,
    )
    assert told["code"] is None
    assert time.monotonic() - began < 15
    [line] = told["words"]
    await_end(int(line.split()[1]))


def test_its_end_is_noticed_though_another_process_holds_its_output(follow: Follow) -> None:
    told = follow(
        """
        import subprocess, sys
        inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("inner", inner.pid, flush=True)
        """
    )
    assert told["code"] == 0
    [line] = told["words"]
    os.kill(int(line.split()[1]), signal.SIGKILL)


KILLED_MEANWHILE = """
import os, pathlib, sys, time
from datasync_cli import launch
parent, arm = os.getpid(), launch._stop_with

def once_it_is_alone(held):
    pathlib.Path(sys.argv[1], "started").write_text(str(os.getpid()))
    while os.getppid() == parent:
        time.sleep(0.01)
    arm(held)

launch._stop_with = once_it_is_alone
"""


@pytest.mark.parametrize("before", ["", KILLED_MEANWHILE], ids=["later", "meanwhile"])
def test_it_does_not_go_on_when_we_are_killed(tmp_path: Path, before: str) -> None:
    started = tmp_path / "started"
    text = f"import os, pathlib, time; pathlib.Path({str(started)!r}).write_text(str(os.getpid()))"
    (tmp_path / "module_under_test.py").write_text(f"{text}; time.sleep(600)")
    code = before + FOLLOW
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), "copied", "600"])
    try:
        end = time.monotonic() + 10
        while not (started.exists() and started.read_text()):
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        parent.kill()
        parent.wait()
    await_end(int(started.read_text()))


def await_end(pid: int) -> None:
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").exists():
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        assert time.monotonic() < end, f"process {pid} goes on"
        time.sleep(0.02)
