"""Large objects that are not read but linked to what was, and what becomes of those that cannot be."""

import json
import time
from dataclasses import dataclass, field

import pytest

from datasync_api.task import Guards
from datasync_runner.core.entry import StatedInode
from datasync_runner.core.parts import BUDGET_BYTES, SMALL_BYTES
from datasync_runner.engine import unread
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.moving import move
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.posix.storage import PosixStorage
from datasync_runner.storage.values import Link
from fakes.runs import plan_of
from fakes.storage import FakeStorage
from storage.sides import posix_side

BODY = b"x" * (SMALL_BYTES + 1)
WORKERS_END = "the workers have ended"
OWNERLESS = {"uid": "None", "gid": "None"}


class Bucket(FakeStorage):
    """Objects, one of which may be another one when it is opened than when it was listed."""

    def __init__(self, **fields):
        super().__init__(objects=True, **fields)

    def name(self, key, *, etag="e", inode=7, body=BODY, **changes):
        node = StatedInode(inode) if inode else None
        self.put(key, body, node=node, etag=etag, **changes)

    @property
    def read(self):
        """The keys of what was opened."""
        return sorted(call.split()[1] for call in self.calls if call.startswith("open "))

    @property
    def read_by_workers(self):
        """Those of them that were, before the run's own process reads what is left."""
        calls = self.calls[: self.calls.index(WORKERS_END)]
        return sorted(call.split()[1] for call in calls if call.startswith("open "))


@dataclass
class Folder:
    root: object
    storage: PosixStorage
    lines: list[str] = field(default_factory=list)
    """Of the log."""

    async def run(self, bucket, failures=(), **wishes):
        board = Board("u", time.monotonic)
        guards = Guards(max_delete_percent=100)
        plan = plan_of(**OWNERLESS, **{"guards": guards, **wishes})
        board.files = FileEvents.of(plan, board.tally, self.lines.extend)
        sides = bucket, self.storage

        async def workers(*, queue, board):
            budget = ByteBudget(BUDGET_BYTES)
            await move(plan, *map(Patient, sides), queue=queue, board=board, budget=budget)
            bucket.calls.append(WORKERS_END)

        await run_plan(plan, *sides, board, mover=workers)
        assert [one.code for one in board.tally.failures()] == list(failures)
        return board.tally

    def inodes(self, *names):
        """How many inodes the names have; each is whole."""
        assert all((self.root / name).read_bytes() == BODY for name in names)
        return len({(self.root / name).stat().st_ino for name in names})


@pytest.fixture
async def folder(tmp_path):
    storage = PosixStorage(posix_side(tmp_path), writes=True, sets_owner=False, started_ns=0)
    yield Folder(tmp_path, storage)
    await storage.close()


async def test_of_one_inode_and_content_the_first_name_alone_is_read(folder):
    bucket = Bucket()
    for key in (b"a", b"b/c", b"d"):
        bucket.name(key)
    tally = await folder.run(bucket)
    assert folder.inodes("a", "b/c", "d") == 1
    assert bucket.read == ["a"]
    assert (tally.files_transferred, tally.bytes_transferred) == (3, len(BODY))
    assert (tally.estimated_files_to_transfer, tally.estimated_bytes_to_transfer) == (3, len(BODY))


@pytest.mark.parametrize("verify_mode", ["OnlyFilesTransferred", "None"])
async def test_what_is_linked_is_told_in_the_log(folder, verify_mode):
    bucket = Bucket()
    for key in (b"a", b"b"):
        bucket.name(key)
    await folder.run(bucket, log_level="Transfer", verify_mode=verify_mode)
    lines = [json.loads(line) for line in folder.lines]
    told = {line["path"]: line for line in lines if line["event"] == "transferred"}
    assert list(told) == ["/a", "/b"]
    assert told["/b"]["transferType"] == "ContentAndMetadata"
    assert told["/b"]["sizeBytes"] == len(BODY)
    assert told["/b"]["verified"] == (verify_mode == "OnlyFilesTransferred")


@pytest.mark.parametrize(
    ("other", "read"),
    [
        ({"inode": 8}, ["a", "c"]),
        ({"inode": None}, ["a", "b", "c"]),
        ({"etag": "f"}, ["a", "c"]),
        ({"etag": ""}, ["a", "b", "c"]),
    ],
    ids=["another inode", "no inode", "another ETag", "no ETag"],
)
async def test_what_is_not_proven_to_be_the_same_is_read(folder, other, read):
    """Once by each content that may be one; in `b` there is the same as in `c`."""
    bucket = Bucket()
    bucket.name(b"a")
    bucket.name(b"b", **other)
    bucket.name(b"c", **other)
    tally = await folder.run(bucket)
    assert bucket.read == read
    assert tally.bytes_transferred == tally.estimated_bytes_to_transfer == len(read) * len(BODY)
    joined_by_what_was_read = "etag" in other
    several = 3 if other.get("inode", 7) is None else 2
    assert folder.inodes("a", "b", "c") == (1 if joined_by_what_was_read else several)


@pytest.mark.parametrize("vouches", [False, True])
async def test_one_name_of_each_content_is_read_by_the_workers(folder, vouches):
    bucket = Bucket(vouches=vouches)
    names = [f"{name}-{inode}" for name in "abc" for inode in range(5)]
    for name in names:
        inode = int(name[-1])
        bucket.name(name.encode(), inode=inode + 1, etag=f"e{inode}")
    tally = await folder.run(bucket)
    assert bucket.read == bucket.read_by_workers
    assert {name[-1] for name in bucket.read} == set("01234")
    assert tally.bytes_transferred == tally.estimated_bytes_to_transfer == 5 * len(BODY)
    for inode in range(5):
        assert folder.inodes(*(name for name in names if name.endswith(str(inode)))) == 1
    assert folder.inodes(*names) == 5


