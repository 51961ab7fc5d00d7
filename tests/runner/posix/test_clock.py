"""The stamps of a real file system: before what comes, after what was, and which one it is."""

import os

import pytest

from datasync_runner.storage.errors import Full
from datasync_runner.storage.posix import clock as posix_clock
from datasync_runner.storage.posix.storage import PosixStorage
from storage.sides import posix_side


@pytest.fixture
def root_fd(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("network", [False, True])
def test_what_is_changed_from_now_on_is_stamped_later(tmp_path, network):
    stamp_ns = posix_clock.earliest_stamp_ns(network=network)
    (tmp_path / "f").touch()
    assert (tmp_path / "f").stat().st_ctime_ns >= stamp_ns


def test_a_file_server_gets_the_larger_margin():
    local, remote = (posix_clock.earliest_stamp_ns(network=network) for network in (False, True))
    assert local - remote > 290 * posix_clock.NS


def test_what_was_changed_until_now_is_stamped_no_later(tmp_path, root_fd):
    (tmp_path / "f").touch()
    stamp_ns = posix_clock.latest_stamp_ns(root_fd)
    assert (tmp_path / "f").stat().st_ctime_ns <= stamp_ns
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert posix_clock.standing(root_fd).changed_ns >= stamp_ns


def test_what_a_killed_run_left_is_no_hindrance(tmp_path, root_fd):
    planted = tmp_path / os.fsdecode(posix_clock.temporary_name(b"clock"))
    planted.symlink_to(tmp_path / "elsewhere")
    posix_clock.latest_stamp_ns(root_fd)
    assert list(tmp_path.iterdir()) == []


def test_another_folder_in_the_same_place_is_another_root(tmp_path):
    found = []
    for _ in range(2):
        (tmp_path / "root").mkdir()
        fd = os.open(tmp_path / "root", os.O_RDONLY)
        found.append(posix_clock.standing(fd).root)
        os.close(fd)
        (tmp_path / "root").rename(tmp_path / "old")
    assert found[0] != found[1]


async def test_a_destination_that_may_not_be_written_to_says_so(tmp_path, monkeypatch):
    storage = PosixStorage(posix_side(tmp_path), writes=True, sets_owner=False, started_ns=0)
    await storage.check()

    def full(folder_fd, path, mode=0o600):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(posix_clock, "create", full)
    with pytest.raises(Full):
        await storage.latest_stamp()
    await storage.close()
