"""The baseline between real file systems and a real S3 server: what is asked, and what is found."""

import os
import time
from datetime import timedelta

import pytest

from datasync_api.plan import TransferPlan
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.engine.delete import DeletionHeld
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.factory import Means, make_storages
from datasync_runner.storage.posix.clock import LOCAL_MARGIN_SECONDS
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.s3.storage import STAMP_MARGIN_NS
from datasync_runner.storage.smb import listing
from datasync_runner.storage.smb.clock import MARGIN_SECONDS
from datasync_runner.storage.smb.times import to_filetime, to_ns
from datasync_runner.storage.throttle import Throttle
from storage.sides import credentials, posix_side, s3_side

PAIRS = [("posix", "s3"), ("s3", "posix"), ("s3", "s3"), ("posix", "posix")]
WITH_SHARES = [("smb", "s3"), ("s3", "smb"), ("smb", "smb"), ("smb", "posix"), ("posix", "smb")]
ALL_PAIRS = PAIRS + WITH_SHARES
MARGINS = {
    "posix": timedelta(seconds=LOCAL_MARGIN_SECONDS),
    "s3": timedelta(microseconds=STAMP_MARGIN_NS // 1000),
    "smb": timedelta(seconds=MARGIN_SECONDS),
}


class World:
    """Two sides, runs between them in this process, and the S3 requests that they make."""

    def __init__(self, tmp_path, server, client, bucket, kinds, smb=()):
        """`smb`: the server, and a folder of it."""
        self.kinds, self.client, self.bucket = kinds, client, bucket
        self.sides, self.folders = [], []
        for kind, name in zip(kinds, ("source", "destination"), strict=True):
            folder = (smb[1] if kind == "smb" else tmp_path) / name
            folder.mkdir()
            self.folders.append(folder)
            if kind == "s3":
                secret = credentials(tmp_path / "secret", server)
                self.sides.append(s3_side(server, bucket, secret, f"{name}/"))
            elif kind == "smb":
                login = smb[0].credentials(tmp_path / "login")
                self.sides.append(smb[0].side(login, f"{smb[1].name}/{name}/", encryption="Off"))
            else:
                self.sides.append(posix_side(folder))
        self.source, self.destination = self.folders
        self.asked = []

    async def run(self, baseline=None, expect=None, meanwhile=None, source=None, **options):
        """`meanwhile`: what happens when all was moved, before the run looks at both sides again.

        `source`: is given the source's storage before anything is done with it.
        """
        owner = {"uid": "None", "gid": "None"} if os.geteuid() else {}
        plan = TransferPlan(
            execution={"namespace": "n", "name": "e", "uid": "u"},
            source=self.sides[0],
            destination=self.sides[1],
            options={"objectTags": "PreserveOnTransfer", **owner, **options},
            baseline=baseline,
        )
        budget = ByteBudget(BUDGET_BYTES)
        storages = make_storages(plan, Means(budget, Throttle(-1), 64, time.time_ns()))
        if source:
            source(storages[0])
        if meanwhile:
            finish = storages[1].finish

            async def finish_and_more():
                await finish()
                meanwhile()

            storages[1].finish = finish_and_more
        board = Board("u", time.monotonic)
        self.asked.clear()
        try:
            await run_plan(plan, *storages, board)
        finally:
            for storage in storages:
                await storage.close()
        codes = {failure.code: failure.count for failure in board.tally.failures()}
        assert codes == (expect or {}), board.tally.failures()
        return board

    def put(self, side, key, body, **more):
        name = ("source", "destination")[side]
        self.client.put_object(Bucket=self.bucket, Key=f"{name}/{key}", Body=body, **more)

    def write(self, side, key, body, mtime_ns=1_500_000_000_000_000_100):
        """A file or object by somebody else; files get that time."""
        if self.kinds[side] == "s3":
            self.put(side, key, body)
            return
        path = self.folders[side] / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, ns=(5, mtime_ns))

    def remove(self, side, key):
        if self.kinds[side] == "s3":
            name = ("source", "destination")[side]
            self.client.delete_object(Bucket=self.bucket, Key=f"{name}/{key}")
        else:
            (self.folders[side] / key).unlink()

    def read(self, side, key):
        if self.kinds[side] == "s3":
            name = ("source", "destination")[side]
            return self.client.get_object(Bucket=self.bucket, Key=f"{name}/{key}")["Body"].read()
        return (self.folders[side] / key).read_bytes()

    def damage(self, side, key, body):
        """Other bytes under the metadata that is there."""
        if self.kinds[side] == "s3":
            name = ("source", "destination")[side]
            head = self.client.head_object(Bucket=self.bucket, Key=f"{name}/{key}")
            self.put(side, key, body, Metadata=head["Metadata"])
        else:
            path = self.folders[side] / key
            self.write(side, key, body, path.stat().st_mtime_ns)

    def without_margin(self, baseline):
        """As if what is there when the run begins had been there for long."""
        margin = MARGINS[self.kinds[0]]
        return baseline.model_copy(update={"source_time": baseline.source_time + margin})

    def next_second(self):
        """Wait until the server's clock shows another second: its stamps have no more."""
        before = self._date()
        while self._date() == before:
            pass

    def _date(self):
        answer = self.client.head_bucket(Bucket=self.bucket)
        return answer["ResponseMetadata"]["HTTPHeaders"]["date"]

    def heads(self):
        return sorted(key for operation, key in self.asked if operation == "HeadObject")


