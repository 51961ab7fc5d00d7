"""What each entry loads: nothing that it may not need, so that a start stays quick."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.command import FAKE_RUNNER
from invalid_manifests import location, task

NEVER = {"boto3", "botocore", "kopf", "kubernetes", "aiohttp"}
API = {
    "cronsim", "rich", "yaml", "asyncio", "http", "subprocess",
    "datasync_api.crds", "datasync_api.schema", "datasync_api.schedule",
}  # fmt: skip
ENTRIES = {
    "datasync_cli.__main__": {"pydantic", "importlib.metadata", "yaml", "rich", "datasync_api.base"},
    "datasync_api.plan": API,
    "datasync_api.report": API | {"datasync_api.task", "datasync_api.location"},
    "datasync_cli.local_run": {
        "rich", "cronsim", "http.client", "asyncio", "subprocess", "datasync_runner",
    },
    "datasync_runner.app": {
        "rich", "yaml", "cronsim", "smbprotocol", "datasync_api.crds", "datasync_api.schema",
        "awscrt", "lxml", "xml.sax",
    },
}  # fmt: skip
NAS = location("{persistentVolumeClaim: {claimName: one}}").replace("example", "nas")
OUT = location("{persistentVolumeClaim: {claimName: two}}").replace("example", "bucket")


def loaded(code: str) -> set[str]:
    """The modules that are loaded after this code."""
    tell = "import json, sys; sys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stderr.splitlines()[-1]))


@pytest.mark.parametrize("entry", ENTRIES)
def test_importing_loads_nothing_more(entry: str) -> None:
    found = loaded(f"import {entry}")
    assert entry in found
    assert not found & (NEVER | ENTRIES[entry])


def test_a_whole_short_run_loads_neither_display_nor_schemas(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("---\n".join((NAS, OUT, task(""))))
    for name in ("nas", "bucket"):
        (tmp_path / name).mkdir()
    mounts = [f"--mount={name}={tmp_path / name}" for name in ("nas", "bucket")]
    argv = ["run", "-f", str(tmp_path / "all.yaml"), *mounts]
    found = loaded(
        f"from datasync_cli.__main__ import main\nassert main({argv}, runner={FAKE_RUNNER}) == 0"
    )
    assert "yaml" in found
    assert not found & (NEVER | {"rich", "cronsim", "asyncio", "subprocess", "datasync_runner"})
