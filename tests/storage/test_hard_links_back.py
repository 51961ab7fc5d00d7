"""Hard links on their way back from S3: names are one file again, before real S3 servers."""

import errno
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from datasync_api.report import TransferResult
from datasync_runner.core.parts import SMALL_BYTES
from runner.engine.test_hard_links import OWNER, PLANS, TESTS, arrange, groups, plant
from storage.linked import world_of
from storage.sides import posix_side
from storage.test_hard_links import REPORT


@pytest.fixture(params=["s3_server", "minio"])
def world(request, tmp_path):
    with world_of(request.getfixturevalue(request.param), tmp_path) as made:
        yield made


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


async def test_what_was_linked_is_right_where_both_sides_are_compared_whole(world):
    plant(world.source)
    await world.up()
    for transferred in (6, 0):
        tally = await world.down(verify_mode="PointInTimeConsistent")
        assert names_of_files(world.back) == names_of_files(world.source)
        assert (tally.files_transferred, tally.files_verified) == (transferred, 6)


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


def proven_by(world):
    """The baseline of the last run, as if all had lain still for long before it."""
    still = {"source_time": datetime.now(UTC) + timedelta(seconds=5)}
    return world.board.baseline.model_copy(update=still)


@pytest.mark.parametrize("size_bytes", [6, SMALL_BYTES + 1], ids=["small", "large"])
@pytest.mark.parametrize("name", ["a", "z/new"], ids=["before them", "behind them"])
async def test_a_new_name_is_joined_to_old_ones_that_the_baseline_proves(world, name, size_bytes):
    (world.source / "z").mkdir()
    (world.source / "m").write_bytes(b"x" * size_bytes)
    (world.source / "z/m").hardlink_to(world.source / "m")
    (world.source / "other").write_bytes(b"o" * size_bytes)
    (world.source / "other-too").hardlink_to(world.source / "other")
    await world.up()
    await world.down()
    baseline = proven_by(world)
    (world.source / name).hardlink_to(world.source / "m")
    await world.up()
    before = (world.back / "m").stat().st_ino
    tally = await world.down(baseline=baseline)
    assert names_of_files(world.back) == names_of_files(world.source)
    assert (world.back / name).stat().st_ino == before
    assert (tally.files_transferred, tally.files_verified) == (1, 1)
    if size_bytes <= SMALL_BYTES:  # the time stamp of what was sent in parts proves nothing
        assert world.sent["HeadObject"] == len(["m"])


async def test_a_name_that_is_as_large_and_as_old_as_others_by_chance_stays_its_own(world):
    for name in ("a", "b", "c"):
        (world.source / name).write_bytes(name.encode())
        (world.source / f"{name}-too").hardlink_to(world.source / name)
        os.utime(world.source / name, ns=(5, 5))
    await world.up(rules={"excludes": [{"filterType": "SimplePattern", "value": "/b*"}]})
    await world.down()
    baseline = proven_by(world)
    await world.up()
    await world.down(baseline=baseline)
    assert names_of_files(world.back) == names_of_files(world.source)


def etags(world, *keys):
    return {world.head(key)["ETag"] for key in keys}


async def test_a_large_content_is_read_once(world):
    """Once by each ETag: some servers tell another one of an object that was copied."""
    plant(world.source)
    for number in range(3):
        (world.source / f"more{number}").hardlink_to(world.source / "large")
    await world.up()
    tally = await world.down()
    assert names_of_files(world.back) == names_of_files(world.source)
    assert (tally.files_transferred, tally.files_verified) == (9, 9)
    assert tally.estimated_files_to_transfer == 9
    small = 3 * len(b"shared") + len(b"single")
    assert tally.bytes_transferred == tally.bytes_written == tally.estimated_bytes_to_transfer
    contents = etags(world, "large", "more0", "more1", "more2", "z/large")
    assert tally.bytes_transferred == small + len(contents) * (SMALL_BYTES + 1)
    assert len(contents) <= 2
    again = await world.down()
    assert (again.files_transferred, again.files_metadata_updated) == (0, 0)


async def test_large_contents_that_are_as_long_by_chance_are_all_read(world):
    for letter in "abcd":
        (world.source / letter).write_bytes(letter.encode() * (SMALL_BYTES + 1))
    (world.source / "c-too").hardlink_to(world.source / "c")
    await world.up()
    tally = await world.down()
    assert names_of_files(world.back) == names_of_files(world.source)
    many = 4 + len(etags(world, "c", "c-too")) - 1
    assert tally.bytes_transferred == many * (SMALL_BYTES + 1)
    assert tally.estimated_bytes_to_transfer == tally.bytes_transferred


async def test_a_large_object_that_was_changed_in_s3_is_read(world):
    """It states what the others do, and is as long."""
    plant(world.source)
    await world.up()
    metadata = world.head("z/large")["Metadata"]
    body = b"X" * (SMALL_BYTES + 1)
    world.client.put_object(Bucket=world.bucket, Key="p/z/large", Body=body, Metadata=metadata)
    await world.down()
    assert (world.back / "z/large").read_bytes() == body
    assert (world.back / "z/large").stat().st_nlink == 1
    assert (world.back / "large").read_bytes() == b"x" * (SMALL_BYTES + 1)


@pytest.mark.parametrize("verify_mode", ["None", "OnlyFilesTransferred", "PointInTimeConsistent"])
async def test_what_was_not_read_is_told_as_what_was(world, verify_mode):
    plant(world.source)
    await world.up()
    await world.down(rules={"report": REPORT}, verify_mode=verify_mode)
    for kind in ("transferred", "verified", "skipped"):
        told = [json.loads(text) for which, text in world.reported if which == kind]
        files = [one for one in told if one["SrcMetadata"]["Type"] == "Regular"]
        names = [f"/{key}" for key in sorted(world.bodies())]
        told_of = {"transferred": True, "verified": verify_mode != "None", "skipped": False}
        assert sorted(one["RelativePath"] for one in files) == (names if told_of[kind] else [])
    assert names_of_files(world.back) == names_of_files(world.source)


async def test_where_no_link_can_be_made_each_name_is_a_whole_file(world, monkeypatch):
    plant(world.source)
    await world.up()

    def refuse(*_, **__):
        raise OSError(errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    tally = await world.down()
    assert tally.files_transferred == tally.files_verified == 6
    assert tally.bytes_transferred == tally.estimated_bytes_to_transfer
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


@pytest.mark.timeout(60)
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
