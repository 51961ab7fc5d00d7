"""Large files: fetched by ranges, copied between file systems, proven before they get their name."""

import errno
import os
from dataclasses import replace

import pytest

from datasync_runner.checksums import combine, crc64, crc64_of_zeros
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import MIB, RANGE_BYTES, RANGES_AT_ONCE
from datasync_runner.storage import errors
from datasync_runner.storage.port import RangedReader
from datasync_runner.storage.posix import copy as posix_copy
from datasync_runner.storage.posix import large as posix_large
from datasync_runner.storage.throttle import Throttle
from datasync_runner.storage.values import Written
from runner.posix.large import MTIME_NS, Ranges, body, large, storage

SIZE = 5 * RANGE_BYTES + 12_345


@pytest.fixture
async def source(tmp_path):
    made = storage(tmp_path / "source", writes=False)
    await made.check()
    yield made
    await made.close()


def names(tmp_path):
    return sorted(str(p.relative_to(tmp_path / "root")) for p in (tmp_path / "root").rglob("*"))


async def copy(source, destination, key=b"f"):
    reader = await source.open(Entry(key, Kind.FILE))
    try:
        return await destination.write(reader.entry, reader)
    finally:
        await reader.close()


@pytest.mark.parametrize("size", [0, 1, RANGE_BYTES, RANGE_BYTES + 1, SIZE])
async def test_ranges_become_the_file(destination, tmp_path, size):
    content = body(size)
    reader = Ranges(large(size), content)
    moved = []
    written = await destination.write(reader.entry, reader, moved.append)
    assert written == Written(reader.entry, crc64(content), True)
    assert (tmp_path / "root/d/large").read_bytes() == content
    found = (tmp_path / "root/d/large").stat()
    assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o640, MTIME_NS)
    assert sorted(reader.asked) == list(range(0, size, RANGE_BYTES))
    assert (sum(moved), reader.settled) == (size, True)
    assert names(tmp_path) == ["d", "d/large"]


async def test_ranges_come_in_many_pieces(destination, tmp_path):
    content = body(RANGE_BYTES)
    reader = Ranges(large(len(content)), content, pieces=3000)
    await destination.write(reader.entry, reader)
    assert (tmp_path / "root/d/large").read_bytes() == content


async def test_a_bounded_number_of_ranges_is_in_flight(destination):
    content, flying, most = body(SIZE), 0, 0

    class Counting(Ranges):
        async def read_at(self, offset_bytes, size_bytes):
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            await posix_large.asyncio.sleep(0)
            found = await super().read_at(offset_bytes, size_bytes)
            flying -= 1
            return found

    reader = Counting(large(SIZE), content)
    await destination.write(reader.entry, reader)
    assert most == RANGES_AT_ONCE


def damaged(reader):
    reader.checksum ^= 1


def shorter(reader):
    reader.content = reader.content[:-1]


def other_size(reader):
    reader.entry = reader.entry._replace(size_bytes=SIZE + 1)


def unavailable(reader):
    async def read_at(offset_bytes, size_bytes):
        raise errors.Unavailable("gone")

    reader.read_at = read_at


def changed(reader):
    async def settle():
        raise errors.ChangedDuringTransfer("another state")

    reader.settle = settle


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (damaged, errors.Unavailable),
        (shorter, errors.Unavailable),
        (other_size, errors.ChangedDuringTransfer),
        (unavailable, errors.Unavailable),
        (changed, errors.ChangedDuringTransfer),
    ],
)
async def test_what_arrives_wrong_leaves_nothing(destination, tmp_path, fault, expected):
    reader = Ranges(large(SIZE, etag="e"), body(SIZE))
    fault(reader)
    with pytest.raises(expected):
        await destination.write(large(SIZE, etag="e"), reader)
    assert names(tmp_path) == ["d"]


