"""Hard links on their way to S3: each content sent once, before real S3 servers.

Their way back is test_hard_links_back.py's.
"""

import json
import os
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from datasync_api.plan import PlannedReport
from datasync_api.sides import PosixSide
from datasync_runner.checksums import crc64
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.engine import shared_content
from datasync_runner.storage import errors
from datasync_runner.storage.s3 import copies, duplicates
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.storage import S3Storage
from runner.engine.test_hard_links import PLANS, arrange, plant
from storage.linked import world_of

SENT = len(b"shared") + len(b"single") + SMALL_BYTES + 1
"""Of `plant`: each inode once."""
REPORT = PlannedReport(
    destination=PosixSide(uri="nfs://nas/told/", root="/mnt/report"),
    output_type="Standard",
    object_version_ids=True,
    html=False,
    transferred="SuccessesAndErrors",
    verified="SuccessesAndErrors",
    deleted="ErrorsOnly",
    skipped="ErrorsOnly",
)


@pytest.fixture(params=["s3_server", "minio"])
def world(request, tmp_path):
    with world_of(request.getfixturevalue(request.param), tmp_path) as made:
        yield made


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


async def test_a_new_name_of_a_large_file_is_copied_where_checksums_are_believed(
    world, monkeypatch
):
    """As Amazon S3's are; of another server, after it was seen to check what is sent."""
    plant(world.source)
    await world.up()
    monkeypatch.setattr(Objects, "vouches", True)
    (world.source / "new").hardlink_to(world.source / "large")
    tally = await world.up()
    world.right()
    assert (tally.files_transferred, tally.files_verified) == (1, 1)
    assert (tally.bytes_transferred, world.sent["UploadPart"]) == (0, 0)


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


async def test_names_that_a_manifest_lists_are_sent_once(world, tmp_path):
    plant(world.source)
    (tmp_path / "manifest").write_text("z/three\nsingle\nb/one\n")
    place = {"kind": "Mounted", "path": str(tmp_path / "manifest")}
    tally = await world.up(rules={"manifest_place": place})
    assert world.bodies() == {"b/one": b"shared", "z/three": b"shared", "single": b"single"}
    inode = str((world.source / "b/one").stat().st_ino)
    assert world.inodes() == {"b/one": inode, "z/three": inode}
    assert (tally.files_transferred, tally.files_verified) == (3, 3)
    assert (tally.bytes_transferred, world.sent["CopyObject"]) == (len(b"sharedsingle"), 1)
    again = await world.up(rules={"manifest_place": place})
    assert (again.files_transferred, again.files_metadata_updated, again.files_skipped) == (0, 0, 3)


async def test_a_detailed_report_has_every_name_as_what_it_is(world):
    plant(world.source)
    await world.up(rules={"report": REPORT})
    for kind in ("transferred", "verified"):
        told = [json.loads(text) for which, text in world.reported if which == kind]
        status = next(name for name in told[0] if name.endswith("Status"))
        files = [one for one in told if one["SrcMetadata"]["Type"] == "Regular"]
        assert sorted(one["RelativePath"] for one in files) == [
            f"/{key}" for key in sorted(world.bodies())
        ]
        assert {one[status] for one in files} == {"SUCCESS"}


async def test_a_report_has_no_checksum_that_nobody_has_computed(world):
    """What is copied from an old name is proven by its ETag where the server tells no checksum."""
    plant(world.source)
    await world.up()
    (world.source / "c").hardlink_to(world.source / "b/one")
    await world.up(rules={"report": REPORT})
    told = [json.loads(text) for kind, text in world.reported if kind == "verified"]
    (copied,) = (one for one in told if one["RelativePath"] == "/c")
    right = b64encode(crc64(b"shared").to_bytes(8, "big")).decode()
    assert copied.get("SrcChecksum") in (None, right)
    assert copied.get("DstChecksum") == copied.get("SrcChecksum")


async def test_a_dry_run_foresees_copies(world):
    plant(world.source)
    foreseen = await world.up(rules={"mode": "DryRun"})
    assert world.board.requests["CopyObject"] == 3
    done = await world.up()
    assert foreseen.estimated_files_to_transfer == done.files_transferred
    assert foreseen.estimated_bytes_to_transfer == done.bytes_written


async def test_a_dry_run_foresees_that_what_was_sent_in_parts_is_asked_about(world, monkeypatch):
    """Without verification, for which some servers have to be asked about copies as well."""
    plant(world.source)
    await world.up()
    monkeypatch.setattr(Objects, "vouches", True)
    (world.source / "new").hardlink_to(world.source / "large")
    await world.up(rules={"mode": "DryRun"}, verify_mode="None")
    foreseen = Counter(world.board.requests) + world.sent
    await world.up(verify_mode="None")
    for operation in ("HeadObject", "CopyObject"):
        assert world.sent[operation] == foreseen[operation] > 0


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


@pytest.mark.parametrize("verify_mode", ["None", "OnlyFilesTransferred"])
@pytest.mark.parametrize(
    ("size_bytes", "whole_bytes"),
    [(6, SMALL_BYTES), (SMALL_BYTES + 1, SMALL_BYTES + 1), (SMALL_BYTES + 1, SMALL_BYTES)],
    ids=["sent whole", "sent in parts", "copied in parts"],
)
async def test_a_copy_of_something_else_is_never_a_success(
    world, monkeypatch, size_bytes, whole_bytes, verify_mode
):
    """Somebody writes as much to the first name's key before it is copied: the others are sent."""
    make = S3Storage.duplicate

    async def meddle(storage, wished):
        for copy in wished:
            key = f"p/{copy.first.key.decode()}"
            world.client.put_object(Bucket=world.bucket, Key=key, Body=b"y" * size_bytes)
        return await make(storage, wished)

    monkeypatch.setattr(duplicates, "WHOLE_COPY_BYTES", whole_bytes)
    monkeypatch.setattr(S3Storage, "duplicate", meddle)
    (world.source / "a").write_bytes(b"x" * size_bytes)
    (world.source / "b").hardlink_to(world.source / "a")
    tally = await world.up(verify_mode=verify_mode)
    assert world.bodies()["b"] == b"x" * size_bytes
    assert tally.bytes_transferred == 2 * size_bytes


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
