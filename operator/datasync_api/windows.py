"""Windows of the week in which a task's runs are slower, or paused.

Times are those of the clock on the wall in the schedule's time zone, also on days when it changes.
No clock is read here.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.rate import BytesPerSecond
from datasync_api.text import written_as

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY: Final = f"({'|'.join(_DAYS)})"
_SPAN: Final = f"{_DAY}(-{_DAY})?"
_HOURS: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
_DAY_MINUTES: Final = 24 * 60

Days = Annotated[
    str,
    Field(min_length=3, max_length=64),
    written_as(
        f"{_SPAN}(,{_SPAN})*", "are no days: write Mon to Sun, as in Mon-Fri or Mon-Wed,Sat"
    ),
]


class Window(ApiModel):
    """A part of the day, on some days of the week, and what holds for runs while it lasts."""

    rules = (
        Rule(
            cel="has(self.bytesPerSecond) != self.pause",
            message="set what holds in the window: bytesPerSecond, or pause: true",
            holds=lambda window: (window.bytes_per_second is not None) != window.pause,
        ),
        Rule(
            cel="self.from != self.to",
            message="a window that ends when it begins is none: write from '00:00' to '24:00' for "
            "the whole day",
            field=".to",
            holds=lambda window: window.begin != window.end,
        ),
    )

    days: Days = Field(
        default="Mon-Sun", description="Days on which the window begins, as in Mon-Fri or Sat,Sun."
    )
    begin: Annotated[
        str,
        Field(alias="from", max_length=5),
        written_as(_HOURS, "is no time of day: write hours and minutes, as in '08:00'"),
    ] = Field(alias="from", description="When it begins, in the schedule's time zone.")
    end: Annotated[
        str,
        Field(alias="to", max_length=5),
        written_as(f"({_HOURS}|24:00)", "is no time of day: write it as in '18:00' or '24:00'"),
    ] = Field(
        alias="to", description="When it is over; before its beginning: on the following day."
    )
    bytes_per_second: BytesPerSecond | None = Field(
        default=None,
        description="Ceiling of a run's rate in the window instead of the task's; -1: unlimited.",
    )
    pause: bool = Field(
        default=False,
        description="No run transfers in the window: those that go are stopped and wait, and go on "
        "after it.",
    )

    def holds(self, wall: datetime) -> bool:
        """Whether it is this window on the wall's clock.

        | days | from | to | Fri 23:00 | Sat 05:00 | Sat 23:00 |
        |---|---|---|---|---|---|
        | Fri | 22:00 | 24:00 | yes | no | no |
        | Fri | 22:00 | 06:00 | yes | yes | no |
        | Sat-Sun | 00:00 | 24:00 | no | yes | yes |
        """
        minute = wall.hour * 60 + wall.minute
        begin, end = _minutes(self.begin), _minutes(self.end)
        days = _numbers(self.days)
        today = wall.weekday() in days
        if begin < end:
            return today and begin <= minute < end
        yesterday = (wall.weekday() - 1) % 7 in days
        return (today and minute >= begin) or (yesterday and minute < end)


def window_at(windows: Sequence[Window], wall: datetime) -> Window | None:
    """The first window that holds at a time of the wall's clock; later ones do not count."""
    return next((window for window in windows if window.holds(wall)), None)


def pause_ends(windows: Sequence[Window], wall: datetime) -> datetime | None:
    """When no window pauses any more, on the wall's clock; None: not within a week."""
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    edges = {_minutes(edge) for window in windows for edge in (window.begin, window.end)}
    for day in range(8):
        for minute in sorted(edges):
            at = midnight + timedelta(minutes=day * _DAY_MINUTES + minute)
            found = window_at(windows, at)
            if at > wall and (found is None or not found.pause):
                return at
    return None


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _numbers(days: str) -> set[int]:
    """Weekdays by number, Monday is 0; a span may go over the weekend, as in Sat-Mon."""
    found: set[int] = set()
    for first, last in re.findall(f"{_DAY}(?:-{_DAY})?", days):
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return found