@pytest.fixture
def world(request, tmp_path, s3_server, s3_client, bucket, monkeypatch):
    needs = ("smb_server", "smb_folder") if "smb" in request.param else ()
    smb = [request.getfixturevalue(name) for name in needs]
    made = World(tmp_path, s3_server, s3_client, bucket, request.param, smb)
    start = Client.start

    def noting(self, call, finish):
        made.asked.append((call.operation, call.key))
        start(self, call, finish)

    monkeypatch.setattr(Client, "start", noting)
    return made


UP = pytest.mark.parametrize("world", [PAIRS[0]], indirect=True, ids=["posix-to-s3"])
DOWN = pytest.mark.parametrize("world", [PAIRS[1]], indirect=True, ids=["s3-to-posix"])
SHARE_UP = pytest.mark.parametrize("world", WITH_SHARES[:1], indirect=True, ids=["smb-to-s3"])
SHARE_DOWN = pytest.mark.parametrize("world", WITH_SHARES[1:2], indirect=True, ids=["s3-to-smb"])
FILES = {"a/b/x": b"xx", "a/y": b"yyy", "top": b"t"}


def plant(world):
    for key, body in FILES.items():
        world.write(0, key, body)
    if world.kinds[0] == "smb":
        # A time that could be the LastWriteTime proves nothing; of most folders it could.
        for folder in world.source.rglob("*/"):
            os.utime(folder, ns=(5, 1_500_000_000_000_000_100))


@pytest.mark.parametrize("world", ALL_PAIRS, indirect=True, ids=["-to-".join(p) for p in ALL_PAIRS])
@pytest.mark.usefixtures("change_times")
async def test_an_unchanged_run_makes_no_request_an_object(world):
    plant(world)
    first = await world.run()
    assert first.tally.files_transferred == 3
    plain = await world.run()
    heads = world.heads()
    assert (not heads) == ("s3" not in world.kinds)
    # An object of this very second could have been stamped before the run began.
    baseline = world.without_margin(first.baseline)
    later = {"source_time": baseline.source_time + timedelta(seconds=1)}
    second = await world.run(baseline.model_copy(update=later))
    assert world.heads() == []
    for board in (plain, second):
        assert (board.tally.files_skipped, board.tally.files_transferred) == (3, 0)
        assert board.tally.folders_transferred == board.tally.files_metadata_updated == 0
        assert board.baseline is not None


@UP
async def test_from_files_exactly_what_changed_is_asked_about(world):
    plant(world)
    first = await world.run()
    (world.source / "top").chmod(0o600)
    (world.source / "a/y").write_bytes(b"YYY")
    os.utime(world.source / "a/y", ns=(5, 1_600_000_000_000_000_000))
    world.next_second()
    world.put(1, "a/b/x", b"??")
    second = await world.run(world.without_margin(first.baseline))
    # What other tools have said of top is to be kept: that is asked for before it is written.
    assert world.heads() == [b"a/b/x", b"a/y", b"top", b"top"]
    assert (second.tally.files_transferred, second.tally.files_metadata_updated) == (2, 1)
    head = world.client.head_object(Bucket=world.bucket, Key="destination/top")
    assert head["Metadata"]["file-permissions"] == "0100600"
    found = world.client.get_object(Bucket=world.bucket, Key="destination/a/b/x")
    assert found["Body"].read() == b"xx"


@UP
async def test_a_folder_that_was_moved_over_another_is_seen(world):
    plant(world)
    (world.source / "old/b").mkdir(parents=True)
    (world.source / "old/b/x").write_bytes(b"OO")
    os.utime(world.source / "old/b/x", ns=(5, 1_400_000_000_000_000_000))
    (world.source / "old/y").write_bytes(b"OOO")
    first = await world.run()
    (world.source / "a").rename(world.source / "away")
    (world.source / "old").rename(world.source / "a")
    await world.run(world.without_margin(first.baseline))
    for key, body in {"a/b/x": b"OO", "a/y": b"OOO", "away/b/x": b"xx"}.items():
        found = world.client.get_object(Bucket=world.bucket, Key=f"destination/{key}")
        assert found["Body"].read() == body


