"""Schedules: EventBridge's dialect, rates, daylight saving, and what is due after a pause."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.schedule import ScheduleError, due_between, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")
CREATED = datetime(2026, 1, 1, 0, 7, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# expression, zone, after (UTC), next (UTC). 2026-06-01 is a Monday.
NEXT = [
    ("cron(0 3 * * ? *)", "UTC", "2026-06-01 00:00", "2026-06-01 03:00"),
    ("cron(0 3 * * ? *)", "UTC", "2026-06-01 03:00", "2026-06-02 03:00"),
    ("cron(0 3 * * ? *)", "Europe/Berlin", "2026-06-01 00:00", "2026-06-01 01:00"),
    ("cron(0 3 * * ? *)", "Europe/Berlin", "2026-12-01 00:00", "2026-12-01 02:00"),
    ("cron(0/15 * * * ? *)", "UTC", "2026-06-01 00:16", "2026-06-01 00:30"),
    ("cron(*/15 * * * ? *)", "UTC", "2026-06-01 00:45", "2026-06-01 01:00"),
    # EventBridge's weekdays: 1 is Sunday, 2 Monday … 7 Saturday
    ("cron(0 8 ? * 1 *)", "UTC", "2026-06-01 00:00", "2026-06-07 08:00"),
    ("cron(0 8 ? * 2 *)", "UTC", "2026-06-01 00:00", "2026-06-01 08:00"),
    ("cron(0 8 ? * 7 *)", "UTC", "2026-06-01 00:00", "2026-06-06 08:00"),
    ("cron(0 8 ? * 2-6 *)", "UTC", "2026-06-05 09:00", "2026-06-08 08:00"),
    ("cron(0 8 ? * MON-FRI *)", "UTC", "2026-06-05 09:00", "2026-06-08 08:00"),
    ("cron(0 8 ? * SUN *)", "UTC", "2026-06-01 00:00", "2026-06-07 08:00"),
    ("cron(0 8 ? * 1,7 *)", "UTC", "2026-06-06 09:00", "2026-06-07 08:00"),
    # the n-th weekday of a month: 3#1 is the first Tuesday
    ("cron(0 8 ? * 3#1 *)", "UTC", "2026-06-01 00:00", "2026-06-02 08:00"),
    ("cron(0 8 ? * 3#1 *)", "UTC", "2026-06-02 08:00", "2026-07-07 08:00"),
    ("cron(0 8 * * 3#1)", "UTC", "2026-06-01 00:00", "2026-06-02 08:00"),
    ("cron(0 8 L * ? *)", "UTC", "2026-06-01 00:00", "2026-06-30 08:00"),
    ("cron(0 8 1 JAN ? *)", "UTC", "2026-06-01 00:00", "2027-01-01 08:00"),
    # years
    ("cron(0 8 1 1 ? 2028)", "UTC", "2026-06-01 00:00", "2028-01-01 08:00"),
    ("cron(0 8 1 1 ? 2027-2029)", "UTC", "2027-06-01 00:00", "2028-01-01 08:00"),
    ("cron(0 8 1 1 ? 2027,2030)", "UTC", "2027-06-01 00:00", "2030-01-01 08:00"),
    ("cron(0 0 1 1 ? 2027)", "UTC", "2026-06-01 00:00", "2027-01-01 00:00"),
    # plain cron: 0 is Sunday
    ("0 8 * * 0", "UTC", "2026-06-01 00:00", "2026-06-07 08:00"),
    ("0 8 * * 1-5", "UTC", "2026-06-05 09:00", "2026-06-08 08:00"),
    # rates count from the task's creation, 00:07
    ("rate(15 minutes)", "UTC", "2026-01-01 00:07", "2026-01-01 00:22"),
    ("rate(15 minutes)", "UTC", "2026-01-01 00:30", "2026-01-01 00:37"),
    ("rate(1 hour)", "UTC", "2026-01-01 05:08", "2026-01-01 06:07"),
    ("rate(1 day)", "UTC", "2026-06-01 00:07", "2026-06-02 00:07"),
    ("rate(1 hour)", "UTC", "2025-12-31 00:00", "2026-01-01 01:07"),
]


@pytest.mark.parametrize(("expression", "zone", "after", "due"), NEXT)
def test_next(expression: str, zone: str, after: str, due: str) -> None:
    schedule = parse_schedule(expression, zone)
    assert schedule.after(utc(after), anchor=CREATED) == utc(due)


def test_nothing_is_due_after_the_last_year() -> None:
    schedule = parse_schedule("cron(0 8 1 1 ? 2027)")
    assert schedule.after(utc("2027-01-01 08:00"), anchor=CREATED) is None


def local(text: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def slots(expression: str, after: datetime, count: int) -> list[datetime]:
    schedule, found = parse_schedule(expression, "Europe/Berlin"), [after]
    for _ in range(count):
        due = schedule.after(found[-1], anchor=CREATED)
        assert due is not None
        found.append(due)
    return found[1:]


def test_a_day_without_02_30_still_has_its_run() -> None:
    # 2026-03-29 02:00 becomes 03:00.
    found = slots("cron(30 2 * * ? *)", local("2026-03-28 12:00"), 2)
    assert [due.astimezone(BERLIN).date().isoformat() for due in found] == [
        "2026-03-29",
        "2026-03-30",
    ]
    assert found[0] == local("2026-03-29 03:00")


def test_a_day_with_02_30_twice_has_one_run() -> None:
    # 2026-10-25 03:00 becomes 02:00.
    found = slots("cron(30 2 * * ? *)", local("2026-10-24 12:00"), 2)
    assert found == [local("2026-10-25 02:30"), local("2026-10-26 02:30")]


def test_quarters_of_an_hour_go_on_through_both_changes() -> None:
    for day in ("2026-03-28 23:50", "2026-10-24 23:50"):
        found = slots("cron(*/15 * * * ? *)", local(day), 24)
        gaps = {later - earlier for earlier, later in pairwise(found)}
        assert gaps == {timedelta(minutes=15)}


BAD = [
    ("cron(0 3 * *)", "UTC", "six fields"),
    ("cron(0 3 1 * 2 *)", "UTC", "must be '?'"),
    ("cron(0 3 * 13 ? *)", "UTC", "write for example cron(0 3 * * ? *)"),
    ("cron(61 3 * * ? *)", "UTC", "write for example"),
    ("cron(0 3 15W * ? *)", "UTC", "W (nearest weekday) is not supported"),
    ("cron(0 3 * * ? soon)", "UTC", "the year is"),
    ("rate(0 minutes)", "UTC", "write rate(1 hour)"),
    ("rate(1 minutes)", "UTC", "write rate(1 hour)"),
    ("every day", "UTC", "five-field cron"),
    ("", "UTC", "five-field cron"),
    ("rate(1 hour)", "Europe/Berln", "use an IANA name"),
    ("rate(1 hour)", "../etc/passwd", "use an IANA name"),
]


@pytest.mark.parametrize(("expression", "zone", "words"), BAD)
def test_refused_with_the_fix(expression: str, zone: str, words: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(expression, zone)
    assert words in str(caught.value)


moments = st.datetimes(
    datetime(2024, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)
)  # fmt: skip
minutes, hours = st.integers(0, 59), st.integers(0, 23)
expressions = st.one_of(
    st.builds("cron({} {} * * ? *)".format, minutes, hours),
    st.builds("cron({}/7 * ? * {} *)".format, minutes, st.integers(1, 7)),
    st.builds(
        "cron({} {} ? * {}#{} *)".format, minutes, hours, st.integers(1, 7), st.integers(1, 4)
    ),
    st.builds("{} {} {} * *".format, minutes, hours, st.integers(1, 28)),
    st.builds("rate({} minutes)".format, st.integers(2, 99999)),
    st.builds("rate({} days)".format, st.integers(2, 400)),
)
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]
)


@given(expressions, zones, moments)
def test_the_next_time_is_later_and_there_is_none_between(
    expression: str, zone: str, moment: datetime
) -> None:
    schedule = parse_schedule(expression, zone)
    due = schedule.after(moment, anchor=CREATED)
    assert due is not None and due > moment
    assert schedule.after(due - timedelta(seconds=1), anchor=CREATED) == due


@given(st.integers(2, 500), moments, st.integers(0, 90_000))
def test_what_a_rate_owes_after_a_pause(every: int, after: datetime, pause: int) -> None:
    schedule = parse_schedule(f"rate({every} minutes)")
    until = after + timedelta(minutes=pause)
    latest, passed_over = due_between(schedule, after, until, anchor=CREATED)
    step = timedelta(minutes=every)

    def slots_until(moment: datetime) -> int:
        return max(0, (moment - CREATED) // step)

    count = slots_until(until) - slots_until(after)
    assert (latest is None) == (count == 0)
    if latest is not None:
        assert after < latest <= until < latest + step
        assert (latest - CREATED) % step == timedelta()
        assert passed_over == min(count - 1, 100)


DUE = [
    # expression, after, until, latest, passed over
    ("cron(0 3 * * ? *)", "2026-06-01 03:00", "2026-06-01 03:00", None, 0),
    ("cron(0 3 * * ? *)", "2026-06-01 03:00", "2026-06-02 02:59", None, 0),
    ("cron(0 3 * * ? *)", "2026-06-01 03:00", "2026-06-02 03:00", "2026-06-02 03:00", 0),
    ("cron(0 3 * * ? *)", "2026-06-01 03:00", "2026-06-05 12:00", "2026-06-05 03:00", 3),
    ("cron(0 * * * ? *)", "2026-01-01 00:00", "2026-12-01 00:30", "2026-12-01 00:00", 100),
    ("cron(0 3 1 * ? *)", "2010-01-01 00:00", "2026-06-20 00:00", "2026-06-01 03:00", 100),
]


@pytest.mark.parametrize(("expression", "after", "until", "latest", "passed_over"), DUE)
def test_what_a_cron_owes_after_a_pause(
    expression: str, after: str, until: str, latest: str | None, passed_over: int
) -> None:
    schedule = parse_schedule(expression)
    found = due_between(schedule, utc(after), utc(until), anchor=CREATED)
    assert found == (utc(latest) if latest else None, passed_over)
