"""Other programs agree: what a run has copied leaves them nothing to do, and what they write is read."""

import os
import shutil
from pathlib import Path

import pytest

from fixtures.peers import REMOTE
from fixtures.s3 import make_bucket, remove_bucket
from storage.test_runs import World, grow

pytestmark = pytest.mark.timeout(120)
SERVERS = ["s3_server", "minio", "versitygw"]


class Pair(World):
    """A world with the other programs, and both ends in their words."""

    def __init__(self, tmp_path, server, client, bucket, kinds, *, name, peers):
        super().__init__(tmp_path, server, client, bucket, kinds)
        self.name = name
        self.peers = peers(server)

    def told(self):
        """What each program finds to do; empty: nothing."""
        (local, url), up = self._ends(), self.destination.kind == "S3"
        place = f"{url}/"
        s3 = (f"{local}/", place) if up else (f"{place}*", f"{local}/")
        plain = (str(local), place) if up else (place, str(local))
        remote = REMOTE + url.removeprefix("s3://")
        checked = self.peers.rclone(
            "check", "--download", *((local, remote) if up else (remote, local))
        )
        synced = self.peers.aws("s3", "sync", "--dryrun", "--no-progress", *plain)
        # MinIO lists milliseconds where HEAD and GET tell seconds: what is listed seems newer.
        sizes = ["--size-only"] if self.name == "minio" and not up else []
        dry = self.peers.s5cmd("--dry-run", "sync", *sizes, *s3)
        assert (synced.code, dry.code) == (0, 0), (synced, dry)
        return {
            "rclone check": checked.output if checked.code else "",
            "aws s3 sync": synced.output,
            "s5cmd sync": dry.output,
        }

    def _ends(self):
        bucket, folder = self.destination, self.source
        if bucket.kind != "S3":
            bucket, folder = folder, bucket
        return Path(folder.root), f"s3://{bucket.bucket}/{bucket.prefix}".rstrip("/")


NOTHING = dict.fromkeys(("rclone check", "aws s3 sync", "s5cmd sync"), "")


@pytest.fixture(params=SERVERS)
def pair(request, tmp_path, peers):
    """Makes a pair of two kinds at each of the servers."""
    server = request.getfixturevalue(request.param)
    client = server.client()
    name = make_bucket(client)
    yield lambda *kinds: Pair(
        tmp_path, server, client, name, kinds, name=request.param, peers=peers
    )
    remove_bucket(client, name)
    client.close()


def test_nothing_is_left_to_do_after_an_upload(pair):
    world = pair("posix", "s3")
    source = Path(world.source.root)
    grow(source)
    (source / "a/link").unlink()  # a link is an object to us, and to them nothing or its target
    if world.name == "s3_server":
        # aws compares two sorted listings; SeaweedFS lists a/ before a-b/, S3 after it.
        shutil.rmtree(source / "a-b")
        shutil.rmtree(source / "a.d")
    assert world.run().outcome == "Success"
    assert world.told() == NOTHING
    (source / "top").write_bytes(b"changed")
    found = world.told()
    assert all("top" in output for output in found.values()), found


def test_nothing_is_left_to_do_after_a_download(pair):
    """Of objects that state no time: a file then has the object's own, and they compare that."""
    world = pair("s3", "posix")
    for key, body in {
        "a/b/c": b"1",
        "a/ü +%": b"22",
        "large": bytes(20_000_000),
        "zero": b"",
    }.items():
        world.client.put_object(Bucket=world.bucket, Key=world.source.prefix + key, Body=body)
    assert world.run().counters.files_transferred == 4
    assert world.told() == NOTHING
    (Path(world.destination.root) / "a/b/c").write_bytes(b"changed")
    found = world.told()
    assert all("a/b/c" in output for output in found.values()), found


