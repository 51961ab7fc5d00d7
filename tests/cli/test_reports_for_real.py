"""Task reports of `datasync run` with the real runner: what lies at a report's place afterwards."""

import hashlib
import json
import os
import subprocess

import pytest

from cli.command import datasync
from invalid_manifests import location, manifest

pytestmark = [pytest.mark.storage, pytest.mark.timeout(60)]
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: {}}}\nstringData:\n  AWS_ACCESS_KEY_ID: '{}'\n  AWS_SECRET_ACCESS_KEY: '{}'\n"


class Reported:
    """A tree, a bucket, a folder for reports, and a task that reports to one of them."""

    def __init__(self, folder, server, bucket):
        self.tree, self.reports = folder / "tree", folder / "reports"
        self.tree.mkdir()
        self.reports.mkdir()
        self.file, self.server, self.bucket = folder / "manifests.yaml", server, bucket
        self.mounts = [f"nas={self.tree}"]

    def run(self, report, *, options="preserveDeletedFiles: Remove", mounts=(), code=0, more=()):
        def storage(name, prefix, keys="keys"):
            return location(
                f"{{objectStorage: {{endpoint: '{self.server.endpoint}', allowInsecure: true, "
                f"bucket: {self.bucket}, prefix: {prefix}, "
                f"credentialsSecretRef: {{name: {keys}}}}}}}"
            ).replace("example", name)

        self.file.write_text(
            "---\n".join(
                (
                    SECRET.format("keys", self.server.access_key, self.server.secret_key),
                    SECRET.format("wrong", self.server.access_key, "wrong"),
                    location("{persistentVolumeClaim: {claimName: data}}").replace(
                        "example", "nas"
                    ),
                    location("{persistentVolumeClaim: {claimName: told}}").replace(
                        "example", "folder"
                    ),
                    storage("bucket", "here"),
                    storage("beside", "reports"),
                    storage("within", "here/reports"),
                    storage("locked", "reports", keys="wrong"),
                    manifest(
                        "DataSyncTask",
                        "{sourceLocationRef: {name: nas}, destinationLocationRef: {name: bucket}, "
                        f"options: {{{options}}}, "
                        f"guards: {{maxDeletePercent: 100}}, report: {report}}}",
                    ),
                )
            )
        )
        given = [f"--mount={mount}" for mount in [*self.mounts, *mounts]]
        answer = datasync(
            *("run", "-f", self.file, *given, "-o", "json", "--baseline", "none", *more),
            runner=None,
            NO_PROXY="127.0.0.1",
            no_proxy="127.0.0.1",
        )
        assert answer.code == code, answer.err
        return json.loads(answer.out) if answer.out else answer.err

    def on_disk(self):
        return {
            str(path.relative_to(self.reports)): path.read_bytes()
            for path in self.reports.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def reported(tmp_path, s3_server, bucket):
    return Reported(tmp_path, s3_server, bucket)


def entries(files, kind):
    section = kind.capitalize()
    found = []
    for name, body in sorted(files.items()):
        if f".files-{kind}-" in name:
            assert name.startswith("Detailed-Reports/")
            told = json.loads(body)
            assert told["TaskExecutionId"] == "example-local"
            found += told[section]
    return found


def summary_of(files):
    [name] = [name for name in files if name.endswith(".json") and ".summary-" in name]
    assert name.startswith("Summary-Reports/default.example/example-local-")
    return json.loads(files[name])


def test_a_folder_gets_everything_that_happened(reported, s3_client):
    (reported.tree / "kept").write_bytes(b"kept")
    (reported.tree / "changed").write_bytes(b"before")
    s3_client.put_object(Bucket=reported.bucket, Key="here/extra", Body=b"extra")
    there = [f"folder={reported.reports}"]
    told = "{locationRef: {name: folder}, reportLevel: SuccessesAndErrors}"
    reported.run(
        "{locationRef: {name: folder}, outputType: SummaryOnly, html: false, "
        "reportLevel: SuccessesAndErrors}",
        mounts=there,
    )
    assert [name.split("/")[0] for name in reported.on_disk()] == ["Summary-Reports"]
    subprocess.run(["rm", "-rf", reported.reports / "Summary-Reports"], check=True)

    (reported.tree / "changed").write_bytes(b"afterwards")
    os.utime(reported.tree / "changed", ns=(1_700_000_000_123_456_789,) * 2)
    (reported.tree / "new").write_bytes(b"new")
    s3_client.put_object(Bucket=reported.bucket, Key="here/extra", Body=b"extra")
    status = reported.run(told, mounts=there)
    files = reported.on_disk()
    by_path = {entry["RelativePath"]: entry for entry in entries(files, "transferred")}
    assert {path: entry["Overwrite"] for path, entry in by_path.items() if path != "/"} == {
        "/changed": "True",
        "/new": "False",
    }
    changed = by_path["/changed"]
    assert changed["SrcMetadata"] == {
        "Type": "Regular",
        "ContentSize": 10,
        "Mtime": "2023-11-14T22:13:20.123456789Z",
        "Atime": changed["SrcMetadata"]["Atime"],
        "Uid": os.getuid(),
        "Gid": os.getgid(),
        "Mode": "0644",
    }
    assert (changed["TransferType"], changed["TransferStatus"]) == (
        "CONTENT_AND_METADATA",
        "SUCCESS",
    )
    assert [e["RelativePath"] for e in entries(files, "deleted")] == ["/extra"]
    assert [(e["RelativePath"], e["SkipReason"]) for e in entries(files, "skipped")] == [
        ("/kept", "Same")
    ]
    assert {e["RelativePath"] for e in entries(files, "verified")} == {"/changed", "/new"}

    told = summary_of(files)
    assert told["Status"] == "SUCCESS"
    assert told["Options"]["VerifyMode"] == "ONLY_FILES_TRANSFERRED"
    assert (told["FilesTransferred"], told["FilesSkipped"], told["FilesDeleted"]) == (2, 1, 1)
    listed = {one["RelativePath"]: one["SHA256"] for one in told["Reports"]}
    others = {
        name: body for name, body in files.items() if not name.endswith(".json") or "files-" in name
    }
    assert set(listed) == {name for name in others if not name.endswith(".html")}
    for name, sha256 in listed.items():
        assert hashlib.sha256(files[name]).hexdigest() == sha256
    [page] = [name for name in files if name.endswith(".html")]
    assert b"<!doctype html>" in files[page].lower()
    assert b"Files transferred" in files[page]
    report = status["report"]
    [summary_name] = [n for n in files if ".summary-" in n and n.endswith(".json")]
    assert report["status"] == "Success"
    assert report["uri"] == f"pvc://told/{summary_name}"
    assert report["sha256"] == hashlib.sha256(files[summary_name]).hexdigest()
    assert report["files"] == len(files)
    [said] = [c for c in status["conditions"] if c["type"] == "ReportWritten"]
    assert said["status"] == "True"


def test_a_bucket_gets_errors_alone_and_one_kind_whole(reported, s3_client):
    (reported.tree / "one").write_bytes(b"1")
    (reported.tree / ("n" * 250)).mkdir()
    deep = reported.tree
    for _ in range(5):
        deep = deep / ("n" * 250)
        deep.mkdir(exist_ok=True)
    (deep / "too-deep-for-a-key").write_bytes(b"2")
    status = reported.run(
        "{locationRef: {name: beside}, overrides: {verified: {reportLevel: SuccessesAndErrors}}}",
        code=1,
    )
    listed = s3_client.list_objects_v2(Bucket=reported.bucket, Prefix="reports/")["Contents"]
    files = {}
    for one in listed:
        got = s3_client.get_object(Bucket=reported.bucket, Key=one["Key"])
        kind = "text/html; charset=utf-8" if one["Key"].endswith(".html") else "application/json"
        assert got["ContentType"] == kind
        files[one["Key"].removeprefix("reports/")] = got["Body"].read()
    failed = [e for e in entries(files, "transferred") if e["TransferStatus"] == "FAILED"]
    assert failed == entries(files, "transferred")
    assert failed[0]["RelativePath"].endswith("/too-deep-for-a-key")
    assert failed[0]["ErrorCode"] == "NameNotRepresentable"
    assert failed[0]["SrcMetadata"]["ContentSize"] == 1
    assert [e["RelativePath"] for e in entries(files, "verified")] == ["/one"]
    assert entries(files, "skipped") == []
    assert summary_of(files)["Status"] == "ERROR"
    assert status["report"]["status"] == "Success"


def test_a_bucket_with_versions_tells_the_version_of_each_object(reported, s3_client):
    s3_client.put_bucket_versioning(
        Bucket=reported.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    (reported.tree / "small").write_bytes(b"small")
    (reported.tree / "large").write_bytes(os.urandom(17 * 1024 * 1024))
    there = [f"folder={reported.reports}"]
    reported.run("{locationRef: {name: folder}, reportLevel: SuccessesAndErrors}", mounts=there)
    told = {e["RelativePath"]: e for e in entries(reported.on_disk(), "transferred")}
    for name in ("small", "large"):
        head = s3_client.head_object(Bucket=reported.bucket, Key=f"here/{name}")
        assert told[f"/{name}"]["DstS3VersionId"] == head["VersionId"]
    subprocess.run(["rm", "-rf", reported.reports / "Detailed-Reports"], check=True)
    reported.run(
        "{locationRef: {name: folder}, reportLevel: SuccessesAndErrors, objectVersionIds: None}",
        mounts=there,
        options="transferMode: All",
    )
    assert not [e for e in entries(reported.on_disk(), "transferred") if "DstS3VersionId" in e]


def test_a_place_that_does_not_take_it_fails_no_transfer(reported):
    (reported.tree / "one").write_bytes(b"1")
    status = reported.run("{locationRef: {name: locked}}")
    assert status["phase"] == "Success"
    assert status["report"]["status"] == "Error"
    assert "was not written to object-storage://" in status["report"]["errorDetail"]
    assert status["report"].get("uri", "") == ""
    [said] = [c for c in status["conditions"] if c["type"] == "ReportWritten"]
    assert (said["status"], said["reason"]) == ("False", "ReportFailed")


def test_a_report_inside_of_what_is_synchronized_is_refused(reported):
    assert "the report would lie in" in reported.run("{locationRef: {name: within}}", code=2)
    inside = reported.tree / "reports"
    inside.mkdir()
    refused = reported.run("{locationRef: {name: folder}}", mounts=[f"folder={inside}"], code=2)
    assert "the report would lie in" in refused
    refused = reported.run("{locationRef: {name: bucket}}", code=2)
    assert "name a location outside of both" in refused


def test_a_dry_run_writes_no_report(reported):
    reported.run(
        "{locationRef: {name: folder}}", mounts=[f"folder={reported.reports}"], more=["--dry-run"]
    )
    assert reported.on_disk() == {}
