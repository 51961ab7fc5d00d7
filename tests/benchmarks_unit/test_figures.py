"""Medians, ratios to the best peer, and what counts as a missed goal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import (
    NO_GOAL,
    OURS,
    UNVERIFIED,
    Figures,
    Goal,
    Limit,
    Ratios,
    hopeless,
    medians,
    missed,
    ratios,
    turns,
)


def took(wall: float, cpu: float, **requests: int) -> Figures:
    return Figures(wall, cpu, 50.0, 80.0, requests)


def test_each_figure_has_its_own_median() -> None:
    runs = [took(1, 9, PutObject=5), took(3, 7, PutObject=7), took(2, 8, PutObject=6, HeadObject=9)]
    assert medians(runs) == took(2, 8, PutObject=6, HeadObject=0)


@given(st.lists(st.floats(0.01, 1e6), min_size=1))
def test_the_median_lies_between_the_extremes(walls: list[float]) -> None:
    found = medians([took(wall, 1) for wall in walls]).wall_seconds
    assert min(walls) <= found <= max(walls)


def test_wall_and_cpu_may_have_different_best_peers() -> None:
    tools = {OURS: took(1, 1), "s5cmd": took(3, 9), "rclone": took(4, 6)}
    assert ratios(tools, Goal()) == Ratios(3, 6, "s5cmd", "rclone")


def test_a_goal_may_be_against_one_peer() -> None:
    tools = {OURS: took(1, 1), "rsync -a": took(5, 5), "cp -a": took(0.5, 0.5)}
    assert ratios(tools, Goal(1, None, "rsync")) == Ratios(5, 5, "rsync -a", "rsync -a")


def test_a_variant_of_ours_is_no_peer() -> None:
    tools = {OURS: took(2, 2), UNVERIFIED: took(1, 1), "s5cmd": took(3, 3)}
    assert ratios(tools, Goal()) == Ratios(1.5, 1.5, "s5cmd", "s5cmd")
    assert ratios({OURS: took(2, 2), UNVERIFIED: took(1, 1)}, Goal()) is None


def test_hopeless_is_who_is_far_behind_in_wall_and_cpu_time() -> None:
    tools = {
        OURS: took(9, 9),
        UNVERIFIED: took(9, 9),
        "fast": took(1, 5),
        "thrifty": took(5, 1),
        "in between": took(1.6, 1.4),
        "far": took(1.6, 1.6),
    }
    assert hopeless(tools, Goal()) == {"far"}
    assert hopeless({OURS: took(1, 1)}, Goal()) == set()


@given(st.lists(st.text(), min_size=1, max_size=6, unique=True), st.integers(1, 20))
def test_every_tool_has_a_turn_in_each_round_and_is_first_in_one(names: list[str], n: int) -> None:
    assert sorted(turns(names, n)) == sorted(names)
    assert turns(names, 1) == names
    assert {turns(names, number)[0] for number in range(n, n + len(names))} == set(names)


@pytest.mark.parametrize("tools", [{OURS: took(1, 1)}, {"s5cmd": took(1, 1)}, {}])
def test_without_ours_or_any_peer_there_is_no_ratio(tools: dict[str, Figures]) -> None:
    assert ratios(tools, Goal(1, 1)) is None


def test_the_engine_alone_is_what_a_run_takes_beyond_an_idle_one() -> None:
    tools = {OURS: took(1, 2.5), "s5cmd": took(3, 8)}
    found = ratios(tools, Goal(engine_cpu=4), idle_cpu_seconds=0.5)
    assert found is not None
    assert (found.cpu, found.engine_cpu) == (3.2, 4.0)


@pytest.mark.parametrize(
    ("goal", "lines"),
    [
        (Goal(), 0),
        (Goal(3, 6), 0),
        (Goal(3.01, None), 1),
        (Goal(None, 6.01), 1),
        (Goal(4, 7), 2),
        (Goal(engine_cpu=7), 0),
    ],
)
def test_a_goal_is_missed_below_it(goal: Goal, lines: int) -> None:
    assert len(missed(goal, Ratios(3, 6, "s5cmd", "rclone"), took(1, 1))) == lines


def test_the_engine_alone_can_miss_its_goal() -> None:
    assert missed(Goal(engine_cpu=7), Ratios(3, 6, "a", "b", 6.5), took(1, 1)) == [
        "CPU of the engine alone 6.50x, goal 7x"
    ]


def test_rates_are_those_that_the_tools_state() -> None:
    ours, slow, fast = (took(1, 1)._replace(rate_mib=rate) for rate in (900.0, 800.0, 1000.0))
    found = ratios({OURS: ours, "slow": slow, "fast": fast}, Goal(rate=1))
    assert found is not None and found.rate == 0.9
    assert missed(Goal(rate=1), found, ours) == ["rate 0.90x, goal 1x"]
    assert missed(Goal(rate=0.9), found, ours) == []


@pytest.mark.parametrize("ours_mib", [0.0, 900.0])
@pytest.mark.parametrize("peer_mib", [None, 800.0])
def test_a_rate_that_somebody_does_not_state_reaches_no_goal(
    ours_mib: float, peer_mib: float | None
) -> None:
    tools = {OURS: took(1, 1)._replace(rate_mib=ours_mib), "smbclient mget": took(3, 3)}
    if peer_mib is not None:
        tools["smbclient"] = took(3, 3)._replace(rate_mib=peer_mib)
    found = ratios(tools, Goal(rate=1))
    assert found is not None and found.rate is None
    assert missed(Goal(rate=1), found, took(1, 1)) == ["not every tool states its rate"]


def test_no_process_of_ours_may_grow_large_whatever_the_work() -> None:
    assert missed(NO_GOAL, Ratios(3, 6, "a", "b"), took(1, 1)._replace(peak_mb=200.0)) == [
        "largest process 200 MB, goal below 200 MB"
    ]


@pytest.mark.parametrize(("figure", "met"), [(199.9, True), (200.0, False), (201.0, False)])
def test_a_limit_is_met_below_it(figure: float, met: bool) -> None:
    assert Limit("peak", figure, "MB", 200.0).met is met
