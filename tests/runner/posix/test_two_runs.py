"""Two runs that write the same file at once: the later one wins, and the earlier one says so.

What one of them calls transferred and verified is never what the other has written half.
"""

import os

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.posix.new import NewFile
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


async def test_small_files(root, tmp_path, monkeypatch):
    contents = [
        Content(Entry(name, Kind.FILE, len(name), MTIME_NS), name)
        for name in (b"a", b"taken", b"z")
    ]
    later = NewFile(contents[1]._replace(body=b"the later"))
    folder_fd = os.open(tmp_path / "root", os.O_DIRECTORY)
    write = os.write

    def interrupted(fd, body):
        count = write(fd, body)
        if body == b"taken":
            later.create(folder_fd, b"taken")
        return count

    monkeypatch.setattr(os, "write", interrupted)
    try:
        answers = await root.write_small(contents)
        assert [type(answer) for answer in answers] == [Written, errors.Overtaken, Written]
        assert not (tmp_path / "root/taken").exists()

        later.rename()
        assert (tmp_path / "root/taken").read_bytes() == b"the later"
    finally:
        os.close(folder_fd)
