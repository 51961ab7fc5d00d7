"""Whole runs of the runner's process between all pairs of storage, against a real S3 server."""

import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from datasync_api.report import TransferResult
from storage.sides import credentials, posix_side, s3_side

PAIRS = list(itertools.product(["posix", "s3"], repeat=2))
LARGE = 20_000_000


class World:
    """A source and a destination, runs between them, and an independent look at both."""

    def __init__(self, tmp_path, server, client, bucket, kinds):
        self.tmp_path, self.client, self.bucket = tmp_path, client, bucket
        self.secret = credentials(tmp_path / "secret", server)
        self.server = server
        self.source = self._side(kinds[0], "source")
        self.destination = self._side(kinds[1], "destination")

    def _side(self, kind, name):
        if kind == "s3":
            return s3_side(self.server, self.bucket, self.secret, f"{name}/")
        (self.tmp_path / name).mkdir()
        return posix_side(self.tmp_path / name)

    def run(self, source=None, destination=None, expect=0, rules=None, **options):
        owner = {"uid": "None", "gid": "None"} if os.geteuid() else {}
        plan = {
            "execution": {"namespace": "n", "name": "e", "uid": "u"},
            "source": (source or self.source).model_dump(mode="json"),
            "destination": (destination or self.destination).model_dump(mode="json"),
            "options": {**owner, **options},
            **(rules or {}),
        }
        path, result = self.tmp_path / "plan", self.tmp_path / "result"
        path.write_text(json.dumps(plan))
        command = [sys.executable, "-m", "datasync_runner", "--plan", path, "--result", result]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        return TransferResult.model_validate_json(result.read_bytes())

    def contents(self, side):
        """Files of a side by their keys, without the product's own code."""
        if side.kind == "Posix":
            root = Path(side.root)
            return {
                path.relative_to(root).as_posix(): (
                    os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
                )
                for path in root.rglob("*")
                if path.is_symlink() or path.is_file()
            }
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=side.bucket, Prefix=side.prefix
        )
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {
            key.removeprefix(side.prefix): self.client.get_object(Bucket=side.bucket, Key=key)[
                "Body"
            ].read()
            for key in keys
            if not key.endswith("/")
        }


@pytest.fixture(params=PAIRS, ids=["-to-".join(pair) for pair in PAIRS])
def world(request, tmp_path, s3_server, s3_client, bucket):
    return World(tmp_path, s3_server, s3_client, bucket, request.param)


def grow(root):
    """A tree with everything that trees have; returns the random bytes' generator."""
    some = random.Random(7)
    for folder in ("a/b/c", "a-b", "a.d", "empty/inner", "ü/日本"):
        (root / folder).mkdir(parents=True)
    for name in ("a/x", "a/b/c/y", "a-b/z", "a.d/w", "ü/日本/ö", "top", "a/b/zero", "sp ace+"):
        size = 0 if name.endswith("zero") else some.randrange(1, 50_000)
        (root / name).write_bytes(some.randbytes(size))
    (root / "large").write_bytes(some.randbytes(LARGE))
    (root / "a/link").symlink_to("b/c/y")
    (root / "a/b/c/y").chmod(0o600)
    for number, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, ns=(5, 1_500_000_000_000_000_001 + number), follow_symlinks=False)
    return some


@pytest.mark.timeout(60)
def test_three_runs(world):
    """All, then nothing, then exactly one change, one chmod and one removal."""
    seed = world.tmp_path / "seed"
    seed.mkdir()
    some = grow(seed)
    tree = posix_side(seed)

    def refresh():
        """Bring the seed to the source, where the source is no folder that we can edit."""
        world.run(tree, world.source, preserveDeletedFiles="Remove")

    refresh()
    first = world.run(preserveDeletedFiles="Remove")
    assert (first.outcome, first.counters.files_failed.total()) == ("Success", 0)
    counters = first.counters
    assert counters.files_transferred == counters.files_verified == 10
    assert counters.files_transferred == counters.estimated_files_to_transfer
    assert counters.bytes_written == counters.estimated_bytes_to_transfer > LARGE
    assert world.contents(world.destination) == world.contents(tree)

    second = world.run(preserveDeletedFiles="Remove").counters
    assert second.files_skipped == 10
    for name in (
        "estimated_files_to_transfer",
        "files_transferred",
        "files_metadata_updated",
        "files_deleted",
        "folders_transferred",
        "folders_deleted",
        "bytes_written",
    ):
        assert getattr(second, name) == 0, name

    (seed / "top").write_bytes(some.randbytes((seed / "top").stat().st_size))
    (seed / "a/x").chmod(0o640)
    (seed / "a.d/w").unlink()
    refresh()
    third = world.run(preserveDeletedFiles="Remove").counters
    assert third.files_transferred == third.files_verified == 1
    assert third.files_metadata_updated == 1
    assert third.files_deleted == third.estimated_files_to_delete == 1
    assert world.contents(world.destination) == world.contents(tree)

    back = world.tmp_path / "back"
    back.mkdir()
    assert world.run(world.destination, posix_side(back)).outcome == "Success"
    for path in seed.rglob("*"):
        if path.is_symlink() or path.is_file():
            before, after = path.lstat(), (back / path.relative_to(seed)).lstat()
            assert (before.st_mode, before.st_mtime_ns) == (after.st_mode, after.st_mtime_ns)
    assert (back / "empty/inner").is_dir()


