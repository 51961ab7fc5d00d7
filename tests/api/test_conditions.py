"""Conditions: the transition time moves with the status alone, the message always fits."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from datasync_api.conditions import (
    MESSAGE_MAX_LENGTH,
    Condition,
    Reason,
    find_condition,
    set_condition,
)

BEFORE = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 2, tzinfo=UTC)
Status = Literal["True", "False", "Unknown"]


def condition(status: Status, *, type_: str = "Ready", since: datetime | None = None) -> Condition:
    return Condition(
        type=type_, status=status, reason=Reason.VALID, message="m", last_transition_time=since
    )


TABLE: list[tuple[Status | None, Status, datetime]] = [
    (None, "True", NOW),
    (None, "False", NOW),
    ("True", "True", BEFORE),
    ("True", "False", NOW),
    ("False", "True", NOW),
    ("False", "False", BEFORE),
    ("Unknown", "True", NOW),
    ("True", "Unknown", NOW),
]


@pytest.mark.parametrize(("known", "wanted", "since"), TABLE)
def test_transition_time(known: Status | None, wanted: Status, since: datetime) -> None:
    conditions = [condition(known, since=BEFORE)] if known else []
    placed = set_condition(conditions, condition(wanted), now=NOW)
    assert placed == (condition(wanted, since=since),)


def test_the_newest_reason_and_message_are_shown() -> None:
    old = condition("True", since=BEFORE)
    new = old.model_copy(update={"reason": Reason.RETRYING, "message": "other"})
    (placed,) = set_condition([old], new, now=NOW)
    assert (placed.reason, placed.message) == (Reason.RETRYING, "other")
    assert placed.last_transition_time == BEFORE


def test_others_stay_and_the_order_is_always_the_same() -> None:
    others = [condition("True", type_=name, since=BEFORE) for name in ("Stalled", "Accepted")]
    placed = set_condition(others, condition("True"), now=NOW)
    assert [one.type for one in placed] == ["Accepted", "Ready", "Stalled"]
    assert set_condition(reversed(others), condition("True"), now=NOW) == placed
    assert find_condition(placed, "Stalled") == others[0]
    assert find_condition(placed, "Missing") is None


def test_setting_twice_changes_nothing() -> None:
    once = set_condition([], condition("True"), now=BEFORE)
    assert set_condition(once, condition("True"), now=NOW) == once


def test_a_message_that_is_too_long_is_cut() -> None:
    long = condition("True").model_copy(update={"message": "x" * (MESSAGE_MAX_LENGTH + 1)})
    (placed,) = set_condition([], long, now=NOW)
    assert len(placed.message) == MESSAGE_MAX_LENGTH


def test_reasons_are_camel_case_as_kubernetes_asks() -> None:
    for reason in Reason:
        assert reason.value.isalnum() and reason.value[0].isupper()
        assert (
            reason.name
            == "".join(
                f"_{letter}" if letter.isupper() and index else letter
                for index, letter in enumerate(reason.value)
            ).upper()
        )
