"""Trees made to lead us astray: no link is followed, nothing outside is read or written."""

import os
import socket
import stat
from pathlib import Path

import pytest

from datasync_api.patterns import Filter
from datasync_api.sides import PosixSide
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.storage import errors
from datasync_runner.storage.posix import ahead as posix_ahead
from datasync_runner.storage.posix import folders as posix_folders
from datasync_runner.storage.posix import root as posix_root
from datasync_runner.storage.posix import storage as posix
from datasync_runner.storage.temporary_names import temporary_name
from datasync_runner.storage.values import Content
from fakes.filters import choose

ALL = Filter.parse([], [])


@pytest.fixture
async def tree(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    storage = make(tmp_path / "root")
    await storage.check()
    yield storage, tmp_path / "root", tmp_path / "outside"
    await storage.close()


def make(root, path="", **changes):
    side = PosixSide(uri="nfs://h/a/", root=str(root), path=path, **changes)
    return posix.PosixStorage(side, writes=True, sets_owner=False, started_ns=2**62)


def file(key, size=1):
    return Entry(key, Kind.FILE, size, metadata=PosixMetadata(0o644))


async def everything(storage, chosen=ALL):
    entries, failures = [], []
    async for batch in storage.listing(chosen):
        entries += batch.entries
        failures += batch.errors
    return entries, failures


async def test_links_to_folders_are_listed_and_not_entered(tree):
    storage, root, outside = tree
    (root / "link").symlink_to(outside)
    entries, failures = await everything(storage)
    assert [(entry.key, entry.kind) for entry in entries] == [(b"link", Kind.SYMLINK)]
    assert not failures


@pytest.mark.parametrize("key", [b"link/secret", b"link/new", b"link/deep/new"])
async def test_nothing_is_read_or_written_through_a_link(tree, key):
    storage, root, outside = tree
    (root / "link").symlink_to(outside)
    entry = file(key)
    answers = [
        *await storage.read_small([entry]),
        *await storage.write_small([Content(entry, b"x")]),
        *await storage.update_metadata([entry]),
        *await storage.delete([key]),
        *await storage.write_folders([Entry(key + b"/", Kind.FOLDER)]),
    ]
    assert [type(answer) for answer in answers] == [errors.Conflict] * 5
    with pytest.raises(errors.Conflict):
        await storage.open(entry)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "secret"


async def test_a_link_in_a_files_place_is_replaced_not_followed(tree):
    storage, root, outside = tree
    (root / "a").symlink_to(outside / "secret")
    written = await storage.write_small([Content(file(b"a"), b"x")])
    assert isinstance(await storage.verify(written), list)
    assert not (root / "a").is_symlink()
    assert (outside / "secret").read_text() == "secret"


@pytest.mark.parametrize("plant", ["symlink_to", "hardlink_to"])
async def test_a_planted_temporary_link_is_replaced_not_opened(tree, plant):
    storage, root, outside = tree
    getattr(root / os.fsdecode(temporary_name(b"a")), plant)(outside / "secret")
    await storage.write_small([Content(file(b"a"), b"x")])
    assert [path.name for path in root.iterdir()] == ["a"]
    assert (root / "a").read_text() == "x"
    assert (outside / "secret").read_text() == "secret"


async def test_a_file_swapped_for_a_link_is_not_read(tree):
    storage, root, outside = tree
    (root / "a").write_text("a")
    (entry,), _ = await everything(storage)
    (root / "a").unlink()
    (root / "a").symlink_to(outside / "secret")
    assert isinstance((await storage.read_small([entry]))[0], errors.Conflict)


@pytest.mark.parametrize(
    "key",
    [b"../x", b"a/../../x", b"/x", b"a//x", b"./x", b"a/./x", b"x\0y", b"n" * 256, b"d/" * 2100],
)
async def test_names_that_no_file_system_has_touch_nothing(tree, key):
    storage, root, outside = tree
    answers = [
        *await storage.write_small([Content(file(key), b"x")]),
        *await storage.read_small([file(key)]),
        *await storage.delete([key]),
    ]
    assert [type(answer) for answer in answers] == [errors.NameNotRepresentable] * 3
    assert not list(root.iterdir())
    assert len(list(outside.iterdir())) == 1


async def test_special_files_are_told_and_never_opened(tree):
    storage, root, _ = tree
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        os.chdir(root)
        unix.bind("socket")
    entries, _ = await everything(storage)
    assert [(entry.key, entry.kind) for entry in entries] == [
        (b"fifo", Kind.SPECIAL),
        (b"socket", Kind.SPECIAL),
    ]
    assert isinstance((await storage.read_small(entries))[0], errors.Conflict)


async def test_a_file_where_a_folder_should_be_is_a_conflict(tree):
    storage, root, _ = tree
    (root / "a").write_text("kept")
    answers = await storage.write_small([Content(file(b"a/b"), b"x")])
    assert isinstance(answers[0], errors.Conflict)
    assert (root / "a").read_text() == "kept"


async def test_a_folder_where_a_file_should_be_is_a_conflict(tree):
    storage, root, _ = tree
    (root / "a").mkdir()
    (root / "a" / "b").write_text("kept")
    answers = await storage.write_small([Content(file(b"a"), b"x")])
    assert isinstance(answers[0], errors.Conflict)
    assert (root / "a" / "b").read_text() == "kept"
    assert [path.name for path in root.iterdir()] == ["a"]


async def test_the_path_below_the_root_follows_no_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for path in ("link", "../x", "file/x"):
        (tmp_path / "file").write_text("")
        storage = make(tmp_path, path)
        with pytest.raises((errors.ConfigurationInvalid, errors.NameNotRepresentable)):
            await storage.check()
        await storage.close()


async def test_a_read_only_destination_is_refused(tmp_path):
    storage = make(tmp_path, read_only=True)
    with pytest.raises(errors.ConfigurationInvalid, match="readOnly"):
        await storage.check()
    await storage.close()


async def test_owners_that_may_not_be_set_are_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(posix_root, "may_chown", lambda: False)
    side = PosixSide(uri="nfs://h/a/", root=str(tmp_path))
    storage = posix.PosixStorage(side, writes=True, sets_owner=True, started_ns=0)
    with pytest.raises(errors.OptionsInvalid, match=r"options\.uid.*PreserveOwnership"):
        await storage.check()
    await storage.close()


async def test_a_missing_source_says_where_it_was_looked_for(tmp_path):
    side = PosixSide(uri="nfs://h/a/", root=str(tmp_path / "none"))
    storage = posix.PosixStorage(side, writes=False, sets_owner=False, started_ns=0)
    with pytest.raises(errors.ConfigurationInvalid, match=r"nfs://h/a/.*/none"):
        await storage.check()
    await storage.close()


async def test_temporary_files_are_not_listed_and_old_ones_go(tree):
    storage, root, _ = tree
    leftover = root / os.fsdecode(temporary_name(b"a"))
    leftover.write_text("half")
    (root / ".datasync-mine.tmp").write_text("somebody's")
    entries, _ = await everything(storage)
    assert [entry.key for entry in entries] == [b".datasync-mine.tmp"]
    await storage.finish()
    assert not leftover.exists()


async def test_a_failed_write_leaves_nothing_behind(tree, monkeypatch):
    storage, root, _ = tree
    monkeypatch.setattr(
        os, "rename", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "no"))
    )
    answers = await storage.write_small([Content(file(b"a"), b"x")])
    assert isinstance(answers[0], errors.Denied)
    assert not list(root.iterdir())


