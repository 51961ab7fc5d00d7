"""A hostile bucket into a real folder: what is stored is right, what is not is told, nothing escapes."""

import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awkward_names import NO_NAME, NOT_THERE, STORED, TABLE
from datasync_api.plan import TransferPlan
from datasync_api.task_options import TaskOptions
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.engine import pipeline
from datasync_runner.engine.progress import Board
from datasync_runner.storage import errors
from datasync_runner.storage.posix.storage import PosixStorage
from datasync_runner.storage.values import Content
from fakes.storage import FakeStorage
from storage.sides import posix_side

NOBODYS = {"uid": "None", "gid": "None"}
SECRET = b"secret"


async def run(source, destination, side, **options):
    """A run that has at most one real side; the tally, and each failure with its path."""
    plan = TransferPlan(
        execution={"namespace": "n", "name": "e", "uid": "u"},
        source=side,
        destination=side,
        options=TaskOptions(**NOBODYS, **options),
    )
    board = Board("u", time.monotonic)
    failures = {}
    fail = board.tally.fail

    def noted(stage, code, path, **words):
        failures[os.fsencode(path[1:])] = code
        fail(stage, code, path, **words)

    board.tally.fail = noted
    await pipeline.run_plan(plan, source, destination, board)
    return board.tally, failures


async def restored(bucket, root, **options):
    side = posix_side(root)
    storage = PosixStorage(side, writes=True, sets_owner=False, started_ns=0)
    try:
        return await run(bucket, storage, side, **options)
    finally:
        await storage.close()


def contents(root):
    """Files and links by their keys, and folders, found by the system alone."""
    root = os.fsencode(root) + b"/"
    found, folders = {}, set()
    todo = [b""]
    while todo:
        prefix = todo.pop()
        for item in os.scandir(root + prefix):
            key = prefix + item.name
            if item.is_symlink():
                found[key] = os.readlink(item.path)  # noqa: PTH115 - bytes
            elif item.is_dir():
                folders.add(key + b"/")
                todo.append(key + b"/")
            else:
                with open(item.path, "rb") as file:  # noqa: PTH123 - bytes
                    found[key] = file.read()
    return found, folders


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(SECRET)
    return tmp_path / "root"


def untouched(root):
    """Whether nothing beside the root was read, written or made."""
    outside = root.parent / "outside"
    return (
        sorted(path.name for path in root.parent.iterdir()) == ["outside", "root"]
        and [path.name for path in outside.iterdir()] == ["secret"]
        and (outside / "secret").read_bytes() == SECRET
    )


ROWS = [row for row in TABLE if row.to_files != NOT_THERE]


@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
async def test_objects_into_a_folder(row, root):
    bucket = FakeStorage(objects=True)
    for key in row.keys:
        bucket.put(key, b"" if key.endswith(b"/") else b"body of " + key)
    failing = row.failing if row.failing else () if row.to_files == STORED else row.keys
    tally, failures = await restored(bucket, root)
    assert failures.keys() == {key.removesuffix(b"/") for key in failing}
    assert set(failures.values()) <= {row.to_files}
    found, _ = contents(root)
    assert found == {
        key: b"body of " + key for key in row.keys if key not in failing and key[-1:] != b"/"
    }
    assert tally.files_transferred == len(found)
    assert untouched(root)
    again, _ = await restored(bucket, root)
    assert again.files_transferred == 0


async def test_all_of_them_at_once_and_the_right_ones_are_there(root):
    bucket = FakeStorage(objects=True)
    stored = {key for row in ROWS if row.to_files == STORED for key in row.keys}
    for row in ROWS:
        for key in row.keys:
            bucket.put(key, b"" if key.endswith(b"/") else b"body of " + key)
    await restored(bucket, root)
    found, _ = contents(root)
    assert stored <= found.keys()
    assert untouched(root)


