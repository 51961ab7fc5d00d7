"""A killed download goes on, and nothing is trusted that its bytes do not prove."""

import asyncio
import os
import subprocess
import sys

import pytest

from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage.posix import resume as posix_resume
from datasync_runner.storage.temporary_names import temporary_name
from fixtures.testbed import ROOT
from runner.posix.large import Ranges, body, large

SIZE = 5 * RANGE_BYTES + 12_345
DONE = 3
LEFT = [number * RANGE_BYTES for number in range(DONE, 6)]


@pytest.fixture
def killed(tmp_path):
    """The temporary file that a killed run left, three of its six ranges written."""
    writer = [sys.executable, "-m", "runner.posix.killed_writer"]
    with subprocess.Popen(
        [*writer, str(tmp_path / "root"), str(SIZE), str(DONE)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
    ) as process:
        assert process.stdout.readline() == b"there\n"
        process.kill()
    left = tmp_path / "root/d" / os.fsdecode(temporary_name(b"large"))
    assert left.stat().st_size > SIZE
    return left


async def fetch(destination, tmp_path, etag="e1", content=None):
    content = content or body(SIZE)
    reader = Ranges(large(SIZE, etag=etag), content)
    await destination.write(reader.entry, reader)
    assert (tmp_path / "root/d/large").read_bytes() == content
    assert len(list((tmp_path / "root/d").iterdir())) == 1
    return sorted(reader.asked)


async def test_a_killed_download_goes_on(destination, tmp_path, killed):
    assert await fetch(destination, tmp_path) == LEFT


async def test_what_was_there_is_told_apart_from_what_travels(destination, killed):
    told = {False: 0, True: 0}

    def moved(size_bytes, *, resumed=False):
        told[resumed] += size_bytes

    reader = Ranges(large(SIZE, etag="e1"), body(SIZE))
    await destination.write(reader.entry, reader, moved)
    there = DONE * RANGE_BYTES
    assert told == {True: there, False: SIZE - there}


async def test_a_cancelled_download_goes_on(destination, tmp_path):
    class Stuck(Ranges):
        async def read_at(self, offset_bytes, size_bytes):
            if offset_bytes >= DONE * RANGE_BYTES:
                await asyncio.Event().wait()
            return await super().read_at(offset_bytes, size_bytes)

    there = asyncio.Event()
    here = 0

    def moved(size_bytes, *, resumed=False):
        nonlocal here
        assert not resumed
        here += size_bytes
        if here == DONE * RANGE_BYTES:
            there.set()

    reader = Stuck(large(SIZE, etag="e1"), body(SIZE))
    task = asyncio.create_task(destination.write(reader.entry, reader, moved))
    await there.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await fetch(destination, tmp_path) == LEFT


async def test_a_download_without_etag_leaves_nothing_when_cancelled(destination, tmp_path):
    class Stuck(Ranges):
        async def read_at(self, offset_bytes, size_bytes):
            begun.set()
            await asyncio.Event().wait()

    begun = asyncio.Event()
    reader = Stuck(large(SIZE), body(SIZE))
    task = asyncio.create_task(destination.write(reader.entry, reader))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list((tmp_path / "root/d").iterdir())


async def test_another_state_of_the_source_begins_anew(destination, tmp_path, killed):
    content = b"new" + body(SIZE)[3:]
    assert len(await fetch(destination, tmp_path, etag="e2", content=content)) == 6


async def test_a_damaged_range_is_fetched_again(destination, tmp_path, killed):
    with killed.open("r+b") as file:
        file.seek(RANGE_BYTES + 17)
        file.write(b"\xff")
    assert await fetch(destination, tmp_path) == [RANGE_BYTES, *LEFT]


async def test_a_torn_slot_counts_as_nothing(destination, tmp_path, killed):
    with killed.open("r+b") as file:
        file.seek(SIZE + 48 + 16)
        file.write(b"\xff")
    assert await fetch(destination, tmp_path) == [RANGE_BYTES, *LEFT]


async def test_a_record_that_was_cut_off_begins_anew(destination, tmp_path, killed):
    os.truncate(killed, SIZE)
    assert len(await fetch(destination, tmp_path)) == 6


async def test_a_file_with_two_names_is_never_written(destination, tmp_path, killed):
    other = tmp_path / "other"
    other.hardlink_to(killed)
    before = other.read_bytes()
    assert len(await fetch(destination, tmp_path)) == 6
    assert other.read_bytes() == before


async def test_a_planted_link_is_never_followed(destination, tmp_path, killed):
    outside = tmp_path / "outside"
    killed.rename(outside)
    killed.symlink_to(outside)
    before = outside.read_bytes()
    assert len(await fetch(destination, tmp_path)) == 6
    assert outside.read_bytes() == before


async def test_a_file_that_a_living_writer_holds_is_left_to_it(destination, tmp_path):
    class Waiting(Ranges):
        async def read_at(self, offset_bytes, size_bytes):
            if offset_bytes >= DONE * RANGE_BYTES:
                begun.set()
                await go.wait()
            return await super().read_at(offset_bytes, size_bytes)

    begun, go = asyncio.Event(), asyncio.Event()
    first = Waiting(large(SIZE, etag="e1"), body(SIZE))
    task = asyncio.create_task(destination.write(first.entry, first))
    await begun.wait()
    assert len(await fetch(destination, tmp_path)) == 6
    go.set()
    with pytest.raises(Exception, match="No such file"):
        await task
    assert (tmp_path / "root/d/large").read_bytes() == body(SIZE)


def test_a_head_names_one_state():
    entry = large(SIZE, etag="e1")
    others = [
        large(SIZE, etag="e2"),
        large(SIZE + 1, etag="e1"),
        large(SIZE, etag="e1", key=b"d/other"),
    ]
    assert posix_resume.identity_of(entry) == posix_resume.identity_of(entry)
    assert posix_resume.identity_of(entry) not in map(posix_resume.identity_of, others)
    assert posix_resume.identity_of(large(SIZE)) is None
