"""Which tasks a run waits for: the tables of `comes_first` and `ring`."""

from datetime import datetime

import pytest

from datasync_api.conditions import Reason
from datasync_api.task import Task
from datasync_operator.decide.order import comes_first, ring, ring_problem
from fakes.objects import ago, task

TEN, NINE, ELEVEN = ago(7200), ago(10800), ago(3600)


def one(name: str, *after: str, success: datetime | None = None) -> Task:
    status = {"lastSuccessfulTime": success.isoformat()} if success else {}
    return task(name, runAfter=list(after), status=status)


@pytest.mark.parametrize(
    ("ours", "theirs", "waits"),
    [
        (None, None, True),
        (None, ELEVEN, False),
        (TEN, NINE, True),
        (TEN, TEN, True),
        (TEN, ELEVEN, False),
        (TEN, None, True),
    ],
)
def test_comes_first(ours: datetime | None, theirs: datetime | None, waits: bool) -> None:
    found = comes_first(one("b", "a", success=ours), {"a": one("a", success=theirs)})
    assert (found is not None) is waits
    if found is not None:
        assert found[0] is Reason.WAITING_FOR_TASK
        assert "a success of task a" in found[1]


def test_all_of_them_come_first_and_nothing_is_waited_for_without_any() -> None:
    tasks = {"a": one("a", success=ELEVEN), "c": one("c", success=NINE)}
    found = comes_first(one("b", "a", "c", success=TEN), tasks)
    assert found is not None
    assert "task c after 2026-11-23T10:00:00Z" in found[1]
    assert comes_first(one("b", success=TEN), tasks) is None


def test_a_task_that_is_not_there_is_named() -> None:
    assert comes_first(one("b", "gone"), {}) == (
        Reason.TASK_NOT_FOUND,
        "no DataSyncTask gone in this namespace: create it, or correct runAfter",
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"a": ["b"], "b": []}, None),
        ({"a": ["a"]}, "a, a"),
        ({"a": ["b"], "b": ["a"]}, "a, b, a"),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, None),  # a ring of others' is theirs to tell
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["a"]}, "a, c, d, a"),
        ({"a": ["gone"]}, None),
    ],
)
def test_ring(after: dict[str, list[str]], expected: str | None) -> None:
    tasks = {name: one(name, *before) for name, before in after.items()}
    assert ring(tasks["a"], tasks) == expected
    assert bool(ring_problem(tasks["a"], tasks)) is bool(expected)
