"""What each entry loads: nothing that it may not need, so that a start stays quick."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.command import FAKE_RUNNER
from invalid_manifests import location, task

NEVER = {"boto3", "botocore", "kopf", "kubernetes", "aiohttp"}
MAIL_AND_HTTP = {"email", "http", "http.client", "http.server"}
API = MAIL_AND_HTTP | {
    "cronsim", "rich", "yaml", "asyncio", "subprocess", "importlib.metadata",
    "datasync_api.crds", "datasync_api.schema", "datasync_api.schedule",
}  # fmt: skip
ADAPTERS = {
    "posix": "datasync_runner.storage.posix.storage",
    "s3": "datasync_runner.storage.s3.storage",
    "smb": "datasync_runner.storage.smb.storage",
}
LIBRARIES = {"pycurl", "lxml", "smbprotocol", "spnego", "cryptography", "awscrt", "_awscrt"}
ENTRIES = {
    "datasync_cli.__main__": {"pydantic", "importlib.metadata", "yaml", "rich", "datasync_api.base"},
    "datasync_api.plan": API,
    "datasync_api.report": API | {"datasync_api.task", "datasync_api.location"},
    "datasync_cli.local_run": MAIL_AND_HTTP | {
        "rich", "cronsim", "asyncio", "subprocess", "importlib.metadata", "datasync_runner",
        "datasync_api.agent", "datasync_api.crds", "datasync_api.schema",
    },
    "datasync_runner.app": MAIL_AND_HTTP | LIBRARIES | {*ADAPTERS.values()} | {
        "rich", "yaml", "cronsim", "datasync_api.crds", "datasync_api.schema", "xml.sax",
        "importlib.metadata",
    },
    ADAPTERS["posix"]: MAIL_AND_HTTP | LIBRARIES | {ADAPTERS["s3"], ADAPTERS["smb"]},
    ADAPTERS["s3"]: (LIBRARIES - {"pycurl"}) | {
        "http.client", "xml.sax", "urllib.request", ADAPTERS["posix"], ADAPTERS["smb"],
    },
    ADAPTERS["smb"]: (MAIL_AND_HTTP | LIBRARIES) - {"smbprotocol", "spnego", "cryptography"} | {
        "cryptography.x509", "spnego.tls", ADAPTERS["posix"], ADAPTERS["s3"],
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
        "from datasync_api import loading\nloading.begin()\n"
        f"from datasync_cli.__main__ import main\nassert main({argv}, runner={FAKE_RUNNER}) == 0"
    )
    assert "yaml" in found
    assert not found & (
        NEVER
        | {
            "rich", "cronsim", "asyncio", "subprocess", "importlib.metadata", "datasync_runner",
            "datasync_api.agent", "datasync_api.crds", "datasync_api.schema",
        }
    )  # fmt: skip


SIDES = {
    "posix": {"kind": "Posix", "uri": "nfs://h/x/", "root": "/x"},
    "s3": {"kind": "S3", "uri": "s3://b/", "bucket": "b", "region": "r"},
    "smb": {
        "kind": "Smb", "uri": "smb://h/s/", "server": "h", "share": "s", "credentialsPath": "/x",
    },
}  # fmt: skip


@pytest.mark.parametrize("source", SIDES)
@pytest.mark.parametrize("destination", SIDES)
def test_a_plan_loads_the_adapters_of_its_sides_alone(source: str, destination: str) -> None:
    sides = (SIDES[source], SIDES[destination])
    found = loaded(
        "from datasync_runner.storage.factory import load_adapters\n"
        "from datasync_api.plan import TransferPlan\n"
        "load_adapters(TransferPlan.model_validate({'options': {}, 'execution':"
        " {'namespace': 'n', 'name': 'e', 'uid': 'u'},"
        f" 'source': {sides[0]}, 'destination': {sides[1]}}}))"
    )
    kinds = {kind for kind, adapter in ADAPTERS.items() if adapter in found}
    assert kinds == {source, destination}


def test_nothing_is_collected_while_modules_are_loaded_and_they_are_frozen_then() -> None:
    code = (
        "import gc; from datasync_api import loading; loading.begin(); assert not gc.isenabled();"
        "import datasync_api.plan; loading.end(); assert gc.isenabled();"
        "assert gc.get_freeze_count() > len(gc.get_objects())"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_ends_at_once_with_all_that_it_has_said() -> None:
    command = "import atexit; atexit.register(print, 'taken down');"
    command += "import sys; sys.argv = ['datasync', 'validate', '-f', 'nowhere.yaml'];"
    command += "from datasync_cli.__main__ import command; command()"
    answer = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert answer.stdout == "nowhere.yaml: no such file or folder: check the path\n"
    assert answer.stderr.startswith("0 valid, 1 errors")


INTERRUPTED_AS_IT_LOADS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupt:
    def find_spec(self, name, *_):
        if name == "datasync_cli.local_run":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.argv = ["datasync", "run", "-f", "nowhere.yaml"]
from datasync_cli.__main__ import command
command()
"""


def test_an_interrupt_while_modules_are_loaded_is_one_without_a_traceback() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AS_IT_LOADS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stdout, answer.stderr) == (130, "", "")


def test_an_output_that_nobody_takes_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(
            [sys.executable, "-m", "datasync_cli", "validate", "-f", "nowhere.yaml"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        )  # fmt: skip
    assert answer.returncode == 2
    assert "No space left on device" in answer.stderr
