"""Further names of a file: made whole or not at all, and only of the file that is meant."""

import errno
import os
from pathlib import Path

import pytest

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.temporary_names import temporary_name
from datasync_runner.storage.values import Link
from runner.posix.large import storage
from storage.sides import fine


@pytest.fixture
async def destination(tmp_path):
    made = storage(tmp_path / "root")
    (tmp_path / "root/first").write_text("body")
    await made.check()
    yield made
    await made.close()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


def inode(path: Path):
    found = path.lstat()
    return found.st_dev, found.st_ino


def link(key=b"d/other", first=b"first", was=None, *, kept=False, size=4):
    return Link(Entry(key, Kind.FILE, size), first, was, kept)


async def test_a_name_is_made_with_its_folder(destination, root):
    fine(await destination.link([link()]))
    assert inode(root / "d/other") == inode(root / "first")
    assert sorted(path.name for path in root.rglob("*")) == ["d", "first", "other"]


async def test_what_is_there_is_replaced(destination, root):
    (root / "d").mkdir()
    (root / "d/other").write_text("mine")
    (root / "link").symlink_to("d")
    fine(await destination.link([link(), link(b"link")]))
    assert inode(root / "d/other") == inode(root / "link") == inode(root / "first")


async def test_a_name_that_is_right_already_stays_and_nothing_is_left(destination, root):
    (root / "other").hardlink_to(root / "first")
    fine(await destination.link([link(b"other", was=inode(root / "first"), kept=True)]))
    assert sorted(path.name for path in root.iterdir()) == ["first", "other"]
    assert inode(root / "other") == inode(root / "first")


async def test_a_planted_temporary_name_is_removed_not_used(destination, root, tmp_path):
    (tmp_path / "outside").write_text("secret")
    (root / os.fsdecode(temporary_name(b"other"))).symlink_to(tmp_path / "outside")
    fine(await destination.link([link(b"other")]))
    assert inode(root / "other") == inode(root / "first")
    assert (tmp_path / "outside").read_text() == "secret"


REFUSED = {
    "the first name is gone": (link(first=b"none"), errors.Missing),
    "the first name has another size": (link(size=5), errors.Conflict),
    "the first name is a link": (link(first=b"link", size=5), errors.Conflict),
    "the first name lies behind a link": (link(first=b"out/secret", size=6), errors.Conflict),
    "the name lies behind a link": (link(b"out/other"), errors.Conflict),
    "the first name was to be kept and is another": (link(was=(1, 2), kept=True), errors.Conflict),
    "the name leads out": (link(b"../other"), errors.NameNotRepresentable),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_nothing_is_linked_to_what_is_not_meant(name, destination, root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    (root / "link").symlink_to("first")
    (root / "out").symlink_to(tmp_path / "outside")
    wanted, error = REFUSED[name]
    (answer,) = await destination.link([wanted])
    assert isinstance(answer, error)
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]
    assert (root / "first").stat().st_nlink == 1


async def test_a_first_name_that_was_not_written_is_not_linked_to(destination, root):
    (answer,) = await destination.link([link(was=inode(root / "first"))])
    assert isinstance(answer, errors.Conflict)
    assert not (root / "d/other").exists()


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP])
async def test_where_no_link_can_be_made_that_is_an_answer(destination, root, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    (answer,) = await destination.link([link()])
    assert isinstance(answer, errors.FileError)
    assert sorted(path.name for path in root.iterdir()) == ["d", "first"]
