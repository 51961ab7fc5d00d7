"""Busy seconds: the process's own CPU time, and what it waited for a core."""

import time

from datasync_runner.storage.s3 import busy


def test_work_counts_and_sleep_does_not():
    before = busy.busy_seconds()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    worked = busy.busy_seconds()
    assert worked - before >= 0.05


def test_the_wait_for_a_core_counts(tmp_path, monkeypatch):
    told = tmp_path / "schedstat"
    monkeypatch.setattr(busy, "_SCHEDSTAT", told)
    told.write_text("5000000000 3000000000 17\n")
    assert 3.0 <= busy.busy_seconds() - time.process_time() + 0.01 < 3.1


def test_where_the_kernel_does_not_tell_of_the_wait(tmp_path, monkeypatch):
    told = tmp_path / "schedstat"
    monkeypatch.setattr(busy, "_SCHEDSTAT", told)
    for text in (None, "", "7\n", "a b c\n"):
        if text is not None:
            told.write_text(text)
        before = time.process_time()
        assert before <= busy.busy_seconds() <= time.process_time()