def test_the_time_that_rclone_states_is_the_files(pair):
    world = pair("s3", "posix")
    (world.tmp_path / "written").mkdir()
    path = world.tmp_path / "written/file"
    path.write_bytes(b"x")
    os.utime(path, ns=(5, 1_500_000_000_123_456_789))
    there = f"{REMOTE}{world.bucket}/{world.source.prefix}"
    said = world.peers.rclone("copy", path.parent, there)
    assert said.code == 0, said
    assert world.run().counters.files_transferred == 1
    found = (Path(world.destination.root) / "file").stat()
    assert found.st_mtime_ns == 1_500_000_000_123_456_789
    assert found.st_mode & 0o7777 == 0o755
    assert world.run().counters.files_skipped == 1


def test_the_mode_that_rclone_states_with_metadata_is_the_files(pair):
    world = pair("s3", "posix")
    (world.tmp_path / "written").mkdir()
    path = world.tmp_path / "written/file"
    path.write_bytes(b"x")
    path.chmod(0o640)
    there = f"{REMOTE}{world.bucket}/{world.source.prefix}"
    said = world.peers.rclone("copy", "--metadata", path.parent, there)
    assert said.code == 0, said
    assert world.run().counters.files_transferred == 1
    found = (Path(world.destination.root) / "file").stat()
    assert found.st_mode & 0o7777 == 0o640
    assert (found.st_uid, found.st_gid) == (path.stat().st_uid, path.stat().st_gid)
    assert world.run().counters.files_skipped == 1


STATED = {
    "storage-gateway": {
        "file-permissions": "0100640",
        "file-owner": "500",
        "file-group": "501",
        "file-mtime": "1595002920000000000ns",
        "file-atime": "1595002920000000000ns",
        "user-agent": "aws-storage-gateway",
    },
    "fsx-lustre": {
        "file-permissions": "0100640",
        "file-owner": "500",
        "file-group": "501",
        "file-atime": "1595002920000000000ns",
        "file-mtime": "1595002920000000000ns",
        "user-agent": "aws-fsx-lustre",
    },
    "s3-files": {
        "file-permissions": "0100640",
        "file-owner": "500",
        "file-group": "501",
        "file-mtime": "1595002920000000000ns",
        "file-btime": "1595002000000000000ns",
        "user-agent": "aws-s3-files",
    },
    "datasync, milliseconds": {
        "file-permissions": "0640",
        "file-owner": "500",
        "file-group": "501",
        "file-mtime": "1595002920000",
        "user-agent": "aws-datasync",
    },
    "datasync, seconds and nanoseconds": {
        "file-permissions": "0640",
        "file-owner": "500",
        "file-group": "501",
        "file-mtime": "1595002920/000000000",
        "user-agent": "aws-datasync",
    },
}
"""Published forms of the same metadata (FSx for Lustre, S3 Files, DataSync's log samples)."""


def test_what_awss_services_state_is_what_the_file_has(pair):
    world = pair("s3", "posix")
    for key, stated in STATED.items():
        world.client.put_object(
            Bucket=world.bucket, Key=world.source.prefix + key, Body=b"x", Metadata=stated
        )
    world.client.put_object(
        Bucket=world.bucket,
        Key=f"{world.source.prefix}folder/",
        Metadata={**STATED["storage-gateway"], "file-permissions": "0040750"},
    )
    assert world.run().counters.files_transferred == len(STATED)
    root = Path(world.destination.root)
    uid, gid = (os.geteuid(), os.getegid()) if os.geteuid() else (500, 501)
    wanted = (0o640, uid, gid, 1_595_002_920_000_000_000)
    for key in STATED:
        found = (root / key).stat()
        told = (found.st_mode & 0o7777, found.st_uid, found.st_gid, found.st_mtime_ns)
        assert told == wanted, key
    folder = (root / "folder").stat()
    if world.name == "s3_server":  # SeaweedFS keeps no metadata of a folder's marker
        assert folder.st_mode & 0o7777 == 0o755
    else:
        assert (folder.st_mode & 0o7777, folder.st_uid, folder.st_mtime_ns) == (
            0o750,
            *wanted[1::2],
        )
    again = world.run().counters
    assert (again.files_skipped, again.files_metadata_updated) == (len(STATED), 0)