@pytest.mark.parametrize("other", [{"inode": 8}, {"etag": "f"}], ids=["inode", "ETag"])
async def test_where_the_first_of_a_size_cannot_be_asked_about_no_other_is_read_in_vain(
    folder, other
):
    bucket = Bucket(
        trouble=lambda what, key: (
            errors.Denied("no HEAD", key) if (what, key) == ("inspect", b"a") else None
        )
    )
    bucket.name(b"a")
    bucket.name(b"b")
    bucket.name(b"c", **other)
    await folder.run(bucket)
    assert bucket.read_by_workers == ["a"]
    assert bucket.read == ["a", "c"]


async def test_what_states_no_checksum_is_linked_by_the_one_that_the_storage_vouches_for(folder):
    bucket = Bucket(vouches=True)
    bucket.name(b"a", etag="parts-2")
    bucket.name(b"b", etag="copy")
    await folder.run(bucket)
    assert bucket.read == ["a"]
    assert folder.inodes("a", "b") == 1


async def test_where_the_first_name_fails_another_is_read(folder):
    bucket = Bucket(
        trouble=lambda what, key: (
            errors.Denied("no", key) if (what, key) == ("open", b"a") else None
        )
    )
    for key in (b"a", b"b", b"c"):
        bucket.name(key)
    tally = await folder.run(bucket, failures=["Denied"])
    assert bucket.read == ["b"]
    assert folder.inodes("b", "c") == 1
    assert tally.files_transferred == 2


async def test_where_two_names_fail_no_other_waits(folder):
    """Else the many names of an object in an archive would fail one after the other."""
    bucket = Bucket(trouble=lambda what, key: errors.Denied("no", key) if what == "open" else None)
    for number in range(1200):
        bucket.name(b"%04d" % number)
    tally = await folder.run(bucket, failures=["Denied"])
    assert tally.failure_count() == 1200


async def test_what_cannot_be_linked_is_read(folder, monkeypatch):
    link = folder.storage.link

    async def refuse(links: list[Link]):
        return [
            errors.NotSupported("too many links", one.entry.key)
            if one.entry.key == b"b"
            else (await link([one]))[0]
            for one in links
        ]

    monkeypatch.setattr(folder.storage, "link", refuse)
    bucket = Bucket()
    for key in (b"a", b"b", b"c"):
        bucket.name(key)
    tally = await folder.run(bucket)
    assert bucket.read == ["a", "b"]
    assert folder.inodes("a", "c") == 1
    assert folder.inodes("a", "b") == 2
    assert (tally.files_transferred, tally.bytes_transferred) == (3, 2 * len(BODY))
    assert tally.estimated_bytes_to_transfer == 2 * len(BODY)


async def test_a_name_with_nul_fails_alone(folder):
    """A bucket may have it, and it is put aside before anybody writes it."""
    bucket = Bucket()
    for key in (b"a", b"b\0", b"c"):
        bucket.name(key)
    tally = await folder.run(bucket, failures=["NameNotRepresentable"])
    assert tally.failure_count() == 1
    assert folder.inodes("a", "c") == 1


async def test_what_cannot_be_asked_about_is_read(folder):
    bucket = Bucket(
        trouble=lambda what, _: errors.Denied("no HEAD", b"") if what == "inspect" else None
    )
    for key in (b"a", b"b"):
        bucket.name(key)
    tally = await folder.run(bucket)
    assert bucket.read == ["a", "b"]
    assert tally.bytes_transferred == tally.estimated_bytes_to_transfer == 2 * len(BODY)


async def test_a_name_that_is_new_is_linked_to_what_is_right(folder):
    bucket = Bucket()
    for key in (b"b", b"c"):
        bucket.name(key)
    await folder.run(bucket)
    before = (folder.root / "b").stat().st_ino
    bucket.name(b"d")
    bucket.calls.clear()
    await folder.run(bucket)
    assert bucket.read == []
    assert (folder.root / "d").stat().st_ino == before


async def test_a_name_that_is_new_is_linked_to_any_that_is_right_and_as_large(folder):
    bucket = Bucket()
    bucket.name(b"b", inode=7, etag="e")
    bucket.name(b"c", inode=8, etag="f")
    await folder.run(bucket)
    before = (folder.root / "c").stat().st_ino
    bucket.name(b"a", inode=8, etag="f")
    bucket.name(b"d", inode=8, etag="f")
    bucket.calls.clear()
    await folder.run(bucket)
    assert bucket.read == ["a"]
    assert (folder.root / "d").stat().st_ino == before


async def test_a_dry_run_puts_nothing_aside(folder):
    bucket = Bucket()
    for key in (b"a", b"b"):
        bucket.name(key)
    tally = await folder.run(bucket, mode="DryRun")
    assert tally.estimated_files_to_transfer == 2
    assert list(folder.root.iterdir()) == []


async def test_small_objects_are_read_at_once(folder, monkeypatch):
    bucket = Bucket()
    for key in (b"a", b"b"):
        bucket.name(key, body=b"x" * SMALL_BYTES)
    await folder.run(bucket)
    assert [call for call in bucket.calls if call.startswith("read")] == ["read a", "read b"]


async def test_beyond_so_many_sizes_all_are_read(folder, monkeypatch):
    monkeypatch.setattr(unread, "SIZES", 1)
    bucket = Bucket()
    for key in (b"a", b"b"):
        bucket.name(key, body=BODY + b"longer")
    for key in (b"c", b"d"):
        bucket.name(key)
    await folder.run(bucket)
    assert bucket.read == ["a", "c", "d"]
    assert folder.inodes("c", "d") == 1
