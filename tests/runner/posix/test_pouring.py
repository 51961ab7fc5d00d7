"""Ranges that are written in the loop as they come, while that is quick."""

import asyncio
import dataclasses
import errno
import os
import threading

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.parts import RANGE_BYTES, RANGES_AT_ONCE
from datasync_runner.storage import errors
from datasync_runner.storage.port import PouringReader
from datasync_runner.storage.posix import nearby
from datasync_runner.storage.posix.nearby import QUICK_SECONDS, Nearby
from datasync_runner.storage.values import Written
from runner.posix.large import Pouring, body, large

SIZE = 5 * RANGE_BYTES + 12_345


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """However busy the machine is that the tests run on."""
    monkeypatch.setattr(nearby, "QUICK_SECONDS", 60)


@pytest.fixture
def written_in(monkeypatch):
    """The threads that wrote pieces of files, one for each call."""
    threads: list[str] = []
    write = os.pwritev

    def pwritev(*arguments):
        threads.append(threading.current_thread().name)
        return write(*arguments)

    monkeypatch.setattr(os, "pwritev", pwritev)
    return threads


def file(tmp_path):
    return tmp_path / "root/d/large"


def left(tmp_path):
    return list((tmp_path / "root/d").iterdir())


@pytest.mark.parametrize("size", [0, 1, RANGE_BYTES, RANGE_BYTES + 1, SIZE])
async def test_ranges_are_written_in_the_loop(destination, tmp_path, written_in, size):
    content = body(size)
    reader, moved = Pouring(large(size), content), []
    assert isinstance(reader, PouringReader)
    written = await destination.write(reader.entry, reader, moved.append)
    assert written == Written(reader.entry, crc64(content), True)
    assert file(tmp_path).read_bytes() == content
    assert set(written_in) <= {threading.current_thread().name}
    assert (reader.held, sum(moved), reader.settled) == ([], size, True)


async def test_once_writing_was_slow_ranges_go_through_threads(
    destination, tmp_path, written_in, monkeypatch
):
    """As many are under way as are asked for at once; all that come behind them are held."""
    monkeypatch.setattr(nearby, "QUICK_SECONDS", 0)
    content = body(SIZE)
    reader = Pouring(large(SIZE), content)
    written = await destination.write(reader.entry, reader)
    assert (written.checksum, file(tmp_path).read_bytes()) == (crc64(content), content)
    assert len(reader.held) >= 6 - RANGES_AT_ONCE
    assert any(name.startswith("posix") for name in written_in)


async def test_no_range_is_slow_in_the_loop_by_many_pieces_that_are_not(
    destination, written_in, monkeypatch
):
    """A disk that takes 14 MB/s, so 18 ms for each of the 32 pieces that a range comes in."""
    now, write = destination._now, os.pwritev
    clock = [0.0]

    def slowly(*arguments):
        count = write(*arguments)
        clock[0] += count * 0.018 / (RANGE_BYTES / 32)
        return count

    monkeypatch.setattr(os, "pwritev", slowly)
    monkeypatch.setattr(nearby, "QUICK_SECONDS", QUICK_SECONDS)
    measured = Nearby(network=False, quick=True, clock=lambda: clock[0])
    now.place = dataclasses.replace(now.place, nearby=measured)
    content = body(SIZE)
    written = await destination.write(large(SIZE), Pouring(large(SIZE), content, pieces=32))
    assert written.checksum == crc64(content)
    assert written_in.count(threading.current_thread().name) == 2


@pytest.mark.parametrize("seconds", [60, 0], ids=["quick", "slow"])
async def test_a_range_that_is_sent_again_counts_once(destination, tmp_path, monkeypatch, seconds):
    monkeypatch.setattr(nearby, "QUICK_SECONDS", seconds)

    class Repeating(Pouring):
        async def pour(self, offset_bytes, size_bytes, sink):
            sink.begin()
            sink.take([b"of an answer that broke off"])
            await super().pour(offset_bytes, size_bytes, sink)

    content = body(SIZE)
    written = await destination.write(large(SIZE), Repeating(large(SIZE), content))
    assert (written.checksum, file(tmp_path).read_bytes()) == (crc64(content), content)


async def test_more_than_was_asked_for_is_never_written(destination, tmp_path, monkeypatch):
    """It would be another range's place, and the record of what is there."""
    places = []
    monkeypatch.setattr(
        os, "pwritev", lambda fd, pieces, at: places.append((at, sum(map(len, pieces))))
    )

    class TooMuch(Pouring):
        async def pour(self, offset_bytes, size_bytes, sink):
            sink.begin()
            sink.take([bytes(size_bytes + 1)])
            sink.take([b"more"])
            assert sink.taken_bytes == size_bytes + 5
            raise errors.Unavailable("it has another size")

    with pytest.raises(errors.Unavailable):
        await destination.write(large(SIZE), TooMuch(large(SIZE), body(SIZE)))
    assert (places, left(tmp_path)) == ([], [])


@pytest.mark.parametrize("where", ["in the loop", "in a thread"])
async def test_a_full_disk_is_told_and_leaves_nothing(destination, tmp_path, monkeypatch, where):
    write = os.pwritev

    def full(*arguments):
        in_loop = threading.current_thread() is threading.main_thread()
        if in_loop is (where == "in the loop"):
            raise OSError(errno.ENOSPC, "full")
        return write(*arguments)

    monkeypatch.setattr(nearby, "QUICK_SECONDS", 0)
    monkeypatch.setattr(os, "pwritev", full)
    with pytest.raises(errors.StorageError, match="space"):
        await destination.write(large(SIZE), Pouring(large(SIZE), body(SIZE)))
    assert left(tmp_path) == []


async def test_what_comes_after_a_stop_reaches_no_file(destination, tmp_path, written_in):
    """By then the descriptor may be another file's."""
    sinks = []

    class Stuck(Pouring):
        async def pour(self, offset_bytes, size_bytes, sink):
            if offset_bytes == 0:
                await super().pour(offset_bytes, size_bytes, sink)
                return
            sinks.append(sink)
            sink.begin()
            await asyncio.Event().wait()

    begun = asyncio.Event()
    entry = large(SIZE, etag="e1")
    reader = Stuck(entry, body(SIZE))
    task = asyncio.create_task(destination.write(entry, reader, lambda _: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    written_in.clear()
    assert len(sinks) == RANGES_AT_ONCE
    for sink in sinks:
        sink.take([b"late"])
    assert written_in == []


async def test_a_stopped_download_goes_on_behind_what_was_whole(destination, tmp_path):
    content, entry = body(SIZE), large(SIZE, etag="e1")
    begun = asyncio.Event()

    class Stuck(Pouring):
        async def pour(self, offset_bytes, size_bytes, sink):
            if offset_bytes == 0:
                await super().pour(offset_bytes, size_bytes, sink)
                return
            sink.begin()
            sink.take([content[offset_bytes : offset_bytes + size_bytes - 1]])
            await asyncio.Event().wait()

    task = asyncio.create_task(
        destination.write(entry, Stuck(entry, content), lambda _: begun.set())
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    again = Pouring(entry, content)
    await destination.write(entry, again)
    assert sorted(again.asked) == list(range(RANGE_BYTES, SIZE, RANGE_BYTES))
    assert file(tmp_path).read_bytes() == content