@UP
async def test_what_is_done_to_one_name_of_a_file_is_done_to_all(world):
    plant(world)
    (world.source / "a/second").hardlink_to(world.source / "top")
    first = await world.run()
    same = await world.run(world.without_margin(first.baseline))
    assert (world.heads(), same.tally.files_skipped) == ([], 4)
    (world.source / "top").chmod(0o600)
    second = await world.run(world.without_margin(same.baseline))
    assert set(world.heads()) == {b"a/second", b"top"}
    assert (second.tally.files_metadata_updated, second.tally.files_skipped) == (2, 2)


@pytest.mark.parametrize("world", [PAIRS[3]], indirect=True, ids=["posix-to-posix"])
async def test_a_new_name_and_one_that_left_its_file_are_seen(world):
    plant(world)
    (world.source / "a/second").hardlink_to(world.source / "top")
    first = await world.run()
    (world.source / "third").hardlink_to(world.source / "top")
    (world.source / "a/second").unlink()
    (world.source / "a/second").write_bytes(b"2")
    second = await world.run(world.without_margin(first.baseline))
    assert second.tally.files_transferred == 2
    for root in (world.source, world.destination):
        top, third = (root / "top").stat(), (root / "third").stat()
        assert (top.st_ino, top.st_nlink) == (third.st_ino, 2)
        assert (root / "a/second").read_bytes() == b"2"
        assert (root / "a/second").stat().st_nlink == 1
    third = await world.run(world.without_margin(second.baseline))
    assert (third.tally.files_transferred, third.tally.files_skipped) == (0, 5)


@DOWN
async def test_changes_at_a_folder_are_undone(world):
    plant(world)
    first = await world.run()
    while (world.destination / "top").stat().st_ctime_ns <= first.baseline.destination_ns:
        (world.destination / "top").write_bytes(b"T")
    (world.destination / "a/y").chmod(0o600)
    baseline = world.without_margin(first.baseline)
    later = {"source_time": baseline.source_time + timedelta(seconds=1)}
    second = await world.run(baseline.model_copy(update=later))
    assert (second.tally.files_transferred, second.tally.files_metadata_updated) == (1, 1)
    assert (world.destination / "top").read_bytes() == b"t"
    assert (world.destination / "a/y").stat().st_mode & 0o777 == 0o755
    assert world.heads() == [b"a/y", b"top"]


@UP
async def test_an_object_in_parts_is_asked_about_each_time(world):
    (world.source / "large").write_bytes(b"x" * 20_000_000)
    (world.source / "small").write_bytes(b"x")
    first = await world.run()
    second = await world.run(world.without_margin(first.baseline))
    assert (world.heads(), second.tally.files_skipped) == ([b"large"], 2)


def told_by_a_share(path):
    """The ctime in ns, as a server tells it that counts in steps of 100 ns."""
    return to_ns(to_filetime(path.stat().st_ctime_ns))


@pytest.fixture
def change_times(smb_folder, monkeypatch):
    """A server that keeps ChangeTimes of its own, as Windows does: here the kernel's ctime.

    Samba, of which all the rest is, tells the LastWriteTime as the ChangeTime.
    """
    plain = listing.responses.listed

    def told(answer):
        paths = [smb_folder, *smb_folder.rglob("*")]
        stamps = {found.st_ino: found.st_ctime_ns for found in (path.stat() for path in paths)}
        for line in plain(answer):
            changed = to_filetime(stamps.get(line.file_id, 0))
            yield line._replace(state=line.state._replace(changed=changed))

    monkeypatch.setattr(listing.responses, "listed", told)


@pytest.mark.parametrize(
    "world", WITH_SHARES, indirect=True, ids=["-to-".join(p) for p in WITH_SHARES]
)
async def test_a_server_without_change_times_of_its_own_proves_nothing(world):
    plant(world)
    first = await world.run()
    await world.run()
    heads = world.heads()
    later = {"source_time": world.without_margin(first.baseline).source_time + timedelta(seconds=2)}
    second = await world.run(first.baseline.model_copy(update=later))
    assert world.heads() == heads
    assert (second.tally.files_skipped, second.tally.files_transferred) == (3, 0)
    side = world.kinds.index("smb")
    world.write(side, "top", b"!", 1_400_000_000_000_000_000)
    third = await world.run(second.baseline.model_copy(update=later))
    assert (third.tally.files_skipped, third.tally.files_transferred) == (2, 1)
    assert world.read(0, "top") == world.read(1, "top")


