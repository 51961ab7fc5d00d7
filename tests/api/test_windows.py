"""Windows of the week: when they hold, which of them counts, and when a pause is over."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.windows import Window, pause_ends, window_at

MONDAY = datetime(2026, 11, 23)
NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def at(day: str, time: str) -> datetime:
    hours, minutes = map(int, time.split(":"))
    return MONDAY + timedelta(days=NAMES.index(day), hours=hours, minutes=minutes)


def window(days: str, begin: str, end: str, *, pause: bool = True) -> Window:
    what = {"pause": True} if pause else {"bytesPerSecond": 1}
    return Window.model_validate({"days": days, "from": begin, "to": end, **what})


@pytest.mark.parametrize(
    ("days", "begin", "end", "inside", "outside"),
    [
        ("Fri", "22:00", "24:00", ["Fri 22:00", "Fri 23:59"], ["Fri 21:59", "Sat 00:00"]),
        ("Fri", "22:00", "06:00", ["Fri 23:00", "Sat 05:59"], ["Sat 06:00", "Sat 23:00", "Fri 05:00"]),
        ("Sat-Sun", "00:00", "24:00", ["Sat 00:00", "Sun 23:59"], ["Fri 23:59", "Mon 00:00"]),
        ("Mon-Wed,Sat", "08:00", "18:00", ["Tue 08:00", "Sat 17:59"], ["Thu 12:00", "Sat 18:00"]),
        ("Sat-Mon", "08:00", "18:00", ["Sat 08:00", "Mon 08:00"], ["Tue 08:00", "Fri 08:00"]),
        ("Sun", "23:00", "01:00", ["Sun 23:30", "Mon 00:30"], ["Mon 23:30", "Sun 00:30"]),
    ],
)  # fmt: skip
def test_a_window_holds(
    days: str, begin: str, end: str, inside: list[str], outside: list[str]
) -> None:
    one = window(days, begin, end)
    assert [text for text in inside if not one.holds(at(*text.split()))] == []
    assert [text for text in outside if one.holds(at(*text.split()))] == []


def test_every_day_is_the_default() -> None:
    one = Window.model_validate({"from": "08:00", "to": "09:00", "pause": True})
    assert all(one.holds(at(day, "08:30")) for day in NAMES)


def test_the_first_window_that_holds_counts() -> None:
    lunch = window("Mon-Fri", "12:00", "13:00", pause=False)
    office = window("Mon-Fri", "08:00", "18:00")
    assert window_at([lunch, office], at("Mon", "12:30")) is lunch
    assert window_at([office, lunch], at("Mon", "12:30")) is office
    assert window_at([lunch, office], at("Mon", "18:00")) is None


@pytest.mark.parametrize(
    ("windows", "now", "end"),
    [
        ([window("Mon-Fri", "08:00", "18:00")], "Mon 09:00", "Mon 18:00"),
        ([window("Mon-Fri", "08:00", "24:00")], "Mon 09:00", "Tue 00:00"),
        ([window("Mon-Fri", "08:00", "18:00"), window("Mon", "18:00", "20:00")], "Mon 09:00", "Mon 20:00"),
        ([window("Mon", "12:00", "13:00", pause=False), window("Mon", "08:00", "18:00")], "Mon 09:00", "Mon 12:00"),
        ([window("Fri", "22:00", "06:00")], "Sat 01:00", "Sat 06:00"),
    ],
)  # fmt: skip
def test_a_pause_ends(windows: list[Window], now: str, end: str) -> None:
    assert pause_ends(windows, at(*now.split())) == at(*end.split())


def test_a_pause_without_an_end() -> None:
    assert pause_ends([window("Mon-Sun", "00:00", "24:00")], MONDAY) is None


times = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 15, 30]))
windows = st.lists(
    st.builds(
        lambda days, edges, pause: window(days, *edges, pause=pause),
        st.sampled_from(["Mon-Fri", "Sat-Mon", "Wed", "Mon-Sun"]),
        st.tuples(times, times).filter(lambda edges: edges[0] != edges[1]),
        st.booleans(),
    ),
    max_size=3,
)


@given(windows, st.integers(0, 7 * 96 - 1))
def test_until_its_end_a_pause_is_one_and_then_it_is_none(
    given_windows: list[Window], quarter: int
) -> None:
    now = MONDAY + timedelta(minutes=15 * quarter)
    here = window_at(given_windows, now)
    end = pause_ends(given_windows, now)
    if here is None or not here.pause or end is None:
        return
    after = window_at(given_windows, end)
    assert after is None or not after.pause
    for minutes in range(0, int((end - now).total_seconds()) // 60, 15):
        then = window_at(given_windows, now + timedelta(minutes=minutes))
        assert then is not None and then.pause
