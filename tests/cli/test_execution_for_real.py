"""`datasync run --execution`: a task with the overrides and the mode of an execution, for real."""

import json

import pytest

from cli.command import datasync
from invalid_manifests import location, manifest

CLAIM = "{{persistentVolumeClaim: {{claimName: {}}}}}"


@pytest.fixture
def given(tmp_path):
    source, destination = tmp_path / "source", tmp_path / "destination"
    for folder in (source, destination):
        folder.mkdir()
    for name in ("a.txt", "b.tmp", "c.bak"):
        (source / name).write_text(name)
    file = tmp_path / "manifests.yaml"

    def run(execution, *more, code=0):
        file.write_text(
            "---\n".join(
                [
                    location(CLAIM.format("one")).replace("example", "one"),
                    location(CLAIM.format("two")).replace("example", "two"),
                    manifest(
                        "DataSyncTask",
                        "{sourceLocationRef: {name: one}, destinationLocationRef: {name: two}, "
                        "excludes: [{value: '*.tmp'}], options: {overwriteMode: Never}}",
                    ),
                    manifest("DataSyncTaskExecution", execution).replace(
                        "name: example", "name: now", 1
                    ),
                ]
            )
        )
        answer = datasync(
            *("run", "-f", file, "--execution", "now", "-o", "json", "--baseline", "none"),
            *(f"--mount=one={source}", f"--mount=two={destination}", *more),
            runner=None,
        )
        assert answer.code == code, answer.err
        names = sorted(path.name for path in destination.iterdir())
        return (json.loads(answer.out) if answer.out else answer.err), names

    return run


def test_filters_and_options_are_the_executions(given):
    status, names = given("{taskRef: {name: example}, overrides: {excludes: [{value: '*.bak'}]}}")
    assert names == ["a.txt", "b.tmp"]
    status, names = given(
        "{taskRef: {name: example}, overrides: {excludes: [], options: {overwriteMode: Always, "
        "transferMode: All}}}"
    )
    assert names == ["a.txt", "b.tmp", "c.bak"]
    assert status["counters"]["filesTransferred"] == 3


def test_a_dry_run_stays_one(given):
    status, names = given("{taskRef: {name: example}, mode: DryRun, overrides: {excludes: []}}")
    assert names == []
    assert status["counters"]["estimatedFilesToTransfer"] == 3


def test_what_does_not_fit_the_task_is_refused(given):
    refused, _ = given(
        "{taskRef: {name: example}, overrides: {report: {locationRef: {name: two}}}}", code=2
    )
    assert "name a location outside of both" in refused
    refused, names = given("{taskRef: {name: example}, cancel: true}", code=2)
    assert "is cancelled: set spec.cancel to false" in refused
    assert names == []
    refused, _ = given("{taskRef: {name: example}}", "--execution=other", code=2)
    assert "no DataSyncTaskExecution other" in refused
