"""Hard links on their way to S3 and back: each content sent once, before real S3 servers."""

import errno
import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from datasync_api.plan import TransferPlan
from datasync_api.report import TransferResult
from datasync_api.task import Guards
from datasync_api.task_options import TaskOptions
from datasync_runner.core.parts import BUDGET_BYTES, SMALL_BYTES
from datasync_runner.engine import shared_content
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.factory import Means, make_storages
from datasync_runner.storage.s3 import copies, duplicates
from datasync_runner.storage.throttle import Throttle
from fixtures.s3 import make_bucket, remove_bucket
from runner.engine.test_hard_links import OWNER, PLANS, TESTS, arrange, groups, plant
from storage.sides import credentials, posix_side, s3_side

SENT = len(b"shared") + len(b"single") + SMALL_BYTES + 1
"""Of `plant`: each inode once."""


class World:
    """A tree, a bucket and a tree again; runs in this process, with their requests."""

    def __init__(self, tmp_path, server, client, bucket):
        self.client, self.bucket = client, bucket
        self.source, self.back = tmp_path / "source", tmp_path / "back"
        for folder in (self.source, self.back):
            folder.mkdir()
        self.objects = s3_side(server, bucket, credentials(tmp_path / "keys", server), "p/")
        self.sent = Counter()

    async def up(self, **more):
        return await self._run(posix_side(self.source), self.objects, **more)

    async def down(self, **more):
        return await self._run(self.objects, posix_side(self.back), **more)

    async def _run(self, source, destination, baseline=None, rules=None, failures=0, **options):
        plan = TransferPlan(
            execution={"namespace": "n", "name": "e", "uid": "u"},
            source=source,
            destination=destination,
            options=TaskOptions(**OWNER, **options),
            guards=Guards(max_delete_percent=100),
            baseline=baseline,
            **(rules or {}),
        )
        means = Means(ByteBudget(BUDGET_BYTES), Throttle(-1), 64, time.time_ns())
        storages = make_storages(plan, means)
        board = Board("u", time.monotonic)
        try:
            await run_plan(plan, *storages, board)
        finally:
            self.sent = Counter()
            for storage in storages:
                self.sent.update(getattr(storage, "sent", {}))
                await storage.close()
        assert board.tally.failure_count() == failures, board.tally.failures()
        self.board = board
        return board.tally

    def head(self, key):
        return self.client.head_object(Bucket=self.bucket, Key=f"p/{key}")

    def bodies(self):
        """Every object that is no folder's marker, by key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return {
            key.removeprefix("p/"): self.client.get_object(Bucket=self.bucket, Key=key)[
                "Body"
            ].read()
            for key in keys
            if not key.endswith("/")
        }

    def inodes(self):
        """What each object states, where it does."""
        stated = {key: self.head(key)["Metadata"].get("file-inode") for key in self.bodies()}
        return {key: inode for key, inode in stated.items() if inode is not None}

    def right(self):
        """The bucket has what the source has, and states which names are one file."""
        assert self.bodies() == groups(self.source)[1]
        assert self.inodes() == {
            path.relative_to(self.source).as_posix(): str(path.stat().st_ino)
            for path in self.source.rglob("*")
            if path.is_file() and path.stat().st_nlink > 1
        }
        for key in self.bodies():
            told = self.head(key)["Metadata"]["file-mtime"]
            assert told == f"{(self.source / key).stat().st_mtime_ns}ns"


@pytest.fixture(params=["s3_server", "minio"])
def world(request, tmp_path):
    server = request.getfixturevalue(request.param)
    client = server.client()
    bucket = make_bucket(client)
    yield World(tmp_path, server, client, bucket)
    remove_bucket(client, bucket)
    client.close()


async def test_each_content_is_sent_once_and_a_second_run_does_nothing(world):
    plant(world.source)
    first = await world.up()
    world.right()
    assert first.files_transferred == first.files_verified == first.estimated_files_to_transfer == 6
    assert first.bytes_transferred == SENT
    assert first.bytes_written == first.estimated_bytes_to_transfer > SENT
    assert world.sent["CopyObject"] == 3
    again = await world.up()
    assert (again.files_transferred, again.files_metadata_updated, again.files_skipped) == (0, 0, 6)
    assert world.sent["CopyObject"] == world.sent["PutObject"] == 0


async def test_what_the_baseline_proves_is_not_asked_about(world):
    plant(world.source)
    await world.up()
    # As if all had lain still for longer than a file system's clock may be wrong.
    still = {"source_time": datetime.now(UTC) + timedelta(seconds=1)}
    tally = await world.up(baseline=world.board.baseline.model_copy(update=still))
    assert (tally.files_transferred, tally.files_skipped) == (0, 6)
    assert world.sent["HeadObject"] <= len("abz")  # of folders


async def test_a_new_name_is_copied_from_an_old_one(world):
    plant(world.source)
    await world.up()
    (world.source / "a/first-of-all").hardlink_to(world.source / "b/one")
    tally = await world.up()
    world.right()
    assert (tally.files_transferred, tally.bytes_transferred) == (1, 0)
    assert tally.files_verified == 1


async def test_a_first_new_name_makes_the_old_one_say_so(world):
    plant(world.source)
    await world.up()
    (world.source / "again").hardlink_to(world.source / "single")
    tally = await world.up()
    world.right()
    assert (tally.files_transferred, tally.files_metadata_updated) == (1, 1)


@pytest.mark.parametrize("content", [b"changed", b"SHARED"], ids=["longer", "same-size"])
async def test_changed_content_goes_to_all_names_once(world, content):
    plant(world.source)
    await world.up()
    (world.source / "a/two").write_bytes(content)
    tally = await world.up()
    world.right()
    assert (tally.files_transferred, tally.bytes_transferred) == (3, len(content))


async def test_by_content_a_rewrite_that_kept_its_time_goes_to_all_names(world):
    plant(world.source)
    await world.up()
    before = (world.source / "a/two").stat()
    (world.source / "a/two").write_bytes(b"SHARED")
    os.utime(world.source / "a/two", ns=(before.st_atime_ns, before.st_mtime_ns))
    tally = await world.up(compare_mode="Checksum")
    world.right()
    assert (tally.files_transferred, tally.bytes_transferred) == (3, len(b"SHARED"))


async def test_a_name_that_parts_is_a_file_of_its_own(world):
    plant(world.source)
    await world.up()
    before = (world.source / "z/three").stat()
    (world.source / "z/three").unlink()
    (world.source / "z/three").write_bytes(b"shared")
    os.utime(world.source / "z/three", ns=(before.st_atime_ns, before.st_mtime_ns))
    tally = await world.up()
    world.right()
    assert (tally.files_transferred, tally.files_metadata_updated) == (0, 1)


async def test_names_that_change_their_inodes_among_identical_files_follow(world):
    """All contents and times are the same: what is stated is all that tells them apart."""
    for name, first in (("a", None), ("b", "a"), ("c", None), ("d", "c")):
        path = world.source / name
        if first:
            path.hardlink_to(world.source / first)
        else:
            path.write_bytes(b"same")
            os.utime(path, ns=(5, 5))
    await world.up()
    for name, first in (("d", "a"), ("b", "c")):
        (world.source / name).unlink()
        (world.source / name).hardlink_to(world.source / first)
    await world.up()
    world.right()


async def test_names_that_are_left_out_are_not_waited_for(world):
    plant(world.source)
    tally = await world.up(rules={"excludes": [{"filterType": "SimplePattern", "value": "/b"}]})
    assert (tally.files_transferred, tally.bytes_transferred) == (5, SENT)
    assert {key for key in world.bodies() if key.startswith("b/")} == set()


async def test_all_names_are_verified_where_both_sides_are_compared_whole(world):
    plant(world.source)
    tally = await world.up(verify_mode="PointInTimeConsistent")
    world.right()
    assert (tally.files_transferred, tally.files_verified) == (6, 6)


async def test_a_dry_run_foresees_copies(world):
    plant(world.source)
    foreseen = await world.up(rules={"mode": "DryRun"})
    assert world.board.requests["CopyObject"] == 3
    done = await world.up()
    assert foreseen.estimated_files_to_transfer == done.files_transferred
    assert foreseen.estimated_bytes_to_transfer == done.bytes_written


async def test_where_copies_are_refused_every_name_is_sent(world, monkeypatch):
    def refuse(objects, copy, give):
        give(errors.NotSupported("no copies here", copy.entry.key))

    monkeypatch.setattr(copies, "duplicate", refuse)
    plant(world.source)
    tally = await world.up()
    world.right()
    assert (tally.files_transferred, tally.files_verified) == (6, 6)
    assert tally.bytes_transferred == tally.bytes_written


async def test_what_is_too_large_for_one_request_is_copied_in_parts(world, monkeypatch):
    monkeypatch.setattr(duplicates, "WHOLE_COPY_BYTES", SMALL_BYTES)
    plant(world.source)
    tally = await world.up()
    world.right()
    assert tally.bytes_transferred == SENT
    assert world.sent["UploadPartCopy"] >= 1


async def test_a_copy_of_something_else_is_never_a_success(world, monkeypatch):
    """Somebody writes to the first name's key before it is copied."""
    make = copies.duplicate

    def meddle(objects, copy, give):
        key = f"p/{copy.first.key.decode()}"
        world.client.put_object(Bucket=world.bucket, Key=key, Body=b"meddle")
        make(objects, copy, give)

    monkeypatch.setattr(copies, "duplicate", meddle)
    (world.source / "a").write_bytes(b"shared")
    (world.source / "b").hardlink_to(world.source / "a")
    tally = await world.up(failures=1)
    assert [failure.code for failure in tally.failures()] == ["VerificationFailed"]