PARTS = st.sampled_from([b"a", b"b", b"l", b"..", b".", b"", b"-", b"x\0", b"c\n"])
KEYS = st.lists(PARTS, min_size=1, max_size=4).map(b"/".join).filter(bool)
TARGETS = st.sampled_from(
    [b"a", b"b/l", b"..", b"../..", b"../outside", b"a/../../outside", b"l/..", b".", b"./l", b"l",
     b"/etc/passwd", b"", b"x\0y", b"../../outside/secret", b"l/../..", b"t" * 5000]
)  # fmt: skip
OBJECTS = st.dictionaries(KEYS, st.none() | TARGETS, max_size=10)
LINK = PosixMetadata(0o777, mtime_ns=1_000_000_000)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects=OBJECTS, planted=st.booleans())
async def test_a_hostile_bucket_never_gets_out(tmp_path_factory, objects, planted):
    root = tmp_path_factory.mktemp("hostile") / "root"
    root.mkdir()
    (root.parent / "outside").mkdir()
    (root.parent / "outside/secret").write_bytes(SECRET)
    if planted:  # what is at the destination may lead out; nothing of ours may go that way
        (root / "a").symlink_to(root.parent / "outside")
    bucket = FakeStorage(objects=True)
    for key, target in objects.items():
        if key.endswith(b"/"):
            bucket.put(key)
        elif target is None:
            bucket.put(key, b"body of " + key)
        else:
            bucket.put(key, target, kind=Kind.SYMLINK, metadata=LINK)
    _, failures = await restored(bucket, root)
    assert untouched(root)
    found, folders = contents(root)
    for key in objects:
        stored = key in folders if key.endswith(b"/") else key in found
        assert stored or key in failures or key.removesuffix(b"/") in failures, (key, failures)
        if key in found and key not in failures:
            assert found[key] == bucket.items[key].body
    if planted:
        return
    for key in found:
        path = Path(os.fsdecode(os.fsencode(root) + b"/" + key))
        if path.is_symlink():
            assert Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)), (key, found)


async def test_a_link_larger_than_any_is_no_file(root):
    bucket = FakeStorage(objects=True)
    bucket.put(b"l", b"t" * (SMALL_BYTES + 1), kind=Kind.FILE)
    as_link = bucket.items[b"l"].entry._replace(kind=Kind.SYMLINK)
    before = bucket.open

    async def opened(entry):
        reader = await before(entry)
        reader.entry = as_link
        return reader

    bucket.open = opened
    _, failures = await restored(bucket, root)
    assert failures == {b"l": NO_NAME}
    assert contents(root) == ({}, set())


async def test_the_counterpart_of_a_name_that_nobody_can_have_is_not_deleted():
    source = FakeStorage(objects=True).put(b"a//b", b"1").put(b"c", b"2")
    destination = FakeStorage(objects=True).put(b"a//b", b"old").put(b"d", b"3")
    side = posix_side(Path("/nowhere"))
    _, failures = await run(source, destination, side, preserve_deleted_files="Remove")
    assert failures == {b"a//b": NO_NAME}
    assert destination.items.keys() == {b"a//b", b"c"}
    assert destination.items[b"a//b"].body == b"old"


TREES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "d/a", "d/e/b", "l", "d/l"]),
        st.sampled_from(["file", "fifo", "../outside", "../../outside/secret", "/etc", ".", "d"]),
    ),
    max_size=6,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=TREES)
async def test_a_hostile_tree_gives_away_nothing_but_itself(tmp_path_factory, items):
    root = tmp_path_factory.mktemp("tree") / "root"
    root.mkdir()
    (root.parent / "outside").mkdir()
    (root.parent / "outside/secret").write_bytes(SECRET)
    for name, what in items:
        path = root / name
        if os.path.lexists(path):
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if what == "file":
                path.write_bytes(b"body")
            elif what == "fifo":
                os.mkfifo(path)
            elif not path.parent.is_symlink():
                path.symlink_to(what)
        except OSError:
            continue  # one path's file is another one's folder
    if not untouched(root):
        return  # the planting itself went through a link
    side = posix_side(root)
    storage = PosixStorage(side, writes=False, sets_owner=False, started_ns=0)
    bucket = FakeStorage(objects=True)
    try:
        _, failures = await run(storage, bucket, side)
    finally:
        await storage.close()
    assert not failures
    assert untouched(root)
    for key, (entry, body) in bucket.items.items():
        assert body != SECRET, key
        if entry.kind is Kind.SYMLINK:
            assert body == os.fsencode((root / os.fsdecode(key)).readlink())


async def test_folders_that_become_links_while_we_write(root):
    """A race with a fixed budget: the folder becomes a link to the outside, again and again."""
    side = posix_side(root)
    storage = PosixStorage(side, writes=True, sets_owner=False, started_ns=0)
    await storage.check()
    (root / "d").mkdir()
    done = threading.Event()
    folder, old = root / "d", root / "old"

    def swap():
        while not done.is_set():
            shutil.rmtree(old, ignore_errors=True)
            with suppress(OSError):
                folder.rename(old)
                folder.symlink_to(root.parent / "outside")
            with suppress(OSError):
                folder.unlink()
            with suppress(OSError):
                folder.mkdir()

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for number in range(300):
            entry = Entry(b"d/f%d" % number, Kind.FILE, 1, metadata=PosixMetadata())
            storage._folders.forget(b"d/")
            (answer,) = await storage.write_small([Content(entry, b"x")])
            if isinstance(answer, errors.StorageError):
                assert isinstance(answer, (errors.Conflict, errors.Missing)), answer
            await storage.delete([b"d/secret", b"d/f%d" % (number - 1)])
    finally:
        done.set()
        thread.join()
        await storage.close()
    assert untouched(root)
