"""Who may run now: the cap of an agent, one run a task, first come first served."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.conditions import Reason
from datasync_api.execution import Execution
from datasync_operator.decide.ledger import Admitted, Ledger, Verdict, Waiting, candidates
from fakes.objects import NOW, agent, ago, bucket, efs, execution, nfs, resolved, task


def waiting(name: str, *, the_task: str, age: int) -> Execution:
    return execution(name, task=the_task, metadata={"creationTimestamp": ago(age).isoformat()})


def running(name: str, *, the_task: str, on: str = "site") -> Execution:
    return execution(name, task=the_task, phase="Transferring", status={"resolved": resolved(on)})


def ledger(*runs: Execution, cap: int = 2, agents: tuple[str, ...] = ("site",)) -> Ledger:
    tasks = {run.spec.task_ref.name: task(run.spec.task_ref.name) for run in runs}
    ends = {"nas": nfs(agents=agents), "bucket": bucket()}
    known = {name: agent(name, maxConcurrentExecutions=cap) for name in agents}
    return Ledger(list(runs), tasks, ends, known)


def ask(book: Ledger, name: str) -> Verdict:
    return book.verdict(f"uid-{name}", now=NOW)


@pytest.mark.parametrize(
    ("source", "destination", "listed", "expected"),
    [
        ((), (), (), None),
        (("a", "b"), (), (), ("a", "b")),
        ((), ("b",), (), ("b",)),
        (("a", "b"), ("b", "c"), (), ("b",)),
        (("a", "b"), (), ("b",), ("b",)),
        ((), (), ("b",), ("b",)),
        (("a",), ("c",), (), ()),
        (("a", "b"), ("b",), ("a",), ()),
    ],
)
def test_candidates(
    source: tuple[str, ...],
    destination: tuple[str, ...],
    listed: tuple[str, ...],
    expected: tuple[str, ...] | None,
) -> None:
    places = (bucket("x", agents=source), bucket("y", agents=destination))
    assert candidates(*places, bucket("z", agents=listed)) == expected


LISTED = {"manifest": {"s3": {"locationRef": {"name": "other"}, "key": "files.csv"}}}
REPORTED = {"report": {"locationRef": {"name": "other"}}}


@pytest.mark.parametrize(
    ("spec", "run", "expected"),
    [
        ({}, {}, "a"),
        (LISTED, {}, "b"),
        (LISTED, {"mode": "DryRun"}, "b"),
        (LISTED, {"overrides": {"manifest": {}}}, "a"),
        ({}, {"overrides": LISTED}, "b"),
        (REPORTED, {}, "b"),
        (REPORTED, {"mode": "DryRun"}, "a"),
        (REPORTED, {"overrides": {"report": {}}}, "a"),
    ],
)
def test_the_agent_reaches_all_that_the_run_needs(
    spec: dict[str, Any], run: dict[str, Any], expected: str
) -> None:
    one = execution("w", task="t", **run)
    book = ledger(one, agents=("a", "b"))
    places = {**book.locations, "other": bucket("other", agents=("b",))}
    book = replace(book, tasks={"t": task("t", **spec)}, locations=places)
    assert ask(book, "w") == Admitted(expected)
    assert book.agents_for(one)[0] == expected


def test_a_run_that_cannot_be_placed_says_why_and_counts_for_no_agent() -> None:
    listed = {**LISTED, "includes": [{"value": "/a"}]}
    for run, locations, reason in (
        (execution("w", task="t"), {}, Reason.LOCATION_NOT_FOUND),
        (execution("w", task="t", overrides=listed), {"other": bucket("other")}, "InvalidSpec"),
    ):
        book = ledger(run)
        tasks = {"t": task("t", **REPORTED)}
        book = replace(book, tasks=tasks, locations={**book.locations, **locations})
        answer = ask(book, "w")
        assert isinstance(answer, Waiting)
        assert answer.reason == reason
        assert book.agents_for(run) == ()


def test_the_first_free_agent_is_taken() -> None:
    book = ledger(
        running("r", the_task="t1", on="a"),
        waiting("w", the_task="t2", age=1),
        cap=1,
        agents=("a", "b"),
    )
    assert ask(book, "w") == Admitted("b")


def test_a_full_agent_lets_wait_and_says_who_is_ahead() -> None:
    book = ledger(
        running("r1", the_task="t1"),
        running("r2", the_task="t2"),
        waiting("first", the_task="t3", age=5),
        waiting("second", the_task="t4", age=3),
    )
    first, second = ask(book, "first"), ask(book, "second")
    assert isinstance(first, Waiting)
    assert isinstance(second, Waiting)
    assert first.reason is Reason.WAITING_FOR_SLOT
    assert first.message == (
        "no free slot: 2 of 2 slots of site are taken, by runs and by checks of locations"
    )
    assert "1 ahead" in second.message


def test_one_run_a_task_and_the_next_task_is_not_held_back() -> None:
    book = ledger(
        running("r", the_task="busy"),
        waiting("same", the_task="busy", age=9),
        waiting("other", the_task="free", age=1),
    )
    assert isinstance(ask(book, "same"), Waiting)
    assert ask(book, "other") == Admitted("site")


def test_a_task_that_comes_after_another_waits_for_its_success_and_a_dry_run_does_not() -> None:
    dry = execution("dry", task="after", mode="DryRun")
    book = ledger(waiting("real", the_task="after", age=1), dry)
    tasks = {"after": task("after", runAfter=["before"]), "before": task("before")}
    one = replace(book, tasks=tasks)
    assert ask(one, "dry") == Admitted("site")
    alone = replace(one, executions=[run for run in one.executions if run is not dry])
    verdict = ask(alone, "real")
    assert isinstance(verdict, Waiting)
    assert verdict.reason is Reason.WAITING_FOR_TASK


def test_two_that_wait_for_one_slot_the_older_gets_it() -> None:
    book = ledger(
        waiting("late", the_task="t1", age=1), waiting("early", the_task="t2", age=2), cap=1
    )
    assert ask(book, "early") == Admitted("site")
    assert isinstance(ask(book, "late"), Waiting)


def test_an_offline_agent_is_waited_for() -> None:
    book = ledger(waiting("w", the_task="t", age=1))
    offline = Ledger(
        book.executions, book.tasks, book.locations, {"site": agent(connection="Offline")}
    )
    answer = ask(offline, "w")
    assert isinstance(answer, Waiting)
    assert answer.reason is Reason.WAITING_FOR_AGENT


def test_a_run_without_its_driver_waits_and_takes_no_place() -> None:
    missing = waiting("missing", the_task="t1", age=5)
    other = waiting("other", the_task="t2", age=1)
    book = ledger(missing, other, cap=1)
    tasks = {**book.tasks, "t1": task("t1", destination="efs")}
    ends = {**book.locations, "efs": efs()}
    without = replace(book, tasks=tasks, locations=ends, missing_drivers={"efs.csi.aws.com"})
    answer = ask(without, "missing")
    assert isinstance(answer, Waiting)
    assert answer.reason is Reason.DRIVER_NOT_INSTALLED
    assert "location efs: the CSI driver efs.csi.aws.com is not installed" in answer.message
    assert ask(without, "other") == Admitted("site")
    assert ask(replace(without, missing_drivers=()), "missing") == Admitted("site")


def test_cancelled_ones_take_no_place() -> None:
    leaving = execution("leaving", task="t1", cancel=True)
    book = ledger(leaving, waiting("w", the_task="t2", age=1), cap=1)
    assert ask(book, "w") == Admitted("site")


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=12),
    st.integers(1, 4),
)
def test_admitting_all_that_may_start_exceeds_no_cap(
    runs: list[tuple[str, bool]], cap: int
) -> None:
    """Whatever waits and runs: those let in at one moment, together with those that run, fit."""
    made: list[Execution] = []
    active: set[str] = set()
    for number, (letter, runs_already) in enumerate(runs):
        if runs_already and letter not in active and len(active) < cap:
            active.add(letter)
            made.append(running(f"r{number}", the_task=letter))
        else:
            made.append(waiting(f"w{number}", the_task=letter, age=100 - number))
    book = ledger(*made, cap=cap)
    admitted = [
        run.spec.task_ref.name
        for run in made
        if run.status.phase is None
        and isinstance(book.verdict(run.metadata.uid, now=NOW), Admitted)
    ]
    assert len(admitted) == len(set(admitted)), "one run a task"
    assert not active & set(admitted)
    assert len(active) + len(admitted) <= cap
    if len(active) + len(admitted) < cap:  # room is left only when nobody wants it
        assert {run.spec.task_ref.name for run in made} == active | set(admitted)
