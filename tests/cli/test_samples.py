"""Throughput over time: bounded, in order, and never negative."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_page.samples import LIMIT, Rate, Sample, Samples


@pytest.mark.parametrize(
    ("looks", "end", "rates"),
    [
        pytest.param([], Sample(2, 100), [Rate(0, 2, 50)], id="a short run was never looked at"),
        pytest.param(
            [(1, 10), (2, 40)], Sample(4, 60), [Rate(0, 1, 10), Rate(1, 2, 30), Rate(2, 4, 10)],
            id="looks, and the end",
        ),
        pytest.param([(1, 10), (3, 20)], Sample(2, 20), [Rate(0, 1, 10), Rate(1, 2, 10)],
                     id="the last look came after the end of the transfer"),
        pytest.param([(1, 10)], None, [Rate(0, 1, 10)], id="nobody told the end"),
        pytest.param([(1, 10), (2, 5)], Sample(3, 10), [Rate(0, 1, 10), Rate(1, 2, 0), Rate(2, 3, 5)],
                     id="a large file started anew"),
        pytest.param([], Sample(0, 0), [], id="nothing ran"),
        pytest.param([], None, [], id="nothing is known"),
    ],
)  # fmt: skip
def test_spans_between_the_looks(looks, end, rates) -> None:
    samples = Samples()
    for seconds, size_bytes in looks:
        samples.add(seconds, size_bytes)
    assert samples.rates(end=end) == rates


@given(st.lists(st.tuples(st.floats(0.01, 5), st.integers(0, 1000)), max_size=2000))
def test_however_long_it_takes_the_looks_are_few_and_add_up(steps) -> None:
    samples, seconds, moved = Samples(), 0.0, 0
    for pause, size_bytes in steps:
        seconds, moved = seconds + pause, moved + size_bytes
        samples.add(seconds, moved)
    end = Sample(seconds + 1, moved)
    rates = samples.rates(end=end)
    assert len(rates) <= LIMIT + 1
    assert all(one.to_seconds == other.from_seconds for one, other in pairwise(rates))
    assert (rates[0].from_seconds, rates[-1].to_seconds) == (0, end.seconds)
    total = sum((r.to_seconds - r.from_seconds) * r.bytes_per_second for r in rates)
    assert total == pytest.approx(moved)
