"""Runs that are killed at any moment: the next run puts everything right and leaves nothing behind."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from fixtures import s3
from storage.looks import (
    MIB,
    Plain,
    files,
    grow,
    kill,
    run,
    same,
    started,
    tree_of,
    uploads,
    wait_for,
)
from storage.sides import credentials, posix_side, s3_side

MOMENTS = 15
SMALL = 200
LARGE = (9 * MIB, 34 * MIB)
BYTES_PER_SECOND = 24 * MIB
LAST_SECONDS = 1.6
"""Less than the large files alone take at that rate, so that each kill meets a run."""


@pytest.fixture(scope="module")
def tree():
    return tree_of(SMALL, LARGE)


@pytest.fixture(scope="module")
def restored(s3_server, s3_client, tree):
    """A bucket that holds the tree below a/, for all tests to read."""
    bucket = s3.make_bucket(s3_client)
    Plain(s3_server.endpoint, s3_server, bucket).fill("a/", tree)
    yield bucket
    s3.remove_bucket(s3_client, bucket)


@pytest.fixture(scope="module")
def source(tmp_path_factory, tree):
    root = tmp_path_factory.mktemp("source")
    grow(root, tree)
    return root


@pytest.fixture
def proxy(fault_proxy):
    """A slow way to the server."""
    proxy = fault_proxy(permille=0)
    proxy.configure(bytes_per_second=BYTES_PER_SECOND)
    return proxy


class Upload:
    """A folder's way into an empty bucket."""

    def __init__(self, tmp_path, server, client, bucket, source, endpoint):
        self.client, self.bucket = client, bucket
        self.plain = Plain(server.endpoint, server, bucket)
        side = s3_side(server, bucket, credentials(tmp_path / "secret", server), "p/")
        self.sides = posix_side(source), side.model_copy(update={"endpoint": endpoint})

    def is_right(self, tree):
        same(self.plain.files(self.client, "p/"), tree)
        left = uploads(self.client, self.bucket)
        assert left == []


class Restore:
    """A bucket's way into an empty folder."""

    def __init__(self, tmp_path, server, client, bucket, endpoint):
        self.back = tmp_path / "back"
        self.back.mkdir()
        side = s3_side(server, bucket, credentials(tmp_path / "secret", server), "a/")
        self.sides = side.model_copy(update={"endpoint": endpoint}), posix_side(self.back)

    def is_right(self, tree):
        same(files(self.back), tree)  # temporary files would be among them


@pytest.fixture
def upload(tmp_path, s3_server, s3_client, bucket, source, proxy):
    return Upload(tmp_path, s3_server, s3_client, bucket, source, proxy.endpoint)


@pytest.fixture
def restore(tmp_path, s3_server, s3_client, restored, proxy):
    return Restore(tmp_path, s3_server, s3_client, restored, proxy.endpoint)


def moment(number, direction):
    """Seconds after the first request: at random, but spread over the whole run."""
    return (number + random.Random(f"{direction}{number}").random()) * LAST_SECONDS / MOMENTS


def pause(seconds, process):
    """Let a run go on for so long; it must not end by itself."""
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


def killed_and_run_again(way, proxy, folder, seconds, tree):
    with started(folder, *way.sides) as process:
        wait_for(lambda: proxy.stats().requests, "the first request", process)
        pause(seconds, process)
        kill(process)
    proxy.configure(bytes_per_second=0)
    run(folder, *way.sides)
    way.is_right(tree)


@pytest.mark.parametrize("number", range(MOMENTS))
def test_an_upload_killed(upload, proxy, tmp_path, tree, number):
    killed_and_run_again(upload, proxy, tmp_path, moment(number, "up"), tree)


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_restore_killed(restore, proxy, tmp_path, tree, number):
    killed_and_run_again(restore, proxy, tmp_path, moment(number, "down"), tree)


def session(leader):
    """Processes of the leader's session that run, by id."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, sid = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(sid) == leader and state != "Z":
            members.append(int(stat.parent.name))
    return members


@pytest.mark.timeout(40)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_workers_end_when_their_leader_is_killed(direction, request, proxy, tmp_path, tree):
    """As when the kernel ends the largest process; nobody is left to end the others."""
    way = request.getfixturevalue({"up": "upload", "down": "restore"}[direction])
    with started(tmp_path, *way.sides) as process:
        wait_for(lambda: proxy.stats().requests > 50, "a run in full swing", process)
        workers = set(session(process.pid)) - {process.pid}
        assert workers or os.cpu_count() == 1
        process.kill()
        process.wait()
        wait_for(lambda: not session(process.pid), "the workers' end")
    proxy.configure(bytes_per_second=0)
    run(tmp_path, *way.sides)
    way.is_right(tree)
