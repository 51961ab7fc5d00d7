"""Runs between file systems keep hard links: first runs, later ones, and what gets in their way."""

import errno
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasync_api.plan import TransferPlan
from datasync_api.report import TransferResult
from datasync_api.task import Guards
from datasync_api.task_options import TaskOptions
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.engine import pipeline
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.progress import Board
from datasync_runner.storage.posix.storage import PosixStorage
from storage.sides import posix_side

TESTS = Path(__file__).parents[2]
OWNER = {} if os.geteuid() == 0 else {"uid": "None", "gid": "None"}


@pytest.fixture
def trees(tmp_path):
    for name in ("source", "destination"):
        (tmp_path / name).mkdir()
    return tmp_path / "source", tmp_path / "destination"


async def run(source, destination, lines=None, **options):
    """`lines` takes those of the log."""
    plan = TransferPlan(
        execution={"namespace": "n", "name": "e", "uid": "u"},
        source=posix_side(source),
        destination=posix_side(destination),
        options=TaskOptions(**OWNER, **options),
        guards=Guards(max_delete_percent=100),
    )
    ours = PosixStorage(plan.source, writes=False, sets_owner=False, started_ns=0)
    theirs = PosixStorage(
        plan.destination, writes=True, sets_owner=False, started_ns=0,
        verifies=plan.options.verify_mode != "None",
    )  # fmt: skip
    board = Board("u", time.monotonic)
    if lines is not None:
        board.files = FileEvents.of(plan, board.tally, lines.extend)
    try:
        await pipeline.run_plan(plan, ours, theirs, board)
    finally:
        await ours.close()
        await theirs.close()
    return board.tally


def groups(root):
    """The names of each inode, and every file's content."""
    names, bodies = defaultdict(set), {}
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            key = path.relative_to(root).as_posix()
            names[path.stat().st_ino].add(key)
            bodies[key] = path.read_bytes()
    return {frozenset(some) for some in names.values()}, bodies


def plant(root):
    for folder in ("a", "b", "z"):
        (root / folder).mkdir()
    (root / "b/one").write_bytes(b"shared")
    (root / "a/two").hardlink_to(root / "b/one")
    (root / "z/three").hardlink_to(root / "b/one")
    (root / "single").write_bytes(b"single")
    (root / "large").write_bytes(b"x" * (SMALL_BYTES + 1))
    (root / "z/large").hardlink_to(root / "large")


async def test_links_are_kept_and_a_second_run_does_nothing(trees):
    source, destination = trees
    plant(source)
    first = await run(source, destination, preserve_deleted_files="Remove")
    assert groups(destination) == groups(source)
    assert first.files_transferred == first.files_verified == 6
    assert first.estimated_files_to_transfer == 6
    sent = len(b"shared") + len(b"single") + SMALL_BYTES + 1
    assert first.bytes_written == first.estimated_bytes_to_transfer == sent
    before = {path: path.stat().st_ctime_ns for path in destination.rglob("*") if path.is_file()}
    second = await run(source, destination, preserve_deleted_files="Remove")
    assert (second.files_transferred, second.files_skipped) == (0, 6)
    assert second.folders_transferred == second.files_deleted == 0
    assert {path: path.stat().st_ctime_ns for path in before} == before


async def test_without_verification_links_are_not_verified_either(trees):
    source, destination = trees
    plant(source)
    tally = await run(source, destination, verify_mode="None")
    assert (tally.files_transferred, tally.files_verified) == (6, 0)
    assert groups(destination) == groups(source)


async def test_a_new_name_is_linked_and_nothing_is_copied(trees):
    source, destination = trees
    plant(source)
    await run(source, destination)
    (source / "a/first-of-all").hardlink_to(source / "b/one")
    lines = []
    tally = await run(source, destination, lines, log_level="Transfer")
    assert (tally.files_transferred, tally.bytes_written) == (1, 0)
    assert groups(destination) == groups(source)
    told = [json.loads(line) for line in lines]
    paths = [(line["path"], line["verified"]) for line in told if line.get("sizeBytes")]
    assert paths == [("/a/first-of-all", True)]


