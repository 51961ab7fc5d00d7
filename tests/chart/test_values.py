"""Values: each is explained, each is in the schema, and a wrong one is refused by name."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from fixtures.testbed import ROOT

pytestmark = pytest.mark.control_plane

CHART = ROOT / "charts" / "datasync"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
FREE_FORM = {
    "global",
    "operator.resources",
    "operator.nodeSelector",
    "operator.affinity",
    "operator.podLabels",
    "operator.podAnnotations",
    "serviceAccount.annotations",
}


def value_paths(values: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in values.items():
        path = f"{above}{name}"
        if isinstance(value, dict) and path not in FREE_FORM:
            yield from value_paths(value, f"{path}.")
        else:
            yield path


def schema_paths(schema: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, child in schema["properties"].items():
        path = f"{above}{name}"
        if "$ref" in child:
            child = SCHEMA["definitions"][child["$ref"].rsplit("/", 1)[1]]
        if "properties" in child and path not in FREE_FORM:
            yield from schema_paths(child, f"{path}.")
        else:
            yield path


def test_schema_and_values_have_the_same_names():
    assert set(schema_paths(SCHEMA)) - {"global"} == set(value_paths(VALUES))


def test_every_value_is_explained():
    lines = (CHART / "values.yaml").read_text().splitlines()
    leaves = {path.rsplit(".", 1)[-1] for path in value_paths(VALUES)}
    unexplained = [
        line
        for before, line in itertools.pairwise(lines)
        if (found := re.match(r" *(\w+):", line))
        and found[1] in leaves
        and not before.lstrip().startswith("#")
    ]

    assert unexplained == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("operator.launchDeadlineSecond=60", "launchDeadlineSecond"),
        ("operator.launchDeadlineSeconds=1", "/operator/launchDeadlineSeconds"),
        ('operator.launchDeadlineSeconds="60s"', "/operator/launchDeadlineSeconds"),
        ("operator.exchangePort=443", "/operator/exchangePort"),
        ('operator.logLevel="chatty"', "/operator/logLevel"),
        ('operator.image.repository=""', "/operator/image/repository"),
        ('runner.image.pullPolicy="Sometimes"', "/runner/image/pullPolicy"),
        ('watchNamespaces="team-a"', "/watchNamespaces"),
        ('watchNamespaces=["Team A"]', "/watchNamespaces/0"),
        ('crds.install="yes"', "/crds/install"),
        ("replicas=3", "replicas"),
    ],
)
def test_a_wrong_value_is_refused_by_name(helm, wrong, named):
    done = helm("template", CHART, "--set-json", wrong, "--kube-version", "1.34.0", check=False)

    assert done.returncode != 0
    assert named in done.stderr