async def test_a_new_name_is_never_copied_from_what_was_replaced_meanwhile(world, monkeypatch):
    make = copies.duplicate

    def meddle(objects, copy, give):
        key = f"p/{copy.first.key.decode()}"
        world.client.put_object(Bucket=world.bucket, Key=key, Body=b"meddle")
        make(objects, copy, give)

    (world.source / "a").write_bytes(b"shared")
    (world.source / "b").hardlink_to(world.source / "a")
    await world.up()
    monkeypatch.setattr(copies, "duplicate", meddle)
    (world.source / "c").hardlink_to(world.source / "a")
    tally = await world.up()
    assert world.bodies()["c"] == b"shared"
    assert tally.bytes_transferred == len(b"shared")


async def test_many_names_come_in_pieces(world, monkeypatch):
    monkeypatch.setattr(shared_content, "NAMES_AT_ONCE", 3)
    (world.source / "a0").write_bytes(b"shared")
    for number in range(1, 8):
        (world.source / f"a{number}").hardlink_to(world.source / "a0")
    tally = await world.up()
    world.right()
    assert (tally.files_transferred, tally.bytes_transferred) == (8, 3 * len(b"shared"))


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(one=PLANS, other=PLANS)
async def test_any_tree_follows_any_other(world, one, other):
    for plan in (one, other):
        arrange(world.source, plan)
        await world.up(preserve_deleted_files="Remove")
        world.right()
    again = await world.up(preserve_deleted_files="Remove")
    assert (again.files_transferred, again.files_metadata_updated, again.files_deleted) == (0, 0, 0)


