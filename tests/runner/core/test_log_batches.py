"""Batches that CloudWatch Logs takes: none too large, none too old, none out of order, none lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.log_batches import (
    MAX_BATCH_BYTES,
    MAX_EVENT_BYTES,
    MAX_EVENTS,
    MAX_SPAN_MS,
    OVERHEAD_BYTES,
    Event,
    batch_length,
    event,
)
from fakes.log_service import check

LONGEST = "x" * (MAX_EVENT_BYTES - OVERHEAD_BYTES)


def of(count: int, line: str = "x", at_ms: int = 0) -> list[Event]:
    return [Event(at_ms, line)] * count


@pytest.mark.parametrize(
    ("events", "length"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param(of(MAX_EVENTS), MAX_EVENTS, id="as many events as fit"),
        pytest.param(of(MAX_EVENTS + 1), MAX_EVENTS, id="one more"),
        pytest.param(of(4, LONGEST), 4, id="as many bytes as fit"),
        pytest.param([*of(4, LONGEST), *of(1)], 4, id="one byte more"),
        pytest.param([Event(0, "x"), Event(MAX_SPAN_MS, "x")], 2, id="24 hours"),
        pytest.param([Event(0, "x"), Event(MAX_SPAN_MS + 1, "x")], 1, id="a millisecond more"),
        pytest.param(of(4, "ä" * (len(LONGEST) // 2)), 4, id="bytes, not characters"),
        pytest.param(of(5, "ä" * (len(LONGEST) // 2)), 4, id="bytes, and one event more"),
    ],
)
def test_where_a_batch_ends(events: list[Event], length: int) -> None:
    assert batch_length(events) == length


def test_a_line_that_is_too_long_is_cut_between_characters() -> None:
    for line in ("x" * 300_000, "ä" * 150_000, "x" + "ä" * 150_000, "\U0001f600" * 80_000):
        cut = event(0, line)
        assert line.startswith(cut.line)
        assert MAX_EVENT_BYTES - 4 < cut.size_bytes <= MAX_EVENT_BYTES
    assert event(0, LONGEST).line == LONGEST
    assert MAX_BATCH_BYTES == 4 * MAX_EVENT_BYTES


LINES = st.one_of(
    st.text(min_size=1, max_size=20),
    st.sampled_from(["x" * 100_000, "ä" * 140_000, LONGEST]),
)
PAUSES_MS = st.sampled_from([0, 1, MAX_SPAN_MS // 2, MAX_SPAN_MS, MAX_SPAN_MS + 1])


@given(st.lists(st.tuples(PAUSES_MS, LINES), max_size=30))
def test_every_batch_is_taken_and_all_of_them_are_everything(steps) -> None:
    at_ms, events = 0, []
    for pause_ms, line in steps:
        at_ms += pause_ms
        events.append(event(at_ms, line))
    left, sent = events[:], []
    while left:
        length = batch_length(left)
        batch, left = left[:length], left[length:]
        check([{"timestamp": one.at_ms, "message": one.line} for one in batch])
        sent += batch
    assert sent == events
