"""A baseline keeps its clocks exactly, and is no part of the recipe that it belongs to."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from datasync_api.baseline import Baseline, moment


@given(st.integers(0, 4 * 10**18), st.integers(0, 4 * 10**18))
def test_clocks_survive_to_the_microsecond(source_ns: int, destination_ns: int) -> None:
    made = Baseline(
        recipe="0" * 64,
        source_time=moment(source_ns),
        destination_time=moment(destination_ns),
    )
    read = Baseline.model_validate_json(made.model_dump_json(by_alias=True))
    assert (read.source_ns, read.destination_ns) == (
        source_ns // 1000 * 1000,
        destination_ns // 1000 * 1000,
    )


def test_it_is_a_time_that_kubernetes_takes() -> None:
    made = Baseline(
        recipe="0" * 64, source_time=moment(1_500_000_000_000_001_999), destination_time=moment(0)
    )
    assert made.manifest() == {
        "recipe": "0" * 64,
        "sourceTime": "2017-07-14T02:40:00.000001Z",
        "destinationTime": "1970-01-01T00:00:00Z",
        "sourceRoot": "",
        "destinationRoot": "",
    }


def test_a_longer_hash_is_none() -> None:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValidationError, match="recipe"):
        Baseline(recipe="0" * 65, source_time=time, destination_time=time)
