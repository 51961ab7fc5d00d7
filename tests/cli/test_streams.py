"""Who reads what a run says may go away, and the disk behind it may be full: the run goes on."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import Answer, finish, start
from invalid_manifests import location, manifest

LOCATIONS = [
    location(f"{{persistentVolumeClaim: {{claimName: {name}}}}}").replace("example", name)
    for name in ("here", "there")
]
TASK = manifest(
    "DataSyncTask", "{sourceLocationRef: {name: here}, destinationLocationRef: {name: there}}"
)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    mounts: list[str] = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        mounts.append(f"--mount={name}={tmp_path / name}")
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join([*LOCATIONS, TASK]))
    return ["run", "-f", str(file), "--baseline", "none", *mounts]


@pytest.fixture
def gone() -> Iterator[int]:
    """A pipe that nobody reads, as behind `| head` when it has ended."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def full() -> Iterator[int]:
    """A file on a disk without space."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def ended(*arguments: str, stdout: int = -1, stderr: int = -1, behaviour: str) -> Answer:
    return finish(
        start(*arguments, stdout=stdout, stderr=stderr, FAKE_RUNNER=behaviour, PYTHONUNBUFFERED="")
    )


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize(
    ("behaviour", "code"), [("success", 0), ("credentials", 1), ("tolerated", 0), ("held", 3)]
)
def test_the_code_is_the_runs_when_nobody_reads_its_answer(
    arguments: list[str], gone: int, output: str, behaviour: str, code: int
) -> None:
    answer = ended(*arguments, "-o", output, stdout=gone, behaviour=behaviour)
    assert (answer.code, answer.err.count("\n")) == (code, 1), answer.err


def test_the_report_is_written_when_nobody_reads_the_table(
    arguments: list[str], gone: int, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    answer = ended(*arguments, "--report", str(file), stdout=gone, behaviour="tolerated")
    assert answer.code == 0, answer.err
    assert "PermissionDenied" in file.read_text()


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("behaviour", ["success", "tolerated"])
def test_an_answer_that_could_not_be_written_is_told(
    arguments: list[str], full: int, output: str, behaviour: str
) -> None:
    answer = ended(*arguments, "-o", output, stdout=full, behaviour=behaviour)
    assert answer.code == 1
    told = answer.err.splitlines()[-1]
    assert told == ("datasync: the standard output could not be written: No space left on device")


@pytest.mark.parametrize("watcher", ["gone", "full"])
def test_nobody_has_to_watch(
    arguments: list[str], watcher: str, request: pytest.FixtureRequest
) -> None:
    stderr = request.getfixturevalue(watcher)
    answer = ended(*arguments, "-o", "json", stderr=stderr, behaviour="success")
    assert answer.code == 0
    assert json.loads(answer.out)["phase"] == "Success"


def test_validate_says_that_its_findings_could_not_be_written(
    tmp_path: Path, full: int, gone: int
) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(LOCATIONS[0])
    assert ended("validate", "-f", str(file), stdout=gone, behaviour="").code == 0
    file.write_text(LOCATIONS[0].replace("claimName", "claim"))
    assert ended("validate", "-f", str(file), stdout=full, behaviour="").code == 2
