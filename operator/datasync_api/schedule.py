"""Schedules: EventBridge cron, `rate(…)` and plain cron, from text to the next due time.

AWS DataSync takes `cron(minutes hours day-of-month month day-of-week year)` and `rate(N unit)` in
UTC, at most hourly (user guide, "Scheduling your AWS DataSync task"); here any time zone and any
interval from a minute.  Cron itself is cronsim's, daylight saving included; this module only maps
EventBridge's dialect onto it, and refuses `W`, which cronsim does not know.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from datasync_api.schedule_grammar import RATE_GRAMMAR

_UNITS: Final = {"minute": "minutes", "hour": "hours", "day": "days"}
_LAST_YEAR: Final = 2199  # EventBridge's own bound


class ScheduleError(ValueError):
    """The expression or the time zone cannot be read; the text says what to write instead."""


@dataclass(frozen=True)
class Rate:
    """Every so often, counted from the task's creation."""

    interval: timedelta

    def after(self, moment: datetime, *, anchor: datetime) -> datetime | None:
        """The first due time later than the moment."""
        steps = (moment - anchor) // self.interval + 1
        return anchor + max(steps, 1) * self.interval


@dataclass(frozen=True)
class Cron:
    """At the minutes that a cron expression names, in one time zone, in some years."""

    expression: str  # five fields, cronsim's dialect
    zone: ZoneInfo
    years: frozenset[int] | None  # None: every year

    def after(self, moment: datetime, *, anchor: datetime) -> datetime | None:
        """The first due time later than the moment; None when no year is left."""
        del anchor  # a cron has none
        start = moment.astimezone(self.zone)
        for year in self._candidate_years(start.year):
            begin = max(start, datetime(year, 1, 1, tzinfo=self.zone) - timedelta(minutes=1))
            try:
                due = next(CronSim(self.expression, begin))
            except StopIteration:
                return None
            if self.years is None or due.year == year:
                return due.astimezone(UTC)
        return None

    def _candidate_years(self, first: int) -> Iterator[int]:
        if self.years is None:
            yield first
        else:
            yield from sorted(year for year in self.years if year >= first)


Schedule = Rate | Cron


def parse_schedule(expression: str, time_zone: str = "UTC") -> Schedule:
    """Read a schedule expression.

    | expression | means |
    |---|---|
    | `rate(15 minutes)` | every 15 minutes from the task's creation |
    | `cron(0 3 * * ? *)` | EventBridge: daily at 03:00 |
    | `cron(0 8 ? * 3#1 2027)` | EventBridge: first Tuesday of each month of 2027 (SUN is 1) |
    | `0 3 * * 1-5` | plain cron: Monday to Friday at 03:00 (Sunday is 0) |

    Raises: ScheduleError.
    """
    zone = zone_of(time_zone)
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        if not re.fullmatch(RATE_GRAMMAR, expression):
            raise ScheduleError(
                f"{expression!r}: write rate(1 hour), rate(15 minutes), rate(2 days)"
            )
        return Rate(timedelta(**{_UNITS[match[2]]: int(match[1])}))
    if match := re.fullmatch(r"cron\((.*)\)", expression):
        return _eventbridge(expression, match[1].split(), zone)
    return _cron(expression, expression.split(), zone, years=None)


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name. Raises: ScheduleError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleError(
            f"time zone {name!r} is unknown: use an IANA name such as Europe/Berlin or UTC"
        ) from error


def due_between(
    schedule: Schedule, after: datetime, until: datetime, *, anchor: datetime
) -> tuple[datetime | None, int]:
    """The latest due time in `(after, until]` and how many earlier ones it passes over.

    At most 100 slots are counted: after a long outage one catch-up run is due, not a thousand.
    """
    latest: datetime | None = None
    passed_over = 0
    slot = schedule.after(after, anchor=anchor)
    while slot is not None and slot <= until:
        if latest is not None:
            passed_over += 1
        latest = slot
        if passed_over >= 100:
            return _last_until(schedule, slot, until, anchor=anchor), passed_over
        slot = schedule.after(slot, anchor=anchor)
    return latest, passed_over


def _last_until(
    schedule: Schedule, known: datetime, until: datetime, *, anchor: datetime
) -> datetime:
    """The latest due time until then, of which one is known; only the end is gone through."""
    if isinstance(schedule, Rate):
        return anchor + ((until - anchor) // schedule.interval) * schedule.interval
    last, look_back = known, timedelta(days=1)
    while last == known and until - look_back > known:
        last = _last_after(schedule, until - look_back, until, known)
        look_back *= 8
    return last if last != known else _last_after(schedule, known, until, known)


def _last_after(cron: Cron, after: datetime, until: datetime, known: datetime) -> datetime:
    last, slot = known, cron.after(after, anchor=after)
    while slot is not None and slot <= until:
        last, slot = slot, cron.after(slot, anchor=after)
    return last


def _eventbridge(expression: str, fields: list[str], zone: ZoneInfo) -> Cron:
    """Six fields (five are taken too, as some of AWS's own examples have them)."""
    if len(fields) == 5:
        fields = [*fields, "*"]
    if len(fields) != 6:
        raise ScheduleError(
            f"{expression!r}: cron(…) has six fields: minute hour day month weekday year"
        )
    minute, hour, day, month, weekday, year = fields
    if day not in "*?" and weekday not in "*?":
        raise ScheduleError(f"{expression!r}: one of day of month and day of week must be '?'")
    five = [minute, hour, day.replace("?", "*"), month, _weekday(weekday.replace("?", "*"))]
    return _cron(expression, five, zone, years=_years(expression, year))


def _weekday(field: str) -> str:
    """EventBridge counts 1 (SUN) to 7 (SAT); cron counts 0 (SUN) to 6.

    `#n` and steps keep their own numbers.
    """

    def one_less(text: str) -> str:
        head, mark, tail = text.partition("#")
        head, slash, step = head.partition("/")
        head = re.sub(r"\d+", lambda number: str(int(number[0]) - 1), head)
        return f"{head}{slash}{step}{mark}{tail}"

    return ",".join(one_less(part) for part in field.split(","))


def _years(expression: str, field: str) -> frozenset[int] | None:
    if field in "*?":
        return None
    years: set[int] = set()
    for part in field.split(","):
        if not (match := re.fullmatch(r"(\d{4})(?:-(\d{4}))?", part)):
            raise ScheduleError(f"{expression!r}: the year is *, 2027, 2027-2029 or a list of them")
        first, last = int(match[1]), int(match[2] or match[1])
        years.update(range(first, min(last, _LAST_YEAR) + 1))
    return frozenset(years)


def _cron(
    expression: str, fields: list[str], zone: ZoneInfo, *, years: frozenset[int] | None
) -> Cron:
    text = " ".join(fields).upper()
    if len(fields) != 5:
        raise ScheduleError(
            f"{expression!r}: write cron(0 3 * * ? *), rate(15 minutes) or a five-field cron"
        )
    if re.search(r"\dW|W\d", fields[2].upper()):
        raise ScheduleError(f"{expression!r}: W (nearest weekday) is not supported; name the days")
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=zone))
    except CronSimError as error:
        raise ScheduleError(
            f"{expression!r}: {error}; write for example cron(0 3 * * ? *) for daily at 03:00"
        ) from error
    return Cron(text, zone, years)
