"""What a run took includes every process that it started, also those that it left behind."""

import sys
from pathlib import Path

import pytest

from benchmarks.measure import Command, WrongRun, measure

BURN = "import time\nwhile time.process_time() < 0.2: pass"
HOLD = "block = bytearray(80_000_000)"


def python(code: str) -> Command:
    return Command((sys.executable, "-S", "-c", code))


def test_a_grandchild_that_nobody_waits_for_counts(tmp_path: Path) -> None:
    inner = f"import os\nif os.fork() == 0:\n    if os.fork() == 0: exec({BURN!r})\n    os._exit(0)"
    found = measure(python(inner), tmp_path).figures
    assert 0.2 <= found.cpu_seconds < 2


def test_the_largest_process_counts_as_peak(tmp_path: Path) -> None:
    code = f"import os\nif os.fork() == 0: exec({HOLD!r})\nelse: os.wait()"
    assert 80 <= measure(python(code), tmp_path).figures.peak_mb < 140


def test_output_is_kept(tmp_path: Path) -> None:
    assert measure(python("print('done')"), tmp_path).output == "done\n"


def test_a_failed_run_is_wrong_and_says_why(tmp_path: Path) -> None:
    code = "import sys; print('{}'); sys.exit('no space left')"
    with pytest.raises(WrongRun, match="exit code 1: no space left") as caught:
        measure(python(code), tmp_path)
    assert caught.value.output == "{}\n"


def test_a_run_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "import os, pathlib, time\n"
        f"if os.fork() == 0: pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    with pytest.raises(WrongRun, match="not done after 1 s"):
        measure(python(code), tmp_path, deadline_seconds=1)
    assert not Path(f"/proc/{mark.read_text()}").exists()


def test_the_machines_own_keys_and_proxies_reach_no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    environment = Command(("true",), {"AWS_REGION": "us-east-1"}).full_environment()
    assert environment["AWS_REGION"] == "us-east-1"
    assert not environment.keys() & {"AWS_PROFILE", "HTTPS_PROXY"}