@pytest.fixture
def upload(tmp_path, s3_server, s3_client, bucket):
    return World(tmp_path, s3_server, s3_client, bucket, ("posix", "s3"))


@pytest.fixture
def restore(tmp_path, s3_server, s3_client, bucket):
    return World(tmp_path, s3_server, s3_client, bucket, ("s3", "posix"))


def put(world, key, body=b"x", **metadata):
    side = world.source
    world.client.put_object(Bucket=side.bucket, Key=side.prefix + key, Body=body, Metadata=metadata)


def test_a_wrong_secret_ends_with_its_own_exit_code(upload):
    (upload.secret / "AWS_SECRET_ACCESS_KEY").write_text("wrong")
    result = upload.run(expect=11)
    assert (result.outcome, result.error.code) == ("Error", "CredentialsRefused")
    assert upload.destination.uri in result.error.detail


def test_a_missing_bucket_ends_with_its_own_exit_code(upload):
    gone = upload.destination.model_copy(update={"bucket": "no-such-bucket"})
    result = upload.run(destination=gone, expect=10)
    assert result.error.code == "BucketNotFound"


def test_a_destination_that_is_mounted_read_only_says_so(restore, tmp_path):
    there = tmp_path / "read-only"
    there.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", there], check=True)
    try:
        result = restore.run(destination=posix_side(there), expect=10)
    finally:
        subprocess.run(["umount", there], check=True)
    assert result.error.code == "ConfigurationInvalid"
    assert "mounted read-only; mount it for writing" in result.error.detail


@pytest.mark.timeout(60)
def test_a_server_that_is_not_there_is_a_passing_error(upload):
    gone = upload.destination.model_copy(update={"endpoint": "http://127.0.0.1:1"})
    result = upload.run(destination=gone, expect=30)
    assert (result.outcome, result.error.code) == ("Error", "LocationUnreachable")
    assert result.total_duration_ms < 15_000


def test_between_buckets_headers_and_foreign_metadata_count(tmp_path, s3_server, s3_client, bucket):
    world = World(tmp_path, s3_server, s3_client, bucket, ("s3", "s3"))
    side = world.source
    there = {"Bucket": bucket, "Key": world.destination.prefix + "f"}

    def write(value):
        s3_client.put_object(
            Bucket=bucket,
            Key=side.prefix + "f",
            Body=b"x",
            Metadata={"mine": value, "file-mtime": "7ns"},
            ContentType="text/x",
            ContentDisposition="inline",
        )

    write("1")
    assert world.run().counters.files_transferred == 1
    assert world.run().counters.files_skipped == 1
    write("2")
    changed = world.run().counters
    assert (changed.files_transferred, changed.files_metadata_updated) == (0, 1)
    head = s3_client.head_object(**there)
    assert (head["ContentType"], head["ContentDisposition"]) == ("text/x", "inline")
    assert (head["Metadata"]["mine"], head["Metadata"]["file-mtime"]) == ("2", "7ns")


def test_links_that_lead_out_fail_alone(restore):
    put(restore, "good")
    put(restore, "escape", b"../../outside", **{"file-permissions": "0120777"})
    put(restore, "absolute", b"/etc/passwd", **{"file-permissions": "0120777"})
    result = restore.run()
    codes = {failure.code: failure.count for failure in result.failures}
    assert codes == {"SymlinkEscapes": 2}
    assert restore.contents(restore.destination) == {"good": b"x"}


def test_objects_of_other_tools_get_the_documented_defaults(restore):
    put(restore, "d/f")
    options = {} if os.geteuid() == 0 else {"uid": "None", "gid": "None"}
    restore.run(**options)
    found = (Path(restore.destination.root) / "d/f").stat()
    assert found.st_mode & 0o7777 == 0o755
    if os.geteuid() == 0:
        assert (found.st_uid, found.st_gid) == (65534, 65534)
    assert restore.run(**options).counters.files_transferred == 0


