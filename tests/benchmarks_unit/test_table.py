"""Results as Markdown: a row a workload, and nothing that failed looks met."""

import pytest

from benchmarks import table
from benchmarks.compare import Comparison
from benchmarks.figures import NO_GOAL, OURS, Figures, Goal, Limit, ratios
from benchmarks.results import Results
from benchmarks.workloads import WORKLOADS

TOOLS = {
    OURS: Figures(1.0, 1.0, 60, 90, {"PutObject": 10, "HeadObject": 2, "connections": 4}, 0.5),
    "s5cmd": Figures(4.0, 3.0, 30, 30, {"PutObject": 10}),
    "rclone": Figures(3.0, 5.0, 80, 80, {}),
}
ROUNDS = {OURS: 3, "s5cmd": 1, "rclone": 3}


def verdict(goal: Goal, tools: dict[str, Figures] = TOOLS, **wrong: str) -> str:
    return table.compared("work", tools, goal, ratios(tools, goal), wrong)[-1]


def test_a_row_names_both_best_peers() -> None:
    row = table.compared("work", TOOLS, Goal(3, 3), ratios(TOOLS, Goal(3, 3)), {})
    assert row == [
        "work", "1.00, 1.00", "rclone 3.00", "s5cmd 3.00", "3.0x (3x)", "3.0x (3x)", "60 MB", "met",
    ]  # fmt: skip


def test_rates_stand_beside_wall_times_where_they_count() -> None:
    tools = {name: figures._replace(rate_mib=1200.0) for name, figures in TOOLS.items()}
    row = table.compared("work", tools, Goal(rate=1), ratios(tools, Goal(rate=1)), {})
    assert row[4] == "3.0x; rate 1.00x (1x), 1,200 MiB/s"


def test_verdicts() -> None:
    assert verdict(Goal(3, 3)) == "met"
    assert verdict(Goal(3.1, 3)) == "**missed**"
    assert verdict(NO_GOAL) == "no goal"
    assert verdict(Goal(3, 3), rclone="exit code 1") == "**a peer failed**"
    assert verdict(Goal(3, 3), {"s5cmd": TOOLS["s5cmd"]}, datasync="exit code 1") == "**FAILED**"


def test_cpu_is_told_by_file_or_by_gib() -> None:
    small = table.every("work", 10_000, 10_000 * 10_240, tools=TOOLS, rounds=ROUNDS, wrong={})
    large = table.every(
        "work",
        4,
        4 << 30,
        tools=TOOLS,
        rounds=ROUNDS,
        wrong={"rsync -a": "differs"},
    )
    assert small[0][5:] == ["100 µs/file", "0.50", "60, 90", "10 PutObject, 2 HeadObject"]
    assert large[0][5] == "0.25 s/GiB"
    assert small[1][6] == "-"
    assert {len(row) for row in [*small, *large]} == {len(table.EVERY)}
    assert [row[1:3] for row in large[:3]] == [[OURS, "3"], ["s5cmd", "1"], ["rclone", "3"]]
    assert large[-1][:4] == ["work", "rsync -a", "-", "wrong"]


def test_the_document_keeps_what_is_around_the_results() -> None:
    document = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    once = table.insert(document, "new\n")
    assert once == f"before\n{table.BEGIN}\n\nnew\n\n{table.END}\nafter\n"
    assert table.insert(once, "new\n") == once


@pytest.mark.parametrize("document", ["", table.BEGIN, table.BEGIN * 2 + table.END])
def test_a_document_without_its_markers_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        table.insert(document, "new")


def test_results_tell_what_was_missed_and_what_was_wrong_apart() -> None:
    workload = next(w for w in WORKLOADS if w.name == "up-small-http")
    results = Results(
        limits=[Limit("peak", 250, "MB", 200), Limit("time", 9, "s")],
        comparisons=[
            Comparison(workload, tools=TOOLS, rounds=ROUNDS),
            Comparison(workload, tools={}, wrong={OURS: "exit code 1"}),
        ],
        broken={"memory-flat": "InternalError"},
        idle_cpu_seconds=0.5,
    )
    assert results.missed() == ["peak: 250 MB, goal below 200"]
    assert results.wrong() == [
        "memory-flat: InternalError",
        f"{workload.title}: {OURS}: exit code 1",
    ]
    text = results.markdown(["a machine"])
    assert "engine alone 6.0x (4x)" in text
    assert text.count("**FAILED**") == 1
