"""What the windows of a task's schedule mean for a run at this moment.

They are read from the task as it is now: they protect a network, and a run of days has to keep to a
window that was added yesterday.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from datasync_api.execution import Execution
from datasync_api.schedule import ScheduleError, zone_of
from datasync_api.task import Task
from datasync_api.windows import Window, pause_ends, window_at


def window_now(task: Task, *, now: datetime) -> Window | None:
    """The window of the task's schedule that holds now; none of a schedule that cannot be read."""
    if (zone := _zone(task)) is None or task.spec.schedule is None:
        return None
    return window_at(task.spec.schedule.windows, now.astimezone(zone))


def paused(execution: Execution, task: Task, *, now: datetime) -> str | None:
    """Why the run must not transfer now; None: it may.

    | mode | execution's bytesPerSecond | window | paused |
    |---|---|---|---|
    | Transfer | absent | pause | yes |
    | Transfer | set: somebody wants it now | pause | no |
    | DryRun: it moves nothing | any | pause | no |
    | any | any | another one, or none | no |
    """
    if execution.spec.mode != "Transfer" or execution.spec.bytes_per_second is not None:
        return None
    window, zone, schedule = window_now(task, now=now), _zone(task), task.spec.schedule
    if window is None or not window.pause or zone is None or schedule is None:
        return None
    end = pause_ends(schedule.windows, now.astimezone(zone))
    until = f"until {end:%a %H:%M} ({schedule.time_zone})" if end else "at all times"
    return (
        f"schedule.windows pauses the task {until}; set bytesPerSecond of the execution to let it "
        "run all the same"
    )


def _zone(task: Task) -> ZoneInfo | None:
    schedule = task.spec.schedule
    try:
        return zone_of(schedule.time_zone) if schedule and schedule.windows else None
    except ScheduleError:
        return None