async def test_damage_on_the_way_to_the_disk_never_gets_the_name(
    destination, tmp_path, monkeypatch
):
    (tmp_path / "root/d").mkdir()
    (tmp_path / "root/d/large").write_text("old")
    sync = os.fdatasync

    def flip(fd):
        os.pwrite(fd, b"\xff", SIZE // 2)
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", flip)
    with pytest.raises(errors.VerificationFailed):
        await destination.write(large(SIZE), Ranges(large(SIZE), body(SIZE)))
    assert (tmp_path / "root/d/large").read_text() == "old"
    assert names(tmp_path) == ["d", "d/large"]


async def test_our_reader_reads_by_ranges(source, tmp_path):
    content = body(3 * MIB)
    (tmp_path / "source/f").write_bytes(content)
    reader = await source.open(Entry(b"f", Kind.FILE))
    assert isinstance(reader, RangedReader)
    assert b"".join(await reader.read_at(MIB, 1000)) == content[MIB : MIB + 1000]
    await reader.settle()
    with pytest.raises(errors.ChangedDuringTransfer):
        await reader.read_at(3 * MIB - 1, 2)
    os.utime(tmp_path / "source/f")
    with pytest.raises(errors.ChangedDuringTransfer):
        await reader.settle()
    await reader.close()


@pytest.mark.parametrize("in_kernel", [False, True])
@pytest.mark.parametrize("size", [0, 1, posix_copy.STEP_BYTES + 4097])
async def test_files_are_copied(source, destination, tmp_path, monkeypatch, in_kernel, size):
    monkeypatch.setattr(destination._now, "place", place(destination, in_kernel))
    content = body(size)
    (tmp_path / "source/f").write_bytes(content)
    written = await copy(source, destination)
    assert (tmp_path / "root/f").read_bytes() == content
    assert (written.checksum, written.proven) == (crc64(content), True)


def place(destination, in_kernel):
    now = destination._now.place
    return replace(now, copies=lambda _: in_kernel)


@pytest.mark.parametrize("in_kernel", [False, True])
async def test_holes_stay_holes(source, destination, tmp_path, monkeypatch, in_kernel):
    monkeypatch.setattr(destination._now, "place", place(destination, in_kernel))
    size = 300 * MIB
    with (tmp_path / "source/f").open("wb") as file:
        file.truncate(size)
        for at in (0, 100 * MIB + 5, 200 * MIB):
            file.seek(at)
            file.write(b"data")
    written = await copy(source, destination)
    found = (tmp_path / "root/f").stat()
    assert found.st_size == size
    assert found.st_blocks * 512 < 1 * MIB
    zeros = bytes(MIB)
    whole = 0
    with (tmp_path / "source/f").open("rb") as one, (tmp_path / "root/f").open("rb") as other:
        while chunk := one.read(MIB):
            assert chunk == other.read(MIB)
            whole = crc64(chunk, whole)
    assert written.checksum == whole
    assert crc64_of_zeros(MIB) == crc64(zeros)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
async def test_what_the_kernel_cannot_copy_is_copied_here(
    source, destination, tmp_path, monkeypatch, number
):
    monkeypatch.setattr(destination._now, "place", place(destination, True))

    def refuse(*_):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    (tmp_path / "source/f").write_bytes(body(MIB + 1))
    await copy(source, destination)
    assert (tmp_path / "root/f").read_bytes() == body(MIB + 1)


async def test_a_file_that_changes_while_it_is_copied_leaves_nothing(
    source, destination, tmp_path, monkeypatch
):
    (tmp_path / "source/f").write_bytes(body(MIB))
    step = posix_copy.Copy.step

    def touched(self, most_bytes):
        with (tmp_path / "source/f").open("ab") as file:
            file.write(b"x")
        return step(self, most_bytes)

    monkeypatch.setattr(posix_copy.Copy, "step", touched)
    with pytest.raises(errors.ChangedDuringTransfer):
        await copy(source, destination)
    assert names(tmp_path) == []


async def test_copies_are_charged(source, tmp_path, monkeypatch):
    now = 0.0

    async def sleep(seconds):
        nonlocal now
        now += seconds

    monkeypatch.setattr(posix_large.asyncio, "sleep", sleep)
    throttle = Throttle(4 * MIB, clock=lambda: now)
    destination = storage(tmp_path / "root", throttle=throttle)
    await destination.check()
    (tmp_path / "source/f").write_bytes(body(40 * MIB))
    await copy(source, destination)
    assert now == pytest.approx(10, rel=0.05)
    await destination.close()
    throttle.close()


@pytest.mark.parametrize("size", [0, 1, 7, 4096, 123_457])
def test_checksums_combine(size):
    first, second = body(1000), body(size)
    assert combine(crc64(first), crc64(second), size) == crc64(first + second)
    assert crc64_of_zeros(size) == crc64(bytes(size))
