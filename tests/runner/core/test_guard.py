"""What a run may delete by itself: the table of `held_back`, and what it means for any numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.conditions import Reason
from datasync_api.plan import TransferPlan
from datasync_api.sides import PosixSide
from datasync_api.task import Guards
from datasync_api.task_options import TaskOptions
from datasync_runner.core.guard import Extra, held_back, replaced

MANY, EMPTY = Reason.TOO_MANY_DELETIONS, Reason.SOURCE_EMPTY
REPLACED = Reason.SOURCE_REPLACED


def plan(token=None, **guards):
    """A plan; `token` is the reason and the number of what was acknowledged."""
    made = TransferPlan(
        execution={"namespace": "n", "name": "e", "uid": "u"},
        source=PosixSide(uri="nfs://h/a/", root="/a"),
        destination=PosixSide(uri="nfs://h/b/", root="/b"),
        options=TaskOptions(),
        guards=Guards(**guards),
    )
    return made.model_copy(update={"acknowledge": made.token(*token)}) if token else made


@pytest.mark.parametrize(
    ("source", "files", "deletions", "guards", "token", "expected"),
    [
        (7, 10, 5, {}, None, None),
        (7, 10, 6, {}, None, (MANY, 5)),
        (7, 1, 1, {}, None, None),
        (7, 2, 2, {}, None, (MANY, 1)),
        (7, 3, 2, {}, None, None),
        (7, 10, 1, {"max_delete_percent": 0}, None, (MANY, 0)),
        (7, 10, 10, {"max_delete_percent": 100}, None, None),
        (7, 10, 2, {"max_deleted_files": 2}, None, None),
        (7, 10, 3, {"max_deleted_files": 2}, None, (MANY, 2)),
        (7, 10, 6, {"max_deleted_files": 1000}, None, (MANY, 5)),
        (7, 10, 1, {"max_deleted_files": 0}, None, (MANY, 0)),
        (7, 10, 6, {}, (MANY, 6), None),
        (7, 10, 7, {}, (MANY, 6), (MANY, 6)),
        (7, 10, 6, {}, (MANY, 2), (MANY, 5)),
        (7, 10, 6, {}, (EMPTY, 6), (MANY, 5)),
        (0, 10, 10, {}, None, (EMPTY, 0)),
        (0, 10, 10, {"max_delete_percent": 100}, None, (EMPTY, 0)),
        (0, 10, 10, {}, (EMPTY, 10), None),
        (0, 10, 10, {}, (EMPTY, 9), (EMPTY, 9)),
        (0, 10, 10, {}, (MANY, 10), (EMPTY, 0)),
        (0, 10, 10, {"allow_empty_source": True}, None, None),
        (0, 10, 10, {"allow_empty_source": True, "max_deleted_files": 2}, None, (MANY, 2)),
        (0, 10, 0, {}, None, None),
    ],
)
def test_held_back(source, files, deletions, guards, token, expected):
    hold = held_back(Extra(deletions, files, source), plan(token, **guards))
    assert (hold and (hold.reason, hold.limit)) == expected
    assert hold is None or hold.deletions == deletions


@pytest.mark.parametrize(
    ("source", "deletions", "guards", "token", "expected"),
    [
        (7, 1, {}, None, (REPLACED, 0)),
        (7, 1, {"max_delete_percent": 100}, None, (REPLACED, 0)),
        (7, 6, {}, (REPLACED, 6), None),
        (7, 7, {}, (REPLACED, 6), (REPLACED, 6)),
        (7, 6, {}, (MANY, 6), (REPLACED, 0)),
        (7, 1, {"allow_replaced_source": True}, None, None),
        (7, 6, {"allow_replaced_source": True}, None, (MANY, 5)),
        (0, 10, {}, None, (EMPTY, 0)),
        (0, 10, {"allow_empty_source": True}, None, (REPLACED, 0)),
        (7, 0, {}, None, None),
    ],
)
def test_a_source_that_was_replaced(source, deletions, guards, token, expected):
    hold = held_back(Extra(deletions, 10, source, replaced=True), plan(token, **guards))
    assert (hold and (hold.reason, hold.limit)) == expected


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        ("8a1:2", "8a1:2", False),
        ("8a1:2", "7b0:2", False),
        ("8a1:2", "8a1:131073", True),
        ("0:77", "8a1:131073", True),
        ("", "8a1:2", False),
        ("8a1:2", "", False),
        ("", "", False),
    ],
)
def test_replaced(known, now, expected):
    assert replaced(known, now) is expected


numbers = st.integers(0, 10**9)
guards_of_any_kind = st.builds(
    dict,
    allow_empty_source=st.booleans(),
    allow_replaced_source=st.booleans(),
    max_delete_percent=st.integers(0, 100),
    max_deleted_files=st.none() | numbers,
)


@given(numbers, numbers, st.integers(0, 2), st.booleans(), guards_of_any_kind)
def test_a_token_lets_exactly_what_it_is_about_go_on(kept, deletions, source, other, guards):
    """So many files or fewer, and not one more."""
    files = kept + deletions
    hold = held_back(Extra(deletions, files, source, other), plan(**guards))
    if hold is None:
        return
    again = plan(**guards).model_copy(update={"acknowledge": hold.token})
    assert held_back(Extra(deletions, files, source, other), again) is None
    assert held_back(Extra(deletions - 1, files, source, other), again) is None
    larger = held_back(Extra(deletions + 1, files + 1, source, other), again)
    assert larger is not None and larger.token != hold.token


@given(numbers, numbers, st.integers(0, 100))
def test_the_share_is_never_less_than_what_was_asked_and_never_a_file_more(
    kept, deletions, percent
):
    files = kept + deletions
    hold = held_back(Extra(deletions, files, 1), plan(max_delete_percent=percent))
    assert (hold is not None) == ((deletions - 1) * 100 >= percent * files and deletions > 0)
