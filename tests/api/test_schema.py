"""The CRDs: structural, bounded, up to date; and the checks that say so would notice if not."""

from pathlib import Path
from typing import Any

import pytest

from datasync_api import crds
from datasync_api.base import CEL
from datasync_api.crds import KINDS, Kind
from datasync_api.kinds import NAMES, model_of
from datasync_api.schema import unknown_fields, violations

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_schemas_are_structural_and_bounded(kind: Kind) -> None:
    found = [line for line in violations(kind.schema()) if not line.startswith(("$.api", "$.kind"))]
    assert not found


def test_the_files_are_what_the_models_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert crds.main(["--check"]) == 0


def test_a_changed_file_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert crds.main(["--write"]) == 0
    assert crds.main(["--check"]) == 0
    changed = tmp_path / "crds" / "datasynctasks.yaml"
    changed.write_text(changed.read_text().replace("Preserve", "preserve"))
    (tmp_path / "charts/datasync/files/crds/datasyncagents.yaml").unlink()
    assert crds.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "crds/datasynctasks.yaml is out of date: run `make crds`" in told
    assert "files/crds/datasyncagents.yaml is out of date" in told
    assert crds.main(["--write"]) == 0
    assert crds.main(["--check"]) == 0


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--write", "--check"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert crds.main(arguments) == 1
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_definition(kind: Kind) -> None:
    spec = kind.manifest()["spec"]
    version = spec["versions"][0]
    assert spec["group"] == "datasync.dev"
    assert spec["scope"] == "Namespaced"
    assert spec["names"]["categories"] == ["datasync"]
    assert kind.manifest()["metadata"]["name"] == f"{spec['names']['plural']}.datasync.dev"
    assert version["subresources"] == {"status": {}}
    assert version["additionalPrinterColumns"][-1]["name"] == "Age"
    assert "default" not in version["schema"]["openAPIV3Schema"]["properties"]["status"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_columns_name_fields_that_exist(kind: Kind) -> None:
    for column in kind.columns:
        path = column.path.split("[")[0].strip(".").split(".")
        node = kind.schema()
        for part in path:
            assert part in node["properties"], column.path
            node = node["properties"][part]


def test_the_kinds_are_found_by_their_names() -> None:
    assert {name: model_of(name) for name in NAMES} == {kind.name: kind.model for kind in KINDS}
    with pytest.raises(KeyError):
        model_of("DataSyncCluster")


def test_short_names_differ() -> None:
    assert len({kind.short_name for kind in KINDS}) == len(KINDS) == 4


TEXT = {"type": "string", "maxLength": 5}
VIOLATIONS: list[tuple[dict[str, Any], str]] = [
    ({}, "no type"),
    ({**TEXT, "title": "A"}, "unknown title"),
    ({"type": "object", "properties": {"a": {"$ref": "#/x", **TEXT}}}, "$.a: unknown $ref"),
    ({"type": "string"}, "no maxLength"),
    ({"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}, "no maxItems"),
    ({"type": "array", "maxItems": 1, "items": TEXT}, "no x-kubernetes-list-type"),
    ({"type": "array", "maxItems": 1}, "array without items"),
    ({"type": "object", "additionalProperties": TEXT}, "no maxProperties"),
    ({"type": "object", "additionalProperties": False}, "additionalProperties is false"),
    (
        {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "string"}},
        "$.*: no maxLength",
    ),
    (
        {
            "type": "object",
            "maxProperties": 1,
            "properties": {"a": TEXT},
            "additionalProperties": TEXT,
        },
        "properties and additionalProperties",
    ),
    (
        {
            "type": "array",
            "maxItems": 1,
            "items": {"type": "object", "properties": {}},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
        "map key type is not a property",
    ),
    (
        {
            "type": "array",
            "maxItems": 1,
            "items": {"type": "object", "properties": {"type": TEXT}},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
        "map key type is neither required nor defaulted",
    ),
    ({**TEXT, "anyOf": [{"type": "string"}]}, "$.anyOf[0]: type in a junctor"),
    (
        {"type": "object", "properties": {}, "oneOf": [{"properties": {"a": {}}}]},
        "a is not a property outside",
    ),
    ({**TEXT, "uniqueItems": True}, "uniqueItems"),
]


@pytest.mark.parametrize(("schema", "words"), VIOLATIONS)
def test_violations(schema: dict[str, Any], words: str) -> None:
    assert any(words in line for line in violations(schema)), list(violations(schema))


ALLOWED: list[dict[str, Any]] = [
    TEXT,
    {"type": "string", "enum": ["a"]},
    {"type": "string", "format": "date-time"},
    {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
    {"type": "object", "properties": {"a": TEXT}, CEL: [{"rule": "true"}]},
    {"type": "array", "maxItems": 1, "items": TEXT, "x-kubernetes-list-type": "atomic"},
]


@pytest.mark.parametrize("schema", ALLOWED)
def test_no_violations(schema: dict[str, Any]) -> None:
    assert list(violations(schema)) == []


NESTED = {
    "type": "object",
    "properties": {
        "a": TEXT,
        "map": {"type": "object", "additionalProperties": TEXT},
        "list": {"type": "array", "items": {"type": "object", "properties": {"b": TEXT}}},
    },
}
UNKNOWN: list[tuple[Any, list[str]]] = [
    ({}, []),
    ({"a": "x", "map": {"any": "x"}, "list": [{"b": "x"}]}, []),
    ({"A": "x"}, ["A"]),
    ({"list": [{}, {"c": 1, "b": "x"}], "z": 1}, ["list[1].c", "z"]),
    ({"a": {"not": "judged here"}, "list": "neither"}, []),
]


@pytest.mark.parametrize(("document", "paths"), UNKNOWN)
def test_unknown_fields(document: Any, paths: list[str]) -> None:
    assert list(unknown_fields(document, NESTED)) == paths