def names_of_files(root):
    return groups(root), {
        path.relative_to(root).as_posix(): (path.stat().st_mode, path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


async def test_hard_links_come_back(world):
    plant(world.source)
    await world.up()
    tally = await world.down()
    assert names_of_files(world.back) == names_of_files(world.source)
    assert (tally.files_transferred, tally.files_verified) == (6, 6)
    before = {path: path.stat().st_ctime_ns for path in world.back.rglob("*") if path.is_file()}
    again = await world.down()
    assert (again.files_transferred, again.files_metadata_updated) == (0, 0)
    assert {path: path.stat().st_ctime_ns for path in before} == before


async def test_what_was_changed_in_s3_comes_back_as_a_file_of_its_own(world):
    plant(world.source)
    await world.up()
    metadata = world.head("z/three")["Metadata"]
    world.client.put_object(Bucket=world.bucket, Key="p/z/three", Body=b"SHARED", Metadata=metadata)
    await world.down()
    assert (world.back / "z/three").read_bytes() == b"SHARED"
    assert (world.back / "z/three").stat().st_nlink == 1
    assert (world.back / "a/two").read_bytes() == b"shared"
    assert (world.back / "a/two").stat().st_ino == (world.back / "b/one").stat().st_ino


@pytest.mark.parametrize("key", ["file-mtime", "file-permissions", "file-inode"])
async def test_what_states_something_else_comes_back_as_a_file_of_its_own(world, key):
    plant(world.source)
    await world.up()
    other = {"file-mtime": "5ns", "file-permissions": "0100600", "file-inode": "5"}[key]
    metadata = world.head("z/three")["Metadata"] | {key: other}
    world.client.put_object(Bucket=world.bucket, Key="p/z/three", Body=b"shared", Metadata=metadata)
    await world.down()
    assert (world.back / "z/three").stat().st_nlink == 1
    assert (world.back / "a/two").stat().st_nlink == 2


async def test_a_new_name_is_joined_to_the_old_ones(world):
    plant(world.source)
    await world.up()
    await world.down()
    (world.source / "a/first-of-all").hardlink_to(world.source / "b/one")
    (world.source / "again").hardlink_to(world.source / "single")
    await world.up()
    tally = await world.down()
    assert groups(world.back) == groups(world.source)
    assert tally.files_transferred == 2


async def test_where_no_link_can_be_made_each_name_is_a_whole_file(world, monkeypatch):
    plant(world.source)
    await world.up()

    def refuse(*_, **__):
        raise OSError(errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    tally = await world.down()
    assert tally.files_transferred == 6
    assert groups(world.back)[1] == groups(world.source)[1]


async def test_hard_links_travel_between_buckets(world):
    plant(world.source)
    await world.up()
    other = world.objects.model_copy(update={"prefix": "q/", "uri": f"{world.objects.uri}/../q/"})
    await world._run(world.objects, other)
    again = await world._run(world.objects, other)
    assert (again.files_transferred, again.files_metadata_updated) == (0, 0)
    await world._run(other, posix_side(world.back))
    assert groups(world.back) == groups(world.source)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(one=PLANS, other=PLANS)
async def test_any_tree_comes_back_after_any_other(world, one, other):
    for plan in (one, other):
        arrange(world.source, plan)
        await world.up(preserve_deleted_files="Remove")
        await world.down(preserve_deleted_files="Remove")
        assert groups(world.back) == groups(world.source)


def test_worker_processes_share_contents_and_join_names(world, tmp_path):
    for number in range(200):
        (world.source / f"a{number:03}").write_bytes(b"%d" % number)
        (world.source / f"z{number:03}").hardlink_to(world.source / f"a{number:03}")
    ways = [
        (posix_side(world.source), world.objects, 490),
        (world.objects, posix_side(world.back), 980),
    ]
    for source, destination, sent in ways:
        plan = {
            "execution": {"namespace": "n", "name": "e", "uid": "u"},
            "source": source.model_dump(mode="json"),
            "destination": destination.model_dump(mode="json"),
            "options": OWNER,
        }
        (tmp_path / "plan").write_text(json.dumps(plan))
        ends = ["--plan", str(tmp_path / "plan"), "--result", str(tmp_path / "result")]
        for transferred, size_bytes in ((400, sent), (0, 0)):
            done = subprocess.run(
                [sys.executable, "-m", "runner.engine.two_workers", *ends],
                cwd=TESTS, check=False, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            result = TransferResult.model_validate_json((tmp_path / "result").read_bytes())
            assert result.counters.files_transferred == transferred
            assert result.counters.bytes_transferred == size_bytes
    world.right()
    assert groups(world.back) == groups(world.source)
