"""Renders the chart with the test bed's own helm, without a cluster."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.testbed import CACHE, ROOT, require, run

KUBERNETES = "1.34"
RELEASE_NAMESPACE = "datasync-system"
CHART = ROOT / "charts" / "datasync"

Helm = Callable[..., subprocess.CompletedProcess[str]]
Render = Callable[..., Sequence[dict[str, Any]]]


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Return a function that runs helm with nothing of the user's own helm."""
    program = require(CACHE / "bin" / "helm")
    home = tmp_path_factory.mktemp("helm")

    def call(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {f"HELM_{kind}_HOME": str(home) for kind in ("CACHE", "CONFIG", "DATA")}
        return run(program, *arguments, environment=environment, check=check)

    return call


@pytest.fixture(scope="session")
def render_text(helm: Helm) -> Callable[..., str]:
    """Return a function from --set words to the rendered manifests, as text."""

    def call(*sets: str, release: str = "datasync") -> str:
        words = [word for value in sets for word in ("--set-json", value)]
        where = ("-n", RELEASE_NAMESPACE, "--kube-version", f"{KUBERNETES}.0")
        return helm("template", release, CHART, *where, *words).stdout

    return call


@pytest.fixture(scope="session")
def render(render_text: Callable[..., str]) -> Render:
    """Return a function from --set words to the rendered manifests."""

    def call(*sets: str, release: str = "datasync") -> Sequence[dict[str, Any]]:
        documents = yaml.safe_load_all(render_text(*sets, release=release))
        return [document for document in documents if document]

    return call
