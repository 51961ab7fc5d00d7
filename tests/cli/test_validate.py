"""`datasync validate` refuses what the API server refuses, in the same words, and says where."""

from pathlib import Path

import pytest

from datasync_cli.__main__ import main
from datasync_cli.documents import read
from datasync_cli.issues import Issue
from datasync_cli.validate import errors, validate
from invalid_manifests import CASES, Case, agent, bucket, efs, location, manifest, schedule, task

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted({file.parent for file in (ROOT / "examples").rglob("*.yaml")})


def findings(folder: Path, *texts: str) -> list[Issue]:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    documents, unreadable = read([str(folder)])
    return [*unreadable, *validate(documents)[1]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_refuses_and_names_field_and_fix(case: Case, tmp_path: Path) -> None:
    found = list(errors(findings(tmp_path, case.text)))
    assert [issue.field for issue in found] == [case.field]
    assert case.fix in found[0].line()


def test_the_table_is_long_enough_and_without_doubles() -> None:
    assert len(CASES) >= 36
    assert len({case.id for case in CASES}) == len({case.text for case in CASES}) == len(CASES)


SEMANTIC = {
    "unknown zone": (
        (schedule("rate(1 hour)", "timeZone: Europe/Berln"),),
        "spec.schedule",
        "use an IANA name",
    ),
    "thirteenth month": (
        (schedule("cron(0 3 * 13 ? *)"),),
        "spec.schedule",
        "write for example cron(0 3 * * ? *)",
    ),
    "two day fields": (
        (schedule("cron(0 3 1 * 2 *)"),),
        "spec.schedule",
        "one of day of month and day of week must be '?'",
    ),
    "a range that goes downwards": (
        (task("excludes: [{filterType: Glob, value: '*.[z-a]'}]"),),
        "spec.excludes[0].value",
        "the range z-a goes downwards: write a-z",
    ),
    "into itself": (
        (
            task(""),
            location("{s3: {bucket: mirror}}").replace("example", "nas"),
            location("{s3: {bucket: mirror, prefix: a}}").replace("example", "bucket"),
        ),
        "spec.destinationLocationRef",
        "name a destination outside of the source",
    ),
    "an access point within the source": (
        (
            task(""),
            efs("path: /").replace("example", "nas"),
            efs("accessPointId: fsap-01234567").replace("example", "bucket"),
        ),
        "spec.destinationLocationRef",
        "name a destination outside of the source",
    ),
    "descriptors to a bucket": (
        (
            task("options: {securityDescriptorCopyFlags: OwnerDACL}"),
            location("{s3: {bucket: mirror}}").replace("example", "nas"),
            location("{s3: {bucket: other}}").replace("example", "bucket"),
        ),
        "spec.options.securityDescriptorCopyFlags",
        "set options.securityDescriptorCopyFlags to None, or leave it out",
    ),
    "read-only destination": (
        (
            task(""),
            location("{s3: {bucket: mirror}}").replace("example", "nas"),
            location("{persistentVolumeClaim: {claimName: a, readOnly: true}}").replace(
                "example", "bucket"
            ),
        ),
        "spec.destinationLocationRef",
        "name another destination",
    ),
    "twice": ((agent("{}"), agent("{runAsUser: 5}")), "metadata.name", "give each its own name"),
    "no name": (
        (agent("{}").replace("name: example", "labels: {a: b}"),),
        "metadata.name",
        "name the object",
    ),
    "a name that is a boolean": (
        (agent("{}").replace("name: example", "name: n"),),
        "metadata.name",
        "needs quotes",
    ),
    "another version": (
        (agent("{}").replace("v1alpha1", "v1"),),
        "apiVersion",
        "write datasync.dev/v1alpha1",
    ),
    "unknown kind": ((manifest("DataSyncJob", "{}"),), "kind", "DataSyncTaskExecution"),
    "nothing of ours": (("apiVersion: v1\nkind: Secret\n",), "", "name files or folders"),
}


@pytest.mark.parametrize("name", SEMANTIC)
def test_refuses_what_only_a_closer_look_shows(name: str, tmp_path: Path) -> None:
    texts, field, fix = SEMANTIC[name]
    found = list(errors(findings(tmp_path, *texts)))
    assert [issue.field for issue in found] == [field]
    assert fix in found[0].line()


UNREADABLE = {
    "not YAML": ("a: [", "is not YAML"),
    "a key twice": ("a: 1\na: 2", "the key 'a' is there twice"),
    "a list": ("[1, 2]", "is not an object"),
    "bytes": ("a: !!binary aGVsbG8=", "what JSON does not know"),
    "not a number": ("a: .nan", "what JSON does not know"),
    "a tag that runs code": ("a: !!python/object/apply:os.getcwd []", "is not YAML"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_says_what_cannot_be_read(name: str, tmp_path: Path) -> None:
    text, what = UNREADABLE[name]
    found = list(errors(findings(tmp_path, text)))
    assert what in found[0].line()


VALID = (
    agent("{}"),
    agent("{resources: {requests: {cpu: 2, memory: 1.5Gi}}}"),
    bucket("mirror.example-1"),
    location("{s3: {bucket: mirror}, nfs: null}"),
    location("{nfs: {server: 'fd00::1', path: /, version: NFS3}, agentRefs: [{name: site}]}"),
    location("{efs: {fileSystemId: fs-01234567}}"),
    location("{efs: {fileSystemId: fs-01234567, iam: true}, agentRefs: [{name: site}]}"),
    location("{fsxLustre: {dnsName: 10.0.0.1, mountName: fsx}}"),
    location("{fsxOpenZfs: {dnsName: fs-01234567.fsx.example.com, path: /fsx/}}"),
    location("{fsxOntap: {dnsName: svm.example.com, path: '/vol 1'}}"),
    location(
        "{smb: {server: nas, share: a, access: Mount, encryption: 'Off', "
        "credentialsSecretRef: {name: login}}, agentRefs: [{name: site}]}"
    ),
    location(
        "{fsxOntap: {dnsName: 10.0.0.1, smb: {share: a$, credentialsSecretRef: {name: login}}}, "
        "agentRefs: [{name: site}]}"
    ),
    schedule("0 3 * * 1-5", "timeZone: Europe/Berlin"),
    task("deadlineSeconds: null"),
    task("includes: [{filterType: Glob, value: '/src/**/*.{c,h}|README*'}]"),
    task("excludes: [{value: '*.[z-a]'}], options: {hiddenFiles: Exclude}"),
    task("fileConditions: {minSize: 1, maxSize: 1.5Gi, minAge: 15m, maxAge: 30d}"),
    task("fileConditions: {modifiedAfter: 2026-01-31T00:00:00Z}"),
    task("manifest: {s3: {locationRef: {name: nas}, key: lists/today.csv, versionId: v7}}"),
    agent("{}").replace("name: example", "generateName: site-"),
    agent("{}") + "status: {connection: Online}\n",
    agent("{podAnnotations: {day: 2026-01-01}}"),
)


@pytest.mark.parametrize("text", VALID)
def test_accepts_what_the_api_server_accepts(text: str, tmp_path: Path) -> None:
    assert not list(errors(findings(tmp_path, text)))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_accepts_the_examples(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "-f", str(folder)]) == 0
    assert capsys.readouterr().out == ""


def test_missing_references_are_warnings(tmp_path: Path) -> None:
    found = findings(tmp_path, task(""))
    assert {(issue.field, issue.severity) for issue in found} == {
        ("spec.sourceLocationRef.name", "warning"),
        ("spec.destinationLocationRef.name", "warning"),
    }


def test_the_location_of_a_manifest_is_a_reference_to_a_bucket(tmp_path: Path) -> None:
    asks = task("manifest: {s3: {locationRef: {name: lists}, key: today.csv}}")
    where = "spec.manifest.s3.locationRef.name"
    found = {issue.field: issue.severity for issue in findings(tmp_path, asks)}
    assert found[where] == "warning"
    lists = location("{persistentVolumeClaim: {claimName: a}}").replace("example", "lists")
    [issue] = [one for one in findings(tmp_path, f"{asks}---\n{lists}") if one.field == where]
    assert issue.severity == "error"
    assert issue.fix == "name a location of the kind s3 or objectStorage"


def test_tasks_to_run_after_are_references_too(tmp_path: Path) -> None:
    found = findings(tmp_path, task("runAfter: [export]"))
    assert ("spec.runAfter[0]", "warning") in {(issue.field, issue.severity) for issue in found}


def test_a_line_names_file_document_field_what_and_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(f"{agent('{}')}---\n{agent('{runAsUser: -1}').replace('example', 'other')}")
    assert main(["validate", "-f", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == (
        f"{file}: DataSyncAgent/other: spec.runAsUser: Invalid value: -1: "
        "should be greater than or equal to 0\n"
    )
    assert captured.err == "1 valid, 1 errors, 0 of other kinds passed over\n"


def test_a_list_of_objects_is_read_as_its_items(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(
        '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "datasync.dev/v1alpha1", '
        '"kind": "DataSyncAgent", "metadata": {"name": "a"}, "spec": {"runAsUser": -1}}]}'
    )
    documents, _ = read([str(file)])
    assert [issue.field for issue in validate(documents)[1]] == ["spec.runAsUser"]


def test_a_missing_file_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "-f", "/no/such/file.yaml"]) == 2
    assert "/no/such/file.yaml: no such file or folder" in capsys.readouterr().out