def test_a_name_that_is_not_utf_8_fails_alone(upload):
    root = os.fsencode(upload.source.root)
    for name in (b"good", b"bad-\xff"):
        Path(os.fsdecode(root + b"/" + name)).write_bytes(b"x")
    result = upload.run()
    assert [failure.code for failure in result.failures] == ["NameNotRepresentable"]
    assert upload.contents(upload.destination) == {"good": b"x"}


def test_objects_that_another_tool_wrote_are_taken_over(upload):
    (Path(upload.source.root) / "f").write_bytes(b"same")
    upload.client.put_object(
        Bucket=upload.bucket, Key=upload.destination.prefix + "f", Body=b"same"
    )
    assert upload.run().counters.files_transferred == 1
    assert upload.run().counters.files_transferred == 0


TREE = (".top", "a.c", "build/x", "d/.h/x", "d/b.c", "d/build")
CHOSEN = [
    # of the plan, options, what takes part
    (
        {
            "includes": [{"filterType": "Glob", "value": "*.c|/d/"}],
            "excludes": [{"value": "*/.h"}],
        },
        {},
        {"a.c", "d/b.c", "d/build"},
    ),
    (
        {"excludes": [{"filterType": "Glob", "value": "build/"}]},
        {"hiddenFiles": "Exclude"},
        {"a.c", "d/b.c", "d/build"},
    ),
    ({"fileConditions": {"minSize": "1Ki"}}, {}, {"a.c"}),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("rules", "options", "taken"), CHOSEN, ids=["rules", "hidden", "sizes"])
def test_what_takes_no_part_is_left_alone_on_both_sides(world, rules, options, taken):
    sizes = {name: 2000 if name == "a.c" else 10 for name in TREE}
    for place, names, byte in (("new", TREE, b"n"), ("old", (*TREE, "d/gone.c"), b"o")):
        for name in names:
            path = world.tmp_path / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(byte * (sizes.get(name, 2000) - (place == "old")))
    world.run(posix_side(world.tmp_path / "new"), world.source)
    world.run(posix_side(world.tmp_path / "old"), world.destination)
    result = world.run(rules=rules, preserveDeletedFiles="Remove", **options)
    assert (result.outcome, result.counters.files_deleted) == ("Success", 1)
    left = world.contents(world.destination)
    assert {name: body[:1] for name, body in left.items()} == {
        name: b"n" if name in taken else b"o" for name in TREE
    }


def test_ages_are_those_that_the_source_lists(world):
    """A file is as old as its modification time, an object as it is in the bucket."""
    seed = world.tmp_path / "seed"
    seed.mkdir()
    (seed / "old").write_bytes(b"x")
    os.utime(seed / "old", ns=(5, 1_500_000_000_000_000_001))
    world.run(posix_side(seed), world.source)
    world.run(rules={"fileConditions": {"minAge": "1h"}})
    assert set(world.contents(world.destination)) == (
        {"old"} if world.source.kind == "Posix" else set()
    )
    world.run(rules={"fileConditions": {"minAge": "0s"}})
    assert set(world.contents(world.destination)) == {"old"}


@pytest.mark.parametrize("world", [("posix", "s3")], ids=["posix-to-s3"], indirect=True)
def test_a_file_of_the_year_2300_is_sent_once(world):
    (Path(world.source.root) / "f").write_bytes(b"x")
    os.utime(Path(world.source.root) / "f", ns=(5, 10_413_792_000 * 10**9))
    assert world.run(verifyMode="PointInTimeConsistent").counters.files_transferred == 1
    assert world.run(verifyMode="PointInTimeConsistent").counters.files_skipped == 1


ALL_METADATA = {"file-permissions", "file-owner", "file-group", "file-mtime", "file-atime"}


@pytest.mark.parametrize("world", [("posix", "s3")], ids=["posix-to-s3"], indirect=True)
@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, set()),
        ({"mtime": "None", "atime": "None"}, {"file-mtime", "file-atime"}),
        ({"uid": "None"}, {"file-owner"}),
        ({"gid": "None"}, {"file-group"}),
        ({"posixPermissions": "None"}, {"file-permissions"}),
    ],
)
def test_each_kind_of_metadata_is_kept_by_its_own_option(world, options, missing):
    (Path(world.source.root) / "f").write_bytes(b"x")
    world.run(**{"uid": "IntValue", "gid": "IntValue", **options})
    head = world.client.head_object(Bucket=world.bucket, Key="destination/f")
    assert ALL_METADATA - head["Metadata"].keys() == missing