async def test_changed_content_goes_to_all_names(trees):
    source, destination = trees
    plant(source)
    await run(source, destination)
    (source / "a/two").write_bytes(b"changed")
    tally = await run(source, destination)
    assert (tally.files_transferred, tally.bytes_written) == (3, len(b"changed"))
    assert groups(destination) == groups(source)


async def test_by_content_a_rewrite_that_kept_its_time_goes_to_all_names(trees):
    source, destination = trees
    plant(source)
    await run(source, destination)
    same = await run(source, destination, compare_mode="Checksum")
    assert (same.files_transferred, same.files_skipped) == (0, 6)
    before = (source / "a/two").stat()
    (source / "a/two").write_bytes(b"SHARED")
    os.utime(source / "a/two", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await run(source, destination)).files_transferred == 0
    tally = await run(source, destination, compare_mode="Checksum")
    assert (tally.files_transferred, tally.bytes_written) == (3, len(b"SHARED"))
    assert groups(destination) == groups(source)


async def test_by_content_a_touched_file_is_touched_in_place(trees):
    source, destination = trees
    plant(source)
    await run(source, destination)
    os.utime(source / "a/two", ns=(1, 7_000_000_000))
    tally = await run(source, destination, compare_mode="Checksum")
    assert (tally.files_metadata_updated, tally.files_transferred) == (1, 0)
    assert (destination / "z/three").stat().st_mtime_ns == 7_000_000_000
    assert groups(destination) == groups(source)


async def test_all_names_are_verified_where_both_sides_are_compared_whole(trees):
    source, destination = trees
    plant(source)
    tally = await run(source, destination, verify_mode="PointInTimeConsistent")
    assert (tally.files_transferred, tally.files_verified) == (6, 6)


async def test_changed_metadata_is_changed_in_place_once(trees):
    source, destination = trees
    plant(source)
    await run(source, destination)
    (source / "a/two").chmod(0o600)
    tally = await run(source, destination)
    assert (tally.files_metadata_updated, tally.files_transferred) == (1, 0)
    assert (destination / "z/three").stat().st_mode & 0o777 == 0o600
    assert groups(destination) == groups(source)


async def test_names_that_part_are_parted(trees):
    source, destination = trees
    plant(source)
    await run(source, destination)
    (source / "z/three").unlink()
    (source / "z/three").write_bytes(b"shared")
    (source / "z/three").chmod(0o600)
    os.utime(source / "z/three", ns=(5, (source / "b/one").stat().st_mtime_ns))
    tally = await run(source, destination)
    assert groups(destination) == groups(source)
    assert tally.files_transferred == 1  # a chmod in place would have changed the others too
    assert (destination / "b/one").stat().st_mode == (source / "b/one").stat().st_mode


async def test_files_that_were_copied_apart_are_joined(trees):
    source, destination = trees
    plant(source)
    await run(source, destination)
    (destination / "a/two").unlink()
    (destination / "a/two").write_bytes(b"shared")
    (destination / "a/two").chmod((source / "a/two").stat().st_mode & 0o7777)
    moment = (source / "a/two").stat()
    os.utime(destination / "a/two", ns=(moment.st_atime_ns, moment.st_mtime_ns))
    tally = await run(source, destination)
    assert (tally.failure_count(), tally.bytes_written) == (0, 0)
    assert groups(destination) == groups(source)


async def test_names_outside_of_the_tree_are_not_waited_for(trees, tmp_path):
    source, destination = trees
    (tmp_path / "outside").write_bytes(b"shared")
    for name in ("in", "in-too"):
        (source / name).hardlink_to(tmp_path / "outside")
    (tmp_path / "alone").write_bytes(b"alone")
    (source / "one-inside").hardlink_to(tmp_path / "alone")
    await run(source, destination)
    assert groups(destination) == groups(source)
    assert (await run(source, destination)).files_transferred == 0


async def test_never_leaves_alone_what_is_there(trees):
    source, destination = trees
    plant(source)
    (destination / "a").mkdir()
    (destination / "a/two").write_bytes(b"mine")
    tally = await run(source, destination, overwrite_mode="Never")
    assert (destination / "a/two").read_bytes() == b"mine"
    assert (destination / "b/one").stat().st_ino == (destination / "z/three").stat().st_ino
    assert (tally.files_skipped, tally.failure_count()) == (1, 0)


