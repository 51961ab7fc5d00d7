"""Two runs that write the same file at once: the later one wins, and the earlier one says so.

What one of them calls transferred and verified is never what the other has written half.
"""

import itertools
import os

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.posix.new import NewFile
from datasync_runner.storage.posix.small import SmallWriter
from datasync_runner.storage.posix.target import Target
from datasync_runner.storage.values import Content, Written
from runner.posix.large import MTIME_NS, body, large, storage

SIZE = RANGE_BYTES + 1


@pytest.fixture(params=[False, True], ids=["plain", "verifies"])
def verifies(request):
    return request.param


@pytest.fixture
async def root(tmp_path, verifies):
    made = storage(tmp_path / "root", verifies=verifies)
    await made.check()
    yield made
    await made.close()


async def test_a_large_file(root, tmp_path, verifies):
    content = body(SIZE)
    earlier, later = (
        Target(root._now.folders, large(SIZE), allocates=True) for _ in ("earlier", "later")
    )
    earlier.begin(None)
    earlier.allocate()
    earlier.write_range([content], 0)
    later.begin(None)
    later.allocate()
    later.write_range([content[:RANGE_BYTES]], 0)

    with pytest.raises(errors.Overtaken, match="another run"):
        earlier.commit(crc64(content), verifies=verifies)
    earlier.discard()
    assert not (tmp_path / "root/d/large").exists()

    later.write_range([content[RANGE_BYTES:]], RANGE_BYTES)
    later.commit(crc64(content), verifies=verifies)
    assert (tmp_path / "root/d/large").read_bytes() == content


@pytest.fixture
def later(tmp_path):
    """The other run's file of the same name, half written as soon as `takes` is called."""
    folder_fd = os.open(tmp_path / "root", os.O_DIRECTORY)
    later = NewFile(Content(Entry(b"taken", Kind.FILE, 9, MTIME_NS), b"the later"))
    yield later, lambda: later.folder_fd < 0 and later.create(folder_fd, b"taken")
    later.discard()
    os.close(folder_fd)


def after(monkeypatch, name, then, *, when=lambda *_: True):
    """Have this happen behind a call of the system."""
    call = getattr(os, name)

    def followed(*args, **options):
        answer = call(*args, **options)
        if when(*args):
            then()
        return answer

    monkeypatch.setattr(os, name, followed)


async def of_three_the_second_is_overtaken(root, tmp_path, later):
    names = (b"a", b"taken", b"z")
    contents = [Content(Entry(name, Kind.FILE, len(name), MTIME_NS), name) for name in names]
    answers = await root.write_small(contents)
    assert [type(answer) for answer in answers] == [Written, errors.Overtaken, Written]
    assert not (tmp_path / "root/taken").exists()
    later.rename()
    assert (tmp_path / "root/taken").read_bytes() == b"the later"


def writes(root, *, verifies, syncs, network):
    now = root._now
    now.small = SmallWriter(now.folders, now.turns, verifies=verifies, syncs=syncs, network=network)


def is_taken(fd, body):
    return body == b"taken"


async def test_small_files(root, tmp_path, monkeypatch, later):
    later, takes = later
    after(monkeypatch, "write", takes, when=is_taken)
    await of_three_the_second_is_overtaken(root, tmp_path, later)


@pytest.mark.parametrize(
    ("syncs", "call", "which"),
    [
        pytest.param(False, "preadv", 2, id="in memory: while it is read back"),
        pytest.param(True, "rename", 1, id="on a disk: while the one before gets its name"),
    ],
)
async def test_small_files_that_are_proven(root, tmp_path, monkeypatch, later, syncs, call, which):
    writes(root, verifies=True, syncs=syncs, network=False)
    later, takes = later
    calls = itertools.count(1)
    after(monkeypatch, call, takes, when=lambda *_: next(calls) == which)
    await of_three_the_second_is_overtaken(root, tmp_path, later)


@pytest.mark.parametrize("syncs", [False, True], ids=["at once", "in steps"])
async def test_small_files_on_nfs(root, tmp_path, monkeypatch, later, verifies, syncs):
    """What is removed there while it is open has another name until it is closed."""
    writes(root, verifies=verifies, syncs=syncs, network=True)
    later, takes = later

    def renamed(path, *, dir_fd):
        os.rename(path, b".nfs0001", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", renamed)
    after(monkeypatch, "write", takes, when=is_taken)
    await of_three_the_second_is_overtaken(root, tmp_path, later)