@SHARE_UP
@pytest.mark.usefixtures("change_times")
async def test_from_a_share_exactly_what_changed_is_asked_about(world):
    plant(world)
    first = await world.run()
    world.write(0, "a/y", b"YYY", 1_600_000_000_000_000_000)
    (world.source / "top").chmod(0o600)  # a stamp, and nothing that a share tells
    world.next_second()
    world.put(1, "a/b/x", b"??")
    second = await world.run(world.without_margin(first.baseline))
    assert world.heads() == [b"a/b/x", b"a/y", b"top"]
    assert (second.tally.files_transferred, second.tally.files_skipped) == (2, 1)
    assert (world.read(1, "a/y"), world.read(1, "a/b/x")) == (b"YYY", b"xx")


@SHARE_UP
@pytest.mark.usefixtures("change_times")
async def test_a_folder_of_a_share_that_was_moved_over_another_is_seen(world):
    plant(world)
    world.write(0, "old/b/x", b"OO", 1_400_000_000_000_000_000)
    world.write(0, "old/y", b"OOO", 1_400_000_000_000_000_000)
    first = await world.run()
    (world.source / "a").rename(world.source / "away")
    (world.source / "old").rename(world.source / "a")
    await world.run(world.without_margin(first.baseline))
    for key, body in {"a/b/x": b"OO", "a/y": b"OOO", "away/b/x": b"xx"}.items():
        assert world.read(1, key) == body


@SHARE_DOWN
@pytest.mark.usefixtures("change_times")
async def test_changes_at_a_share_are_undone(world):
    plant(world)
    first = await world.run()
    # In the steps of a share: the run's own last stamp may be later than its baseline by less than one.
    while told_by_a_share(world.destination / "top") <= first.baseline.destination_ns:
        (world.destination / "top").write_bytes(b"T")
    later = {"source_time": world.without_margin(first.baseline).source_time + timedelta(seconds=1)}
    second = await world.run(first.baseline.model_copy(update=later))
    assert (world.heads(), second.tally.files_transferred) == ([b"top"], 1)
    assert world.read(1, "top") == b"t"


@pytest.mark.parametrize("world", WITH_SHARES[:3], indirect=True, ids=["up", "down", "across"])
@pytest.mark.usefixtures("change_times")
async def test_what_a_baseline_of_a_share_proves_is_not_read(world, monkeypatch):
    """By content, what is not proven is read; so what is read tells what is proven."""
    plant(world)
    first = await world.run(compare_mode="Checksum")
    world.next_second()
    later = {"source_time": world.without_margin(first.baseline).source_time + timedelta(seconds=2)}
    baseline = first.baseline.model_copy(update=later)
    read = []
    monkeypatch.setattr(
        Patient, "read_small", lambda _, entries: read.extend(entries) or _nothing(entries)
    )
    second = await world.run(baseline, compare_mode="Checksum")
    assert (read, second.tally.files_skipped) == ([], 3)


async def _nothing(entries):
    return [errors.Missing("it shall not be read", entry.key) for entry in entries]


@SHARE_DOWN
async def test_another_folder_at_the_same_path_of_a_share_refutes_the_proof(world):
    plant(world)
    first = await world.run()
    again = await world.run(first.baseline)
    roots = {first.baseline.destination_root, again.baseline.destination_root}
    world.destination.rename(world.destination.with_name("away"))
    world.destination.mkdir()
    third = await world.run(again.baseline)
    assert third.tally.files_transferred == 3
    assert len(roots) == 1
    assert third.baseline.destination_root not in roots


@pytest.mark.parametrize(
    "world", [("posix", "posix"), ("smb", "posix")], indirect=True, ids=["posix", "smb"]
)
async def test_what_lies_below_a_disk_that_is_not_mounted_deletes_nothing(world):
    """Another folder is there under the same name, and has most of the files."""
    plant(world)
    remove = {"preserve_deleted_files": "Remove"}
    first = await world.run(**remove)
    again = await world.run(baseline=first.baseline, **remove)
    world.source.rename(world.source.with_name("away"))
    for key in ("a/b/x", "top"):
        world.write(0, key, FILES[key])
    with pytest.raises(DeletionHeld, match="another folder") as held:
        await world.run(baseline=again.baseline, **remove)
    assert held.value.hold.reason == "SourceReplaced"
    assert (held.value.hold.deletions, held.value.hold.limit) == (1, 0)
    assert world.read(1, "a/y") == FILES["a/y"]