async def test_transfer_mode_all_keeps_links_too(trees):
    source, destination = trees
    plant(source)
    for _ in range(2):
        tally = await run(source, destination, transfer_mode="All")
        assert (tally.files_transferred, tally.failure_count()) == (6, 0)
        assert groups(destination) == groups(source)


async def test_where_links_cannot_be_made_every_name_is_copied_once(trees, monkeypatch):
    source, destination = trees
    plant(source)

    def refuse(*_, **__):
        raise OSError(errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    first = await run(source, destination)
    assert groups(destination)[1] == groups(source)[1]
    assert (first.files_transferred, first.failure_count()) == (6, 0)
    second = await run(source, destination)
    assert (second.files_transferred, second.files_skipped, second.failure_count()) == (0, 6, 0)


async def test_a_first_name_that_fails_takes_no_other_with_it(trees):
    source, destination = trees
    (source / "a").write_bytes(b"shared")
    (source / "b").hardlink_to(source / "a")
    (source / "c").hardlink_to(source / "a")
    (destination / "a").mkdir()
    (destination / "a/in-the-way").write_bytes(b"kept")
    tally = await run(source, destination)
    assert [failure.code for failure in tally.failures()] == ["Conflict"]
    assert (destination / "b").read_bytes() == (destination / "c").read_bytes() == b"shared"
    assert (destination / "a/in-the-way").read_bytes() == b"kept"


async def test_an_old_first_name_is_never_linked_to(trees, monkeypatch):
    """It could not be replaced; its other names get the new content all the same."""
    source, destination = trees
    (source / "a").write_bytes(b"shared")
    (source / "b").hardlink_to(source / "a")
    (destination / "a").write_bytes(b"secret")
    rename = os.rename

    def stubborn(old, new, **folders):
        if new == b"a":
            raise PermissionError(errno.EACCES, "no")
        rename(old, new, **folders)

    monkeypatch.setattr(os, "rename", stubborn)
    tally = await run(source, destination, transfer_mode="All", mtime="None", atime="None")
    assert [failure.code for failure in tally.failures()] == ["Denied"]
    assert (destination / "a").read_bytes() == b"secret"
    assert (destination / "b").read_bytes() == b"shared"


def test_links_are_kept_across_worker_processes(trees, tmp_path):
    source, destination = trees
    for number in range(200):
        (source / f"a{number:03}").write_bytes(b"%d" % number)
        (source / f"z{number:03}").hardlink_to(source / f"a{number:03}")
    plan = {
        "execution": {"namespace": "n", "name": "e", "uid": "u"},
        "source": posix_side(source).model_dump(mode="json"),
        "destination": posix_side(destination).model_dump(mode="json"),
        "options": OWNER,
    }
    (tmp_path / "plan").write_text(json.dumps(plan))
    ends = ["--plan", str(tmp_path / "plan"), "--result", str(tmp_path / "result")]
    for transferred in (400, 0):
        done = subprocess.run(
            [sys.executable, "-m", "runner.engine.two_workers", *ends],
            cwd=TESTS, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        result = TransferResult.model_validate_json((tmp_path / "result").read_bytes())
        assert result.counters.files_transferred == transferred
        assert groups(destination) == groups(source)


NAMES = ["a", "b", "c", "d/a", "d/b"]
PLANS = st.lists(st.integers(0, 3), min_size=len(NAMES), max_size=len(NAMES))


def arrange(root, plan):
    """Files by the number of their inode; 0: none."""
    for name in NAMES:
        (root / name).unlink(missing_ok=True)
    (root / "d").mkdir(exist_ok=True)
    first = {}
    for name, number in zip(NAMES, plan, strict=True):
        if number in first:
            (root / name).hardlink_to(root / first[number])
        elif number:
            first[number] = name
            (root / name).write_bytes(b"x" * number)
            os.utime(root / name, ns=(5, number))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(one=PLANS, other=PLANS)
async def test_any_tree_follows_any_other(trees, one, other):
    source, destination = trees
    for plan in (one, other):
        arrange(source, plan)
        await run(source, destination, preserve_deleted_files="Remove", verify_mode="None")
        assert groups(destination) == groups(source)
    again = await run(source, destination, preserve_deleted_files="Remove", verify_mode="None")
    assert (again.files_transferred, again.files_deleted) == (0, 0)
