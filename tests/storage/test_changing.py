"""A file that changes while it is read is read again, three times in all, then reported as such.

What arrives is always one state of the file, and never counts as corruption.
"""

import os

import pytest

from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.storage.posix import read as posix_read
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.smb import reading
from storage.test_baseline import World

SOURCES = ["posix", "smb", "s3"]
LARGE = SMALL_BYTES + 5


@pytest.fixture(params=SOURCES)
def world(request, tmp_path, s3_server, s3_client, bucket):
    needs = ("smb_server", "smb_folder") if request.param == "smb" else ()
    smb = [request.getfixturevalue(name) for name in needs]
    return World(tmp_path, s3_server, s3_client, bucket, (request.param, "posix"), smb)


def body(number, size):
    return bytes([number]) * (size + number)


def hooked(name, happens):
    """The source's method, with something that happens when it is called, or right after."""

    def hook(storage):
        plain = getattr(storage, name)

        async def call(*args):
            if name == "open":
                reader = await plain(*args)
                happens()
                return reader
            happens()
            return await plain(*args)

        setattr(storage, name, call)

    return hook


@pytest.mark.parametrize("size", [100, LARGE], ids=["small", "large"])
async def test_what_changed_since_it_was_listed_is_read_as_it_is(world, size):
    world.write(0, "f", body(0, size))
    name = "open" if size == LARGE else "read_small"
    times = iter([1])

    def replace():
        for number in times:
            world.write(0, "f", body(number, size), 1_600_000_000_000_000_000)

    board = await world.run(source=hooked(name, replace))
    assert world.read(1, "f") == body(1, size)
    assert (board.tally.files_transferred, board.tally.files_verified) == (1, 1)


@pytest.mark.parametrize("changes", [2, 3])
async def test_a_large_file_is_read_again_and_then_given_up(world, changes):
    world.write(0, "f", body(0, LARGE))
    numbers = iter(range(1, changes + 1))

    def replace():
        number = next(numbers, None)
        if number is not None:
            world.write(0, "f", body(number, LARGE), 1_500_000_000_000_000_000 + number * 10**9)

    given_up = {"ChangedDuringTransfer": 1} if changes == 3 else {}
    board = await world.run(expect=given_up, source=hooked("open", replace))
    assert board.tally.files_transferred == (0 if given_up else 1)
    assert not board.tally.mismatched
    assert next(numbers, None) is None
    if given_up:
        assert list(world.destination.iterdir()) == []
    else:
        assert world.read(1, "f") == body(changes, LARGE)


@pytest.fixture
def scribbled(world, monkeypatch):
    """Somebody writes to the small file whenever it is being read: how often that was."""
    times = []

    def scribble():
        times.append(len(times) + 1)
        world.write(0, "f", body(times[-1] + 5, 100), 1_500_000_000_000_000_000 + times[-1] * 10**9)

    read, pieces, start = os.read, reading.pieces, Client.start

    def read_and_scribble(fd, size):
        found = read(fd, size)
        if len(found) > 1:  # and not the look for more
            scribble()
        return found

    def pieces_and_scribble(*args, **more):
        yield from pieces(*args, **more)
        scribble()

    def scribble_and_get(self, call, finish):
        if call.operation == "GetObject":
            scribble()
        start(self, call, finish)

    kind = world.kinds[0]
    if kind == "posix":
        monkeypatch.setattr(posix_read.os, "read", read_and_scribble)
    elif kind == "smb":
        monkeypatch.setattr(reading, "pieces", pieces_and_scribble)
    else:
        monkeypatch.setattr(Client, "start", scribble_and_get)
    return times


async def test_a_small_file_is_read_three_times_and_then_given_up(world, scribbled):
    world.write(0, "f", body(0, 100))
    first = iter([1])

    def replace():
        for number in first:
            world.write(0, "f", body(number + 2, 100), 1_400_000_000_000_000_000)

    board = await world.run(
        expect={"ChangedDuringTransfer": 1}, source=hooked("read_small", replace)
    )
    assert scribbled == [1, 2, 3]
    assert board.tally.files_transferred == 0
    assert list(world.destination.iterdir()) == []
