"""docs/datasync-parity.md: each of its tests is there, each of our fields is, and no other."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from datasync_api.crds import KINDS
from manifests import ROOT
from named_tests import collected

DOCUMENT = "docs/datasync-parity.md"
TEST = r"`(tests/[\w/]+\.py)::((?:\w+::)?\w+)(\[[^`]+\])?`"
FIELD = r"`(ds[alte](?:\.\w+)+)`"
WITHOUT_TEST = ("**missing**", "**not wanted**")
REFERENCE = {"name", "key"}
"""What an object has that names another one; it counts as one field."""


class Row(NamedTuple):
    """What AWS has, our fields, how they differ, and what proves it."""

    aws: str
    ours: str
    differs: str
    proof: str


def rows() -> list[Row]:
    """The rows of all tables, without their heads; a pipe within a cell is written `\\|`."""
    text = (ROOT / DOCUMENT).read_text()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert all(len(row) == 4 for row in cells), [row for row in cells if len(row) != 4]
    return [Row(*row) for row in cells if row[0] != "AWS DataSync" and set(row[0]) != {"-"}]


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, bool]]:
    """Every field below, and whether it is a leaf: has no fields of its own, or is a reference."""
    inner = schema.get("items", schema).get("properties", {})
    leaf = set(inner) <= REFERENCE
    yield path, leaf
    for name, one in inner.items() if not leaf else ():
        yield from fields(one, f"{path}.{name}")


FIELDS = {path: leaf for kind in KINDS for path, leaf in fields(kind.schema(), kind.short_name)}
NAMED = {name for row in rows() for name in re.findall(FIELD, row.ours)}


def test_the_tables_are_found() -> None:
    assert len(rows()) > 100


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.aws[:60])
def test_what_is_there_has_a_test_and_what_is_missing_says_so(row: Row) -> None:
    if row.ours.startswith(WITHOUT_TEST):
        assert not row.proof
        assert not re.findall(FIELD, row.ours)
    else:
        assert re.findall(FIELD, row.ours), "name a field, or write **missing** or **not wanted**"
        assert re.fullmatch(f"{TEST}(, {TEST})*", row.proof)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.aws[:60])
def test_every_test_that_it_names_is_there(row: Row) -> None:
    for path, name, parameters in re.findall(TEST, row.proof):
        assert name in collected(path), f"{path} has no {name}"
        assert not parameters or collected(path)[name], f"{name} has no parameters"


@pytest.mark.parametrize(
    "field", [path for path, leaf in FIELDS.items() if leaf and ".spec." in path]
)
def test_every_field_stands_in_it(field: str) -> None:
    assert field in NAMED, (
        f"add a row for `{field}` to {DOCUMENT}: AWS's name for it or (none), what differs, and "
        "the test that fails when it is ignored"
    )


def test_every_field_that_it_names_is_ours() -> None:
    assert sorted(NAMED - FIELDS.keys()) == []
