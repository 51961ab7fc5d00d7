"""The log: what each level lets through, and that a line stays whole."""

import io
import json
import logging
import threading

import pytest

from datasync_runner import logs


@pytest.fixture
def lines(monkeypatch):
    """What our own log and a library's say at a level; the loggers are put back."""
    root, ours = logging.getLogger(), logging.getLogger("datasync_runner")
    before = root.handlers[:], root.level, ours.level

    def say(level):
        told = []
        logs.configure(told.extend)
        logs.set_level(level)
        ours.info("phase", extra={"fields": {"phase": "Preparing"}})
        ours.warning("failure", extra={"fields": {"path": "/x"}})
        logging.getLogger("library").info("not asked for")
        logging.getLogger("library").warning("mind the %s", "gap")
        try:
            raise ValueError("a defect")
        except ValueError:
            ours.exception("crashed")
        return [json.loads(line) for line in told]

    yield say
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("Off", ["crashed"]),
        ("Basic", ["phase", "failure", "mind the gap", "crashed"]),
        ("Transfer", ["phase", "failure", "mind the gap", "crashed"]),
    ],
)
def test_what_a_level_lets_through(lines, level, events):
    told = lines(level)
    assert [line["event"] for line in told] == events
    assert "ValueError: a defect" in told[-1]["traceback"]


def test_lines_of_many_threads_stay_whole(capsys):
    log, heard = logs.Log(), []
    log.listen(heard.extend)
    lines = [json.dumps({"thread": number, "path": "x" * 10_000}) for number in range(8)]
    threads = [
        threading.Thread(target=lambda line=line: [log.write([line, line]) for _ in range(20)])
        for line in lines
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = capsys.readouterr().out.splitlines()
    assert written == heard
    assert sorted(written) == sorted(lines * 40)


def test_nobody_who_reads_stops_nothing(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    heard = []
    log = logs.Log()
    log.listen(heard.extend)
    log.write(["{}"])
    assert heard == ["{}"]
