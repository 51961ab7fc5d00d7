"""A real API server refuses what cannot work, and says which field and what to write instead."""

from pathlib import Path

import pytest

from fixtures.control_plane import ControlPlane
from fixtures.kube import Namespace
from invalid_manifests import CASES, Case, location, manifest, task

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(
    {file.parent for file in EXAMPLES.rglob("*.yaml") if "datasync.dev/" in file.read_text()}
)
VOLUMES = sorted((Path(__file__).parents[1] / "operator/decide/golden").glob("*.yaml"))
CHANGES = {
    "source": (
        task(""),
        task("").replace("sourceLocationRef: {name: nas}", "sourceLocationRef: {name: other}"),
        "sourceLocationRef is immutable; create a new object instead",
    ),
    "destination": (
        task(""),
        task("").replace("{name: bucket}", "{name: other}"),
        "destinationLocationRef is immutable; create a new object instead",
    ),
    "task of an execution": (
        manifest("DataSyncTaskExecution", "{taskRef: {name: one}}"),
        manifest("DataSyncTaskExecution", "{taskRef: {name: other}}"),
        "taskRef is immutable; create a new object instead",
    ),
    "a dry run that would become a transfer": (
        manifest("DataSyncTaskExecution", "{taskRef: {name: one}, mode: DryRun}"),
        manifest("DataSyncTaskExecution", "{taskRef: {name: one}, mode: Transfer}"),
        "mode is immutable; create a new object instead",
    ),
    "an override": (
        manifest(
            "DataSyncTaskExecution",
            "{taskRef: {name: one}, overrides: {options: {logLevel: 'Off'}}}",
        ),
        manifest(
            "DataSyncTaskExecution",
            "{taskRef: {name: one}, overrides: {options: {verifyMode: None}}}",
        ),
        "overrides is immutable; create a new object instead",
    ),
    "overrides that come late": (
        manifest("DataSyncTaskExecution", "{taskRef: {name: one}}"),
        manifest(
            "DataSyncTaskExecution",
            "{taskRef: {name: one}, overrides: {options: {logLevel: 'Off'}}}",
        ),
        "overrides is immutable; create a new object instead",
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_refuses_and_names_field_and_fix(control_plane: ControlPlane, case: Case) -> None:
    answer = control_plane.kubectl(
        "create", "--dry-run=server", "--validate=strict", "-f", "-", input=case.text, check=False
    )
    assert answer.returncode != 0, answer.stdout
    assert case.field in answer.stderr
    assert case.fix in answer.stderr


FITTING = (
    "includes: [{filterType: Glob, value: '/src/**/*.{c,h}|README*|[!a-z]?'}]",
    "excludes: [{value: '*.[z-a]|/a\\*b'}], options: {hiddenFiles: Exclude}",
    "fileConditions: {minSize: 1024, maxSize: 1Ki, minAge: 1d, maxAge: 24h}",
    "fileConditions: {minSize: 1.5Ki, maxSize: 1.6k, minAge: 1h30m, maxAge: 1d12h5s}",
    "report: {s3: {bucket: told, prefix: a/b}, overrides: {deleted: {reportLevel: ErrorsOnly}}}",
    "report: {locationRef: {name: told}, outputType: SummaryOnly, html: false}",
    "fileConditions: {modifiedAfter: 2026-01-31T00:00:00+01:00, modifiedBefore: 2026-01-31T00:00:00Z}",
)


@pytest.mark.parametrize("fields", FITTING)
def test_accepts_what_fits(control_plane: ControlPlane, fields: str) -> None:
    answer = control_plane.kubectl(
        "create",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        input=task(fields),
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", CHANGES)
def test_refuses_to_change_what_is_immutable(control_plane_namespace: Namespace, name: str) -> None:
    before, after, message = CHANGES[name]
    control_plane_namespace.apply(before)
    answer = control_plane_namespace.apply(after, check=False)
    assert answer.returncode != 0
    assert message in answer.stderr


@pytest.mark.parametrize("file", VOLUMES, ids=lambda file: file.stem)
def test_accepts_the_volumes_that_a_run_gets(
    control_plane_namespace: Namespace, file: Path
) -> None:
    text = file.read_text().replace("team-a", control_plane_namespace.name)
    answer = control_plane_namespace.kubectl(
        "create", "--dry-run=server", "--validate=strict", "-f", "-", input=text
    )
    assert answer.stdout.count("created (server dry run)") == 2
    assert answer.stderr == ""


def test_a_location_may_still_change(control_plane_namespace: Namespace) -> None:
    control_plane_namespace.apply(location("{s3: {bucket: mirror}}"))
    control_plane_namespace.apply(location("{s3: {bucket: other}}"))
    found = control_plane_namespace.get("dsl", "example")
    assert found is not None and found["spec"]["s3"]["bucket"] == "other"


def test_the_rate_of_a_run_may_change_and_go(control_plane_namespace: Namespace) -> None:
    for rate in ("bytesPerSecond: 1000", "bytesPerSecond: -1", "cancel: false"):
        spec = f"{{taskRef: {{name: one}}, {rate}}}"
        control_plane_namespace.apply(manifest("DataSyncTaskExecution", spec))
    found = control_plane_namespace.get("dse", "example")
    assert found is not None and "bytesPerSecond" not in found["spec"]


def test_there_are_examples() -> None:
    assert len(FOLDERS) >= 1


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_accepts_the_examples(control_plane_namespace: Namespace, folder: Path) -> None:
    # Namespaces of their own are made by the cluster tests; here only the definitions count.
    answer = control_plane_namespace.kube.kubectl(
        "create", "--dry-run=server", "--validate=strict", "-f", folder, check=False
    )
    problems = [line for line in answer.stderr.splitlines() if 'namespaces "' not in line]
    assert not problems
