"""Small files in batches: read as they are now, proven before they get their name."""

import os
from pathlib import Path

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.storage import errors
from datasync_runner.storage.posix.metadata import difference
from datasync_runner.storage.posix.small import GROUP, SmallWriter
from datasync_runner.storage.posix.turns import Turns, blocks_read
from datasync_runner.storage.values import Content
from runner.posix.large import MTIME_NS, storage
from runner.posix.rights import needs_root
from storage.sides import fine, listed

META = PosixMetadata(0o640, 1, 2, 3, 4)
COUNT = 2 * GROUP + 5


@pytest.fixture(params=[False, True], ids=["plain", "verifies"])
async def destination(tmp_path, request):
    made = storage(tmp_path / "root", verifies=request.param)
    await made.check()
    yield made
    await made.close()


@pytest.fixture
async def proving(tmp_path):
    """Proves what it writes, with a sync also where the tests' folder is in memory."""
    made = storage(tmp_path / "root")
    await made.check()
    now = made._now
    now.small = SmallWriter(now.folders, now.turns, verifies=True, syncs=True, network=False)
    yield made
    await made.close()


def content(key: bytes, body: bytes = b"body", **changes) -> Content:
    metadata = PosixMetadata(0o640, os.getuid(), os.getgid(), MTIME_NS, MTIME_NS)
    return Content(Entry(key, Kind.FILE, len(body), MTIME_NS, metadata._replace(**changes)), body)


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


async def test_a_batch_of_many_folders_is_written_and_read(destination, tmp_path):
    contents = [content(b"d%d/f%03d" % (n % 3, n), b"%d" % n) for n in range(COUNT)]
    written = fine(await destination.write_small(contents))
    assert [w.checksum for w in written] == [crc64(c.body) for c in contents]
    assert {w.proven for w in written} == {destination._verifies}
    found = [entry for entry in await listed(destination) if entry.kind is Kind.FILE]
    read = {c.entry.key: c.body for c in fine(await destination.read_small(found))}
    assert read == {c.entry.key: c.body for c in contents}
    assert fine(await destination.verify(written)) == written


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
@pytest.mark.parametrize("mode", [0, 0o200, 0o644, 0o777, 0o1644, 0o6755])
async def test_modes_are_right_whatever_the_umask(destination, tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        fine(await destination.write_small([content(b"f", mode=mode)]))
    finally:
        os.umask(before)
    assert (tmp_path / "root/f").stat().st_mode & 0o7777 == mode


async def test_owners_are_set_before_the_mode(destination, tmp_path):
    needs_root()
    fine(await destination.write_small([content(b"f", uid=1234, gid=2345, mode=0o6711)]))
    found = (tmp_path / "root/f").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (1234, 2345, 0o6711)


async def test_one_bad_file_fails_alone(destination, tmp_path):
    contents = [content(b"f%03d" % n) for n in range(COUNT)]
    contents[3] = content(b"a//b")
    contents[40] = content(b"n" * 256)
    (tmp_path / "root/f050").mkdir()
    answers = await destination.write_small(contents)
    failed = {a.key: type(a) for a in answers if isinstance(a, errors.StorageError)}
    assert failed == {
        b"a//b": errors.NameNotRepresentable,
        b"n" * 256: errors.NameNotRepresentable,
        b"f050": errors.Conflict,
    }
    assert len(files(tmp_path / "root")) == COUNT - 3


async def test_damaged_data_never_gets_the_name(proving, tmp_path, monkeypatch):
    fine(await proving.write_small([content(b"f1", b"old")]))
    sync = os.fdatasync

    def flip(fd):
        if os.pread(fd, 10, 0) == b"new":
            os.pwrite(fd, b"X", 1)
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", flip)
    answers = await proving.write_small([content(b"f1", b"new"), content(b"f2", b"other")])
    assert isinstance(answers[0], errors.VerificationFailed)
    assert answers[1].proven
    assert files(tmp_path / "root") == {"f1": b"old", "f2": b"other"}


async def test_metadata_that_does_not_stay_is_told(proving, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "utime", lambda *_, **__: None)
    (answer,) = await proving.write_small([content(b"f")])
    assert isinstance(answer, errors.VerificationFailed)
    assert "mtime_ns" in answer.message
    assert not files(tmp_path / "root")


async def test_in_memory_there_is_nothing_to_sync(proving, tmp_path, monkeypatch):
    now = proving._now
    now.small = SmallWriter(now.folders, now.turns, verifies=True, syncs=False, network=False)
    monkeypatch.delattr(os, "fdatasync")
    (written,) = fine(await proving.write_small([content(b"f")]))
    assert written.proven
    assert files(tmp_path / "root") == {"f": b"body"}


async def test_a_group_syncs_before_it_reads_and_renames_last(proving, monkeypatch):
    calls = []
    for name in ("fdatasync", "preadv", "rename"):
        call = getattr(os, name)

        def noted(*args, call=call, name=name, **options):
            calls.append(name)
            return call(*args, **options)

        monkeypatch.setattr(os, name, noted)
    fine(await proving.write_small([content(b"f%d" % n) for n in range(4)]))
    assert calls == ["fdatasync"] * 4 + ["preadv"] * 4 + ["rename"] * 4


async def test_links_are_proven_too(proving):
    entry = content(b"l").entry._replace(kind=Kind.SYMLINK, size_bytes=6)
    (written,) = fine(await proving.write_small([Content(entry, b"target")]))
    assert written.proven


async def test_a_file_is_read_as_it_is_now(destination, tmp_path):
    fine(await destination.write_small([content(b"f", b"listed")]))
    entries = await listed(destination)
    assert fine(await destination.read_small(entries))[0].entry is entries[0]
    (tmp_path / "root/f").write_bytes(b"longer than listed")
    (found,) = fine(await destination.read_small(entries))
    assert (found.entry.size_bytes, found.body) == (18, b"longer than listed")
    (tmp_path / "root/f").chmod(0o600)
    os.utime(tmp_path / "root/f", ns=(5, 5))
    (found,) = fine(await destination.read_small(entries))
    assert (found.entry.metadata.mode, found.entry.mtime_ns) == (0o600, 5)


async def test_a_file_that_becomes_a_pipe_is_not_drained(destination, tmp_path):
    fine(await destination.write_small([content(b"f")]))
    entries = await listed(destination)
    (tmp_path / "root/f").unlink()
    os.mkfifo(tmp_path / "root/f")
    pipe = os.open(tmp_path / "root/f", os.O_RDWR)
    os.write(pipe, b"for somebody else")
    (answer,) = await destination.read_small(entries)
    assert isinstance(answer, errors.Conflict)
    assert os.read(pipe, 100) == b"for somebody else"
    os.close(pipe)


def test_turns_are_taken_only_where_calls_answer_from_memory():
    local, network = Turns(network=False), Turns(network=True)
    with local.taken(), network.taken(), network.taken():
        assert blocks_read() >= 0
    with local.taken():
        pass


@pytest.mark.parametrize(
    ("kind", "wanted", "problem"),
    [
        (Kind.FILE, META._replace(mtime_ns=7), "its mtime_ns is"),
        (Kind.FILE, META._replace(mode=0o600), "its mode is"),
        (Kind.SYMLINK, META._replace(mtime_ns=7, mode=0o600), ""),
        (Kind.SYMLINK, META._replace(uid=7), "its uid is"),
    ],
)
def test_the_time_and_the_mode_of_a_link_do_not_count(kind, wanted, problem):
    assert difference(wanted, META, kind).startswith(problem)
    assert bool(difference(wanted, META, kind)) == bool(problem)
