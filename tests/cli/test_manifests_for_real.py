"""`datasync run` by lists that are objects, with the real runner against real S3 servers."""

import json

import pytest

from cli.command import datasync
from fixtures.s3 import make_bucket, remove_bucket
from invalid_manifests import location, manifest

pytestmark = [pytest.mark.storage, pytest.mark.timeout(60)]
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: {}}}\nstringData:\n  AWS_ACCESS_KEY_ID: '{}'\n  AWS_SECRET_ACCESS_KEY: '{}'\n"


class Listed:
    """A tree, a bucket for its files, another one for lists, and a task that goes by one of them."""

    def __init__(self, folder, server):
        self.tree, self.file, self.server = folder / "tree", folder / "manifests.yaml", server
        self.tree.mkdir()
        for name in ("one", "two", "three"):
            (self.tree / name).write_bytes(name.encode())
        self.client = server.client()
        self.files, self.lists = make_bucket(self.client), make_bucket(self.client)

    def close(self):
        for bucket in (self.files, self.lists):
            remove_bucket(self.client, bucket)
        self.client.close()

    def keep(self, key, text):
        return self.client.put_object(Bucket=self.lists, Key=key, Body=text.encode())

    def run(self, listed, *, code=0, more=()):
        def storage(name, bucket, keys="keys"):
            return location(
                f"{{objectStorage: {{endpoint: '{self.server.endpoint}', allowInsecure: true, "
                f"bucket: {bucket}, credentialsSecretRef: {{name: {keys}}}}}}}"
            ).replace("example", name)

        below = storage("below", self.lists).replace(self.lists, f"{self.lists}, prefix: daily")
        self.file.write_text(
            "---\n".join(
                (
                    SECRET.format("keys", self.server.access_key, self.server.secret_key),
                    SECRET.format("wrong", self.server.access_key, "wrong"),
                    location("{persistentVolumeClaim: {claimName: a}}").replace("example", "nas"),
                    storage("bucket", self.files),
                    storage("lists", self.lists),
                    storage("locked", self.lists, keys="wrong"),
                    storage("nowhere", "no-such-bucket-anywhere"),
                    below,
                    manifest(
                        "DataSyncTask",
                        "{sourceLocationRef: {name: nas}, destinationLocationRef: {name: bucket}, "
                        f"manifest: {{s3: {listed}}}}}",
                    ),
                )
            )
        )
        answer = datasync(
            *("run", "-f", self.file, f"--mount=nas={self.tree}", "-o", "json", *more),
            *("--baseline", "none"),
            runner=None,
            NO_PROXY="127.0.0.1",
            no_proxy="127.0.0.1",
        )
        assert answer.code == code, answer.err + answer.out
        return json.loads(answer.out) if answer.out else answer.err

    def moved(self):
        found = self.client.list_objects_v2(Bucket=self.files).get("Contents", [])
        return {one["Key"] for one in found if not one["Key"].endswith("/")}


@pytest.fixture(params=["s3_server", "minio"])
def listed(request, tmp_path):
    made = Listed(tmp_path, request.getfixturevalue(request.param))
    yield made
    made.close()


def test_a_list_in_a_bucket_of_its_own_says_what_is_moved(listed):
    listed.keep("today.csv", "one\nthree\n")
    listed.keep("daily/today.csv", "two\n")
    status = listed.run("{locationRef: {name: lists}, key: today.csv}")
    assert status["phase"] == "Success"
    assert listed.moved() == {"one", "three"}
    assert listed.run("{locationRef: {name: below}, key: today.csv}")["phase"] == "Success"
    assert listed.moved() == {"one", "two", "three"}


def test_the_version_that_is_named_is_read(listed, request):
    listed.client.put_bucket_versioning(
        Bucket=listed.lists, VersioningConfiguration={"Status": "Enabled"}
    )
    first = listed.keep("today.csv", "one\n")["VersionId"]
    listed.keep("today.csv", "two\nthree\n")
    listed.run(f"{{locationRef: {{name: lists}}, key: today.csv, versionId: {first}}}")
    assert listed.moved() == {"one"}
    for version in listed.client.list_object_versions(Bucket=listed.lists)["Versions"]:
        listed.client.delete_object(
            Bucket=listed.lists, Key=version["Key"], VersionId=version["VersionId"]
        )


@pytest.mark.parametrize(
    ("where", "reason", "words"),
    [
        ("name: lists}, key: gone.csv", "ConfigurationInvalid", "gone.csv is not there"),
        ("name: nowhere}, key: today.csv", "ConfigurationInvalid", "today.csv is not there"),
        ("name: locked}, key: today.csv", "CredentialsRefused", "today.csv may not be read"),
        ("name: lists}, key: broken.csv", "ConfigurationInvalid", "line 2 begins with '/'"),
    ],
    ids=["no object", "no bucket", "no right", "no list"],
)
def test_what_cannot_be_used_moves_nothing(listed, where, reason, words):
    listed.keep("today.csv", "one\n")
    listed.keep("broken.csv", "one\n/two\n")
    status = listed.run(f"{{locationRef: {{{where}}}", code=1)
    assert status["result"]["errorCode"] == reason
    assert words in status["result"]["errorDetail"]
    assert not listed.moved()


def test_a_dry_run_goes_by_the_list_too(listed):
    listed.keep("today.csv", "one\nthree\n")
    status = listed.run("{locationRef: {name: lists}, key: today.csv}", more=("--dry-run",))
    assert status["counters"]["estimatedFilesToTransfer"] == 2
    assert not listed.moved()
