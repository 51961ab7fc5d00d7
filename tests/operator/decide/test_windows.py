"""What windows mean for a run: in the schedule's time zone, and for whom a pause is none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from datasync_api.task import Task
from datasync_operator.decide.windows import paused, window_now
from fakes.objects import execution, task

NOW = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)  # a Monday; 18:30 in Berlin
OFFICE = {"days": "Mon-Fri", "from": "08:00", "to": "18:00"}


def one(time_zone: str = "UTC", **window: Any) -> Task:
    what = window or {"pause": True}
    schedule = {"expression": "rate(1 day)", "timeZone": time_zone, "windows": [{**OFFICE, **what}]}
    return task(schedule=schedule)


def test_windows_are_those_of_the_schedules_time_zone() -> None:
    assert window_now(one("UTC"), now=NOW) is not None
    assert window_now(one("Europe/Berlin"), now=NOW) is None
    assert window_now(task(), now=NOW) is None


def test_a_zone_that_is_none_has_no_windows() -> None:
    assert window_now(one("Nowhere/Here"), now=NOW) is None


def test_they_hold_though_the_schedule_starts_nothing() -> None:
    off = task(schedule={"expression": "rate(1 day)", "status": "Disabled", "windows": [
        {**OFFICE, "pause": True}
    ]})  # fmt: skip
    assert paused(execution(), off, now=NOW)


@pytest.mark.parametrize(
    ("run", "the_task", "waits"),
    [
        ({}, one(), True),
        ({"bytesPerSecond": 1000}, one(), False),
        ({"bytesPerSecond": -1}, one(), False),
        ({"mode": "DryRun"}, one(), False),
        ({}, one(bytesPerSecond=1000), False),
        ({}, one("Europe/Berlin"), False),
        ({}, task(), False),
    ],
    ids=["pause", "a rate", "unlimited", "dry run", "a slow window", "over", "none"],
)
def test_paused(run: dict[str, Any], the_task: Task, waits: bool) -> None:
    assert (paused(execution(**run), the_task, now=NOW) is not None) is waits


def test_it_says_until_when_and_how_to_run_all_the_same() -> None:
    assert paused(execution(), one(), now=NOW) == (
        "schedule.windows pauses the task until Mon 18:00 (UTC); set bytesPerSecond of the "
        "execution to let it run all the same"
    )
