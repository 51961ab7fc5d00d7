"""Sorting on disk: the same as in memory, whatever the budget."""

import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage import sorting
from datasync_runner.storage.sorting import Sorter


@given(st.lists(st.lists(st.binary(max_size=12))), st.sampled_from([1, 200, 10_000_000]))
def test_records_come_back_in_the_order_of_their_bytes(
    batches: list[list[bytes]], budget_bytes: int
) -> None:
    everything = sorted(record for batch in batches for record in batch)
    with Sorter(budget_bytes) as sorter:
        for batch in batches:
            sorter.push_many(batch)
        assert list(sorter.sorted()) == everything
        assert list(sorter.sorted()) == everything


def test_many_runs_are_merged_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "MAX_RUNS", 4)
    monkeypatch.setattr(sorting, "BLOCK", 3)
    records = [str(number).encode() for number in range(1000)]
    random.Random(4).shuffle(records)
    with Sorter(budget_bytes=1000) as sorter:
        for record in records:
            sorter.push(record)
        assert list(sorter.sorted()) == sorted(records)


def test_few_records_need_no_disk() -> None:
    with Sorter() as sorter:
        sorter.push(b"b")
        sorter.push(b"a")
        assert not sorter.on_disk
        assert list(sorter.sorted()) == [b"a", b"b"]


def test_a_closed_sorter_is_empty_and_its_file_gone() -> None:
    sorter = Sorter(budget_bytes=1)
    sorter.push(b"a")
    assert sorter.on_disk
    sorter.close()
    assert not sorter.on_disk
    assert list(sorter.sorted()) == []


MILLION = """
import resource, sys
from datasync_runner.storage.sorting import Sorter
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
with Sorter() as sorter:
    for start in range(0, 1_000_000, 1000):
        sorter.push_many([b"file-%012d.bin" % ((n * 7919) % 1_000_003) for n in range(start, start + 1000)])
    last, count = b"", 0
    for record in sorter.sorted():
        assert record > last
        last = record
        count += 1
assert count == 1_000_000
print(peak() - before)
"""


def test_a_million_names_take_less_than_60_megabytes() -> None:
    took = subprocess.run(
        [sys.executable, "-c", MILLION], check=True, capture_output=True, text=True
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(took.stdout) * unit < 60_000_000
