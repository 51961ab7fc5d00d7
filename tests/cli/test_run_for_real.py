"""`datasync run` with the real runner against a real S3 server, from manifests to bytes."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.command import datasync
from fixtures.s3 import S3Server
from invalid_manifests import location, manifest

pytestmark = [pytest.mark.storage, pytest.mark.timeout(60)]
AS_A_COMMAND = (sys.executable, "-m", "datasync_runner")


class Local:
    """A tree, a bucket, and manifests that join them."""

    def __init__(self, folder: Path, server: S3Server, bucket: str) -> None:
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.file = folder / "manifests.yaml"
        self.server, self.bucket = server, bucket
        self.write()

    def write(
        self, *, bucket: str = "", secret_key: str = "", reverse: bool = False, options: str = ""
    ) -> None:
        ends = ("bucket", "nas") if reverse else ("nas", "bucket")
        self.file.write_text(
            "---\n".join(
                (
                    f"apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData:\n"
                    f"  AWS_ACCESS_KEY_ID: '{self.server.access_key}'\n"
                    f"  AWS_SECRET_ACCESS_KEY: '{secret_key or self.server.secret_key}'\n",
                    location("{persistentVolumeClaim: {claimName: data}}").replace(
                        "example", "nas"
                    ),
                    location(
                        f"{{objectStorage: {{endpoint: '{self.server.endpoint}', "
                        f"allowInsecure: true, bucket: {bucket or self.bucket}, prefix: here, "
                        "credentialsSecretRef: {name: keys}}}"
                    ).replace("example", "bucket"),
                    manifest(
                        "DataSyncTask",
                        f"{{sourceLocationRef: {{name: {ends[0]}}}, "
                        f"destinationLocationRef: {{name: {ends[1]}}}, "
                        f"options: {{preserveDeletedFiles: Remove, {options}}}}}",
                    ),
                )
            )
        )

    def run(
        self,
        *more: str,
        tree: Path | None = None,
        runner: Sequence[str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        answer = datasync(
            *("run", "-f", self.file, "--mount", f"nas={tree or self.tree}", "-o", "json"),
            *more,
            runner=runner,
            NO_PROXY="127.0.0.1",
            no_proxy="127.0.0.1",
        )
        assert answer.out, answer.err
        return answer.code, json.loads(answer.out)


@pytest.fixture
def local(tmp_path: Path, s3_server: S3Server, bucket: str) -> Local:
    return Local(tmp_path, s3_server, bucket)


def plant(tree: Path) -> None:
    (tree / "folder" / "empty").mkdir(parents=True)
    (tree / "folder" / "a file with spaces").write_bytes(b"one")
    (tree / "folder" / "grüße-漢").write_bytes(b"two" * 1000)
    (tree / "zero").write_bytes(b"")
    (tree / "link").symlink_to("folder/grüße-漢")
    (tree / "link-out").symlink_to("/etc/hostname")
    (tree / "zero").chmod(0o640)


def counted(status: dict[str, Any]) -> tuple[int, int, int, int]:
    c = status["counters"]
    return (
        c["filesTransferred"],
        c["filesMetadataUpdated"],
        c["filesDeleted"],
        c["filesSkipped"],
    )


def test_all_then_nothing_then_exactly_what_changed(local: Local, s3_client: Any) -> None:
    plant(local.tree)
    code, status = local.run()
    assert (code, status["phase"]) == (0, "Success"), status
    assert counted(status) == (5, 0, 0, 0)
    assert status["counters"]["filesVerified"] == 5
    assert status["progress"]["percent"] == 100
    found = s3_client.get_object(Bucket=local.bucket, Key="here/folder/grüße-漢")
    assert found["Body"].read() == b"two" * 1000

    code, status = local.run()
    assert (code, counted(status)) == (0, (0, 0, 0, 5))

    (local.tree / "zero").chmod(0o600)
    (local.tree / "folder" / "a file with spaces").write_bytes(b"changed")
    (local.tree / "link-out").unlink()
    code, status = local.run()
    assert (code, counted(status)) == (0, (1, 1, 1, 2))


def test_an_endpoint_where_nobody_listens_is_told_and_soon_given_up(local: Local) -> None:
    local.server = replace(local.server, endpoint="http://127.0.0.1:1")
    local.write()
    answer = datasync(
        *("run", "-f", local.file, "--mount", f"nas={local.tree}", "-o", "json"), runner=None
    )
    status = json.loads(answer.out)
    assert (answer.code, status["result"]["errorCode"]) == (1, "LocationUnreachable")
    assert "cannot reach the destination, trying again for 5 s" in answer.err
    assert "there is no server at http://127.0.0.1:1" in answer.err


def test_the_runner_as_a_command_does_the_same(local: Local) -> None:
    plant(local.tree)
    code, status = local.run(runner=AS_A_COMMAND)
    assert (code, counted(status)) == (0, (5, 0, 0, 0)), status
    code, status = local.run()
    assert (code, counted(status)) == (0, (0, 0, 0, 5)), status


def test_there_and_back_again(local: Local, tmp_path: Path) -> None:
    plant(local.tree)
    (local.tree / "link-out").unlink()  # a link out of the tree is not restored from an object
    assert local.run()[0] == 0
    back = tmp_path / "back"
    back.mkdir()
    local.write(reverse=True)
    code, status = local.run(tree=back)
    assert code == 0, status
    for path in sorted(local.tree.rglob("*")):
        twin = back / path.relative_to(local.tree)
        assert twin.is_symlink() == path.is_symlink()
        if path.is_symlink():
            assert twin.readlink() == path.readlink()
        elif path.is_file():
            assert twin.read_bytes() == path.read_bytes()
            assert twin.stat().st_mode == path.stat().st_mode
            assert twin.stat().st_mtime_ns == path.stat().st_mtime_ns
        else:
            assert twin.is_dir()


FAILURES = {
    "a wrong key": ({"secret_key": "wrong"}, "CredentialsRefused"),
    "no such bucket": ({"bucket": "no-such-bucket-here"}, "BucketNotFound"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_cannot_work_says_why_and_how_to_fix_it(local: Local, name: str) -> None:
    changes, reason = FAILURES[name]
    (local.tree / "a").write_bytes(b"a")
    local.write(**changes)
    code, status = local.run()
    assert (code, status["phase"]) == (1, "Error")
    condition = status["conditions"][0]
    assert condition["reason"] == reason, condition
    assert len(condition["message"]) > 40
    assert local.server.secret_key not in json.dumps(status)


def test_an_empty_source_deletes_nothing(local: Local, s3_client: Any) -> None:
    plant(local.tree)
    assert local.run()[0] == 0
    before = s3_client.list_objects_v2(Bucket=local.bucket)["KeyCount"]
    empty = local.tree.parent / "not-mounted"
    empty.mkdir()
    code, status = local.run(tree=empty)
    assert (code, status["phase"]) == (3, "Held")
    assert status["conditions"][0]["reason"] == "SourceEmpty"
    assert s3_client.list_objects_v2(Bucket=local.bucket)["KeyCount"] == before


def test_more_deletions_than_the_guards_allow_wait_for_their_token(
    local: Local, s3_client: Any
) -> None:
    for number in range(6):
        (local.tree / f"file-{number}").write_text("x")
    assert local.run()[0] == 0
    for number in range(4):
        (local.tree / f"file-{number}").unlink()
    (local.tree / "new").write_text("new")
    code, status = local.run()
    assert (code, status["phase"]) == (3, "Held")
    assert (status["hold"]["deletions"], status["hold"]["limit"]) == (4, 3)
    assert counted(status) == (1, 0, 0, 2)
    (local.tree / "file-4").unlink()
    code, again = local.run("--acknowledge", status["hold"]["token"])
    assert (code, again["hold"]["deletions"], again["hold"]["limit"]) == (3, 5, 4)
    code, done = local.run("--acknowledge", again["hold"]["token"])
    assert (code, done["phase"], done["counters"]["filesDeleted"]) == (0, "Success", 5)
    left = s3_client.list_objects_v2(Bucket=local.bucket, Prefix="here/")["Contents"]
    names = {found["Key"] for found in left if not found["Key"].endswith("/")}
    assert names == {"here/file-5", "here/new"}


def test_a_dry_run_writes_nothing_and_foretells_the_transfer(local: Local, s3_client: Any) -> None:
    plant(local.tree)

    def stored() -> list[tuple[str, str]]:
        found = s3_client.list_objects_v2(Bucket=local.bucket).get("Contents", [])
        return [(one["Key"], one["ETag"], one["LastModified"]) for one in found]

    code, said = local.run("--dry-run")
    assert (code, said["phase"]) == (0, "Success"), said
    assert stored() == []
    assert said["requests"]["PutObject"] == 7, "five files and links, two folders"
    assert said["counters"]["estimatedFoldersToTransfer"] == 2
    code, was = local.run()
    assert code == 0
    assert said["counters"]["estimatedFilesToTransfer"] == was["counters"]["filesTransferred"] == 5

    (local.tree / "zero").unlink()
    (local.tree / "folder" / "a file with spaces").chmod(0o600)
    before = stored()
    code, said = local.run("--dry-run")
    assert stored() == before
    counters = said["counters"]
    assert (counters["estimatedMetadataUpdates"], counters["estimatedFilesToDelete"]) == (1, 1)
    assert said["requests"]["DeleteObjects"] == said["requests"]["CopyObject"] == 1
    assert not said["requests"].keys() & {"PutObject", "GetObject"}
    assert local.run()[0] == 0


def test_a_name_that_is_not_utf8_is_reported_and_the_rest_is_moved(local: Local) -> None:
    (local.tree / "fine").write_bytes(b"a")
    Path(os.fsdecode(os.fsencode(local.tree) + b"/\xff")).write_bytes(b"b")
    code, status = local.run()
    assert (code, status["phase"]) == (1, "Error")
    assert status["counters"]["filesTransferred"] == 1
    assert sum(status["counters"]["filesFailed"].values()) == 1
    assert status["failures"][0]["hint"]

    local.write(options="fileErrorPolicy: Tolerate")
    code, status = local.run()
    assert (code, status["phase"]) == (0, "CompletedWithErrors")
    assert status["counters"]["filesSkipped"] == 1
    assert status["result"]["errorCode"] == "FilesFailed"
    assert status["conditions"][0]["status"] == "True"
