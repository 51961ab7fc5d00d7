"""Sizes, ages and times: how they are written, what they amount to, and what is refused."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from datasync_api.file_conditions import FileConditions, age_seconds, size_bytes, time_of

SIZES = [
    (0, 0),
    (4096, 4096),
    ("4096", 4096),
    ("10k", 10_000),
    ("10Ki", 10_240),
    ("1.5Gi", 1_610_612_736),
    ("2M", 2_000_000),
    ("1T", 10**12),
    ("1Ti", 2**40),
    ("1P", 10**15),
    ("1Pi", 2**50),
    ("0.3", 1),  # rounded up, as Kubernetes does
]
AGES = [
    ("0s", 0),
    ("90s", 90),
    ("15m", 900),
    ("24h", 86_400),
    ("30d", 2_592_000),
    ("1d12h", 129_600),
    ("1h30m10s", 5410),
]
TIMES = [
    ("2026-01-31T00:00:00Z", datetime(2026, 1, 31, tzinfo=UTC)),
    ("2026-01-31T01:00:00+01:00", datetime(2026, 1, 31, tzinfo=UTC)),
    ("2026-01-31t00:00:00.25z", datetime(2026, 1, 31, 0, 0, 0, 250_000, UTC)),
    ("2026-01-31T00:00:00.123456789Z", datetime(2026, 1, 31, 0, 0, 0, 123_456, UTC)),
]


@pytest.mark.parametrize(("size", "expected"), SIZES)
def test_a_size_in_bytes(size: int | str, expected: int) -> None:
    assert FileConditions.model_validate({"minSize": size}).min_size == size
    assert size_bytes(size) == expected


@pytest.mark.parametrize(("age", "expected"), AGES)
def test_an_age_in_seconds(age: str, expected: int) -> None:
    assert FileConditions.model_validate({"maxAge": age}).max_age == age
    assert age_seconds(age) == expected


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_a_time(text: str, expected: datetime) -> None:
    assert FileConditions.model_validate({"modifiedAfter": text}).modified_after == text
    assert time_of(text) == expected


REFUSED = [
    ({"minSize": size}, "is not a size: write")
    for size in (-1, "-1", "10MB", "10 Mi", "1e3", "m", "500m", "", "٣")
] + [
    ({"minAge": age}, "is not an age: write")
    for age in ("24", "h", "1.5h", "-1h", "30 d", "1w", "1h1d", "100ms", "999999d")
] + [
    ({"modifiedBefore": text}, "must be of type date-time: write")
    for text in (
        *("yesterday", "2026-01-31", "2026-01-31T00:00:00", "2026-01-31 00:00:00Z", "1769817600"),
        *("2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z", "20260131T000000Z"),
    )
] + [
    ({"minSize": "1Mi", "maxSize": "1M"}, "minSize: is above maxSize"),
    ({"minSize": 11, "maxSize": 10}, "minSize: is above maxSize"),
    ({"minSize": "0.2", "maxSize": "0.1"}, "minSize: is above maxSize"),
    ({"minAge": "2d", "maxAge": "47h59m"}, "minAge: is above maxAge"),
    (
        {"modifiedAfter": "2026-01-31T00:00:00Z", "modifiedBefore": "2026-01-31T00:00:00Z"},
        "modifiedAfter: is not before modifiedBefore",
    ),
    (
        {"modifiedAfter": "2026-01-31T00:00:00Z", "modifiedBefore": "2026-01-31T00:30:00+01:00"},
        "modifiedAfter: is not before modifiedBefore",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "words"), REFUSED)
def test_what_is_refused(conditions: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FileConditions.model_validate(conditions)


ACCEPTED = [
    {},
    {"minSize": "1Ki", "maxSize": 1024},
    {"minAge": "2d", "maxAge": "48h"},
    {"modifiedAfter": "2026-01-31T00:00:00Z", "modifiedBefore": "2026-01-31T00:00:01Z"},
]


@pytest.mark.parametrize("conditions", ACCEPTED)
def test_what_is_written_is_read_back(conditions: dict) -> None:
    assert FileConditions.model_validate(conditions).manifest() == conditions


@given(st.integers(0, 10**15 - 1), st.sampled_from(["", "k", "Ki", "M", "Mi", "G", "Gi", "T"]))
def test_units_are_powers_of_1000_and_1024(number: int, unit: str) -> None:
    base = 1024 if unit.endswith("i") else 1000
    power = " kMGT".index((unit or " ")[0].replace("K", "k"))
    assert size_bytes(f"{number}{unit}") == number * base**power
    assert size_bytes(f"{number}.0{unit}") == Decimal(number) * base**power
