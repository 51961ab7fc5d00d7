"""The ceiling that a run is told: its own, else the window's, else the task's as it started."""

from typing import Any

import pytest

from datasync_api.windows import Window
from datasync_operator.decide.rate import rate_in_force, within_share
from fakes.objects import execution, resolved

SLOW = Window(begin="08:00", end="18:00", bytes_per_second=500)
FAST = Window(begin="08:00", end="18:00", bytes_per_second=-1)
PAUSE = Window(begin="08:00", end="18:00", pause=True)

TABLE = [
    # the execution's, the window, the task's at the start, told
    ({"bytesPerSecond": -1}, None, {"bytesPerSecond": 2000}, -1),
    ({"bytesPerSecond": -1}, SLOW, {"bytesPerSecond": 2000}, -1),
    ({"bytesPerSecond": 1000}, SLOW, {"bytesPerSecond": 2000}, 1000),
    ({"bytesPerSecond": 1000}, None, {}, 1000),
    ({}, SLOW, {"bytesPerSecond": 2000}, 500),
    ({}, FAST, {"bytesPerSecond": 2000}, -1),
    ({}, PAUSE, {"bytesPerSecond": 2000}, 2000),
    ({}, None, {"bytesPerSecond": 2000}, 2000),
    ({}, None, {"bytesPerSecond": -1}, -1),
    ({}, None, {}, None),
]


@pytest.mark.parametrize(("own", "window", "at_start", "told"), TABLE)
def test_rate_in_force(
    own: dict[str, Any], window: Window | None, at_start: dict[str, Any], told: int | None
) -> None:
    run = execution(phase="Transferring", status={"resolved": {**resolved(), **at_start}}, **own)
    assert rate_in_force(run, window) == told


def test_a_run_that_never_started_has_none() -> None:
    assert rate_in_force(execution()) is None


@pytest.mark.parametrize(
    ("rate", "agent_rate", "runs", "told"),
    [
        (-1, -1, 3, -1),
        (1000, -1, 3, 1000),
        (None, -1, 3, None),
        (-1, 900, 3, 300),
        (None, 900, 3, 300),
        (100, 900, 3, 100),
        (1000, 900, 3, 300),
        (-1, 900, 0, 900),
        (-1, 2, 3, 1),
    ],
)
def test_within_share(rate: int | None, agent_rate: int, runs: int, told: int | None) -> None:
    assert within_share(rate, agent_rate, runs) == told
