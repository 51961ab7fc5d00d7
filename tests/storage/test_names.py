"""Every awkward name from a real tree to a real server and back, and to a real share: stored as it is,
or told."""

import os
from contextlib import suppress

import pytest

from awkward_names import CONFLICT, NO_NAME, NOT_THERE, STORED, TABLE, UNLISTED
from datasync_runner.storage.posix.storage import PosixStorage
from datasync_runner.storage.smb.storage import SmbStorage
from fakes.storage import FakeStorage
from fixtures.s3 import bucket_of
from runner.engine.test_names import contents, run
from storage.looks import started
from storage.sides import credentials, posix_side, s3_side
from storage.test_runs import World

ROWS = [row for row in TABLE if row.to_objects != NOT_THERE]
KEYS = {key: row.to_objects for row in ROWS for key in row.keys}


def source_of(row, folder):
    """The names in a folder; of those that no folder can have, in a bucket."""
    if row.to_objects == NOT_THERE:
        bucket = FakeStorage(objects=True)
        for key in row.keys:
            bucket.put(key, b"" if key.endswith(b"/") else b"body of " + key)
        return bucket
    plant(folder, row.keys)
    return PosixStorage(posix_side(folder), writes=False, sets_owner=False, started_ns=0)


def plant(root, keys):
    """Files with their own names in them, made folder by folder: some paths are too long."""
    root = os.fsencode(root)
    for key in keys:
        fd = os.open(root, os.O_RDONLY)
        *folders, name = key.split(b"/")
        for folder in folders:
            with suppress(FileExistsError):
                os.mkdir(folder, dir_fd=fd)
            below = os.open(folder, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=fd)
        os.write(file, b"body of " + key)
        os.close(file)
        os.close(fd)


def logged(folder, source, destination, **options):
    """A run to its end, whatever became of its files: exit code and log."""
    with started(folder, source, destination, **options) as process:
        code = process.wait(timeout=60)
    return code, (folder / "log").read_text()


@pytest.mark.timeout(60)
def test_a_tree_of_awkward_names_goes_there_and_back(tmp_path, s3_server, bucket):
    for name in ("tree", "back"):
        (tmp_path / name).mkdir()
    plant(tmp_path / "tree", KEYS)
    side = s3_side(s3_server, bucket, credentials(tmp_path / "secret", s3_server))
    code, log = logged(tmp_path, posix_side(tmp_path / "tree"), side)
    assert code == 0, log
    told = [line for line in log.splitlines() if NO_NAME in line and '"path"' in line]
    assert len(told) == sum(fate == NO_NAME for fate in KEYS.values()), log
    code, log = logged(tmp_path, side, posix_side(tmp_path / "back"))
    assert code == 0, log
    found, _ = contents(tmp_path / "back")
    # This server reads a backslash as a slash.
    wanted = {
        key.replace(b"\\", b"/"): b"body of " + key for key, fate in KEYS.items() if fate == STORED
    }
    assert found == wanted
    assert UNLISTED in KEYS.values()


@pytest.mark.parametrize("row", TABLE, ids=[row.what for row in TABLE])
async def test_to_a_share(row, tmp_path, smb_server, smb_folder):
    """Twice: what is there stays the same, and what fails fails again."""
    (tmp_path / "tree").mkdir()
    source = source_of(row, tmp_path / "tree")
    side = smb_server.side(smb_server.credentials(tmp_path / "login"), f"{smb_folder.name}/")
    told = row.to_share not in (STORED, UNLISTED)
    failing = set(row.failing_on_share or row.keys) if told else set()
    for first in (True, False):
        share = SmbStorage(side, writes=True, started_ns=0)
        tally, failures = await run(source, share, side)
        await share.close()
        found, _ = contents(smb_folder)
        if first and row.to_share == CONFLICT and failing == set(row.keys):
            failing -= found.keys()  # the twin that came first, whichever it is
            assert len(failing) == len(row.keys) - 1
        assert failures == {key.removesuffix(b"/"): row.to_share for key in failing}
        stored = set(row.keys) - failing if row.to_share != UNLISTED else set()
        assert found == {key: b"body of " + key for key in stored}
        assert tally.files_transferred == (len(stored) if first else 0)
    await source.close()


@pytest.mark.parametrize("kind", ["s3", "posix"])
def test_an_object_that_is_named_as_a_folder_and_has_content_is_told(tmp_path, minio, kind):
    """A folder keeps no content: it is not lost in silence, and its counterpart stays."""
    with bucket_of(minio) as (client, bucket):
        world = World(tmp_path, minio, client, bucket, ("s3", kind))
        for key, body in {"d/": b"content", "d/f": b"x", "e/": b""}.items():
            client.put_object(Bucket=bucket, Key=f"source/{key}", Body=body)
        if kind == "s3":
            client.put_object(Bucket=bucket, Key="destination/d/", Body=b"before")
        for due in (1, 0):
            result = world.run(
                preserveDeletedFiles="Remove", rules={"guards": {"maxDeletePercent": 100}}
            )
            (failure,) = result.failures
            assert (result.outcome, failure.code, failure.count) == ("Error", NO_NAME, 1)
            assert (failure.sample_path, result.counters.files_transferred) == ("/d", due)
            assert world.contents(world.destination) == {"d/f": b"x"}
        if kind == "s3":
            kept = client.get_object(Bucket=bucket, Key="destination/d/")["Body"].read()
            assert kept == b"before"