async def test_more_folders_than_are_kept_open(tree):
    storage, root, _ = tree
    keys = [b"d%03d/f" % number for number in range(posix_folders.KEPT_FOLDERS + 20)]
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(2):
        answers = await storage.write_small([Content(file(key), b"x") for key in keys])
        assert not [answer for answer in answers if isinstance(answer, errors.StorageError)]
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= posix_folders.KEPT_FOLDERS
    assert len(list(root.iterdir())) == len(keys)


@pytest.mark.parametrize(("language", "value"), [("SimplePattern", "/a/b"), ("Glob", "/[ab]/b/")])
async def test_includes_prune_the_walk(tree, monkeypatch, language, value):
    storage, root, _ = tree
    for name in ("a/b", "c/d"):
        (root / name).mkdir(parents=True)
        (root / name / "x").write_text("x")
    read, read_folder = [], posix_ahead.read_folder

    def seen(fd, prefix, chosen, **more):
        read.append(prefix)
        return read_folder(fd, prefix, chosen, **more)

    monkeypatch.setattr(posix_ahead, "read_folder", seen)
    entries, failures = await everything(storage, choose([value], language=language))
    assert read == [b"", b"a/", b"a/b/"]
    assert [entry.key for entry in entries] == [b"a/b/", b"a/b/x"]
    assert not failures


async def test_modes_are_kept_where_they_are_not_asked_for(tree):
    storage, root, _ = tree
    (root / "a").write_text("old")
    (root / "a").chmod(0o640)
    entries = [Entry(key, Kind.FILE, 1, metadata=PosixMetadata()) for key in (b"a", b"b")]
    await storage.write_small([Content(entry, b"x") for entry in entries])
    modes = [stat.S_IMODE((root / name).stat().st_mode) for name in ("a", "b")]
    assert modes == [0o640, 0o644]
