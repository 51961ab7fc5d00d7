"""How many workers a run has, by its docstring's table, and what the container may use."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner import cores
from datasync_runner.cores import MOST, WORKER_BYTES, usable_cpus, usable_memory_bytes, worker_count

UNITS = {"MiB": 1 << 20, "GiB": 1 << 30}
ROWS = re.findall(
    r"\| ([\d.]+) \| (any|unlimited|\d+ [MG]iB) \| (\d+) \|", worker_count.__doc__ or ""
)
AMOUNTS = st.none() | st.integers(0, 1 << 40)


def test_the_table_was_found():
    assert len(ROWS) == 5


@pytest.mark.parametrize(("cpus", "memory", "workers"), ROWS)
def test_the_docstrings_table(cpus, memory, workers):
    number, _, unit = memory.partition(" ")
    amounts = {"unlimited": [None], "any": [None, 1 << 20, 1 << 40]}.get(memory)
    for amount in amounts or [int(number) * UNITS[unit]]:
        assert worker_count(cpus=float(cpus), memory_bytes=amount) == int(workers)


@given(st.floats(0.01, 1000), AMOUNTS)
def test_workers_and_the_run_itself_fit_into_the_memory(cpus, memory_bytes):
    count = worker_count(cpus=cpus, memory_bytes=memory_bytes)
    assert 1 <= count <= MOST
    assert count == 1 or count <= cpus + 0.5
    assert count == 1 or memory_bytes is None or (count + 1) * WORKER_BYTES <= memory_bytes


@given(st.floats(0.01, 1000), st.floats(0, 10), st.integers(0, 1 << 40), AMOUNTS)
def test_more_of_anything_never_means_fewer_workers(cpus, more, memory_bytes, much):
    count = worker_count(cpus=cpus, memory_bytes=memory_bytes)
    assert worker_count(cpus=cpus + more, memory_bytes=memory_bytes) >= count
    larger = None if much is None else memory_bytes + much
    assert worker_count(cpus=cpus, memory_bytes=larger) >= count


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("50000 100000", 0.5), ("max 100000", None), ("6400000 100000", None), ("", None)],
)
def test_the_cgroups_quota_counts_where_it_is_less_than_the_cores(
    tmp_path, monkeypatch, quota, cpus
):
    monkeypatch.setattr(cores, "_CGROUP", tmp_path)
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert usable_cpus() == (cpus or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize(("limit", "expected"), [("536870912", 536_870_912), ("max", None)])
def test_the_cgroups_limit_of_memory(tmp_path, monkeypatch, limit, expected):
    monkeypatch.setattr(cores, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    assert usable_memory_bytes() == expected


def test_without_a_cgroup_there_is_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "_CGROUP", tmp_path / "none")
    assert usable_memory_bytes() is None
    assert usable_cpus() == len(os.sched_getaffinity(0))
