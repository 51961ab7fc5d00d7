"""The ceiling that a run is told: its own, else the task's from when it started."""

from typing import Any

import pytest

from datasync_operator.decide.rate import rate_in_force
from fakes.objects import execution, resolved

TABLE = [
    # the execution's, the task's at the start, told
    ({"bytesPerSecond": -1}, {"bytesPerSecond": 2000}, -1),
    ({"bytesPerSecond": 1000}, {"bytesPerSecond": 2000}, 1000),
    ({"bytesPerSecond": 1000}, {}, 1000),
    ({}, {"bytesPerSecond": 2000}, 2000),
    ({}, {"bytesPerSecond": -1}, -1),
    ({}, {}, None),
]


@pytest.mark.parametrize(("own", "at_start", "told"), TABLE)
def test_rate_in_force(own: dict[str, Any], at_start: dict[str, Any], told: int | None) -> None:
    run = execution(phase="Transferring", status={"resolved": {**resolved(), **at_start}}, **own)
    assert rate_in_force(run) == told


def test_a_run_that_never_started_has_none() -> None:
    assert rate_in_force(execution()) is None
