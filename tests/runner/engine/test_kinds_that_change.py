"""A file becomes a folder, or a folder a file, and with Remove one run puts the destination right."""

import os
import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasync_api.plan import TransferPlan
from datasync_api.task import Guards
from datasync_api.task_options import TaskOptions
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.engine.delete import DeletionHeld
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.storage.posix.storage import PosixStorage
from storage.sides import posix_side

OWNER = {} if os.geteuid() == 0 else {"uid": "None", "gid": "None"}
Tree = dict[str, bytes | str | None]
"""By path: a file's body, a link's target, None for a folder."""

CHANGES: dict[str, tuple[Tree, Tree]] = {
    "a file becomes a folder": ({"x": b"file"}, {"x": None, "x/now": None, "x/now/deep": b"in"}),
    "a folder becomes a file": ({"y": None, "y/inner": b"in"}, {"y": b"file"}),
    "a link becomes a folder": ({"l": "elsewhere"}, {"l": None, "l/a": b"1"}),
    "a folder becomes a link": ({"l": None, "l/a": b"1"}, {"l": "elsewhere"}),
    "a large file too": ({"x": b"1", "y": None}, {"x": None, "x/l": b"l" * (SMALL_BYTES + 1)}),
    "names beside them": (
        {"x": b"file", "x-1": b"a", "x0": b"b", "y": None, "y/a": b"c", "y.d": b"d"},
        {"x": None, "x/a": b"e", "x-1": b"a", "x-2": b"f", "x0": b"b", "y": b"g", "y.d": b"d"},
    ),
}

LINKED: dict[str, tuple[Tree, Tree]] = {
    "all names wait": (
        {"x": b"file", "y": None, "y/i": b"in"},
        {"x": None, "x/a": b"one", "y": b"one"},
    ),
    "its first name does not": (
        {"x": b"file"},
        {"a": b"one", "b": b"one", "x": None, "x/a": b"one", "x/b": b"one"},
    ),
    "its first name is right": (
        {"x": b"one", "y": b"one"},
        {"x": None, "x/a": b"one", "y": b"one"},
    ),
    "a large one": (
        {"y": None, "y/i": b"in"},
        {"x": b"l" * (SMALL_BYTES + 1), "y": b"l" * (SMALL_BYTES + 1)},
    ),
}
"""Files with one content are one inode, on either side."""


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("source", "destination"):
        (tmp_path / name).mkdir()
    return tmp_path / "source", tmp_path / "destination"


def plant(root: Path, tree: Tree, *, links: bool = False) -> None:
    """Make a tree; with links, files with one content are one inode."""
    first: dict[bytes, Path] = {}
    for path in sorted(tree):
        what = tree[path]
        if what is None:
            (root / path).mkdir()
        elif isinstance(what, str):
            (root / path).symlink_to(what)
        elif links and what in first:
            (root / path).hardlink_to(first[what])
        else:
            first[what] = root / path
            (root / path).write_bytes(what)


def read(root: Path) -> Tree:
    found: Tree = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def inodes(root: Path) -> set[frozenset[str]]:
    """The names of each inode."""
    names: dict[int, set[str]] = defaultdict(set)
    for path in root.rglob("*"):
        if path.is_file():
            names[path.stat().st_ino].add(path.relative_to(root).as_posix())
    return {frozenset(some) for some in names.values()}


async def run(
    source: Path, destination: Path, *, percent: int = 100, board: Board | None = None, **options
):
    plan = TransferPlan(
        execution={"namespace": "n", "name": "e", "uid": "u"},
        source=posix_side(source),
        destination=posix_side(destination),
        options=TaskOptions(**OWNER, **{"preserve_deleted_files": "Remove", **options}),
        guards=Guards(max_delete_percent=percent),
    )
    ours = PosixStorage(plan.source, writes=False, sets_owner=False, started_ns=0)
    theirs = PosixStorage(
        plan.destination, writes=True, sets_owner=False, started_ns=0, verifies=True
    )
    board = board or Board("u", time.monotonic)
    try:
        await run_plan(plan, ours, theirs, board)
    finally:
        await ours.close()
        await theirs.close()
    return board.tally


@pytest.mark.parametrize("change", CHANGES)
async def test_one_run_is_enough(trees, change):
    source, destination = trees
    before, after = CHANGES[change]
    plant(destination, before)
    plant(source, after)
    tally = await run(source, destination)
    assert not tally.failures()
    assert read(destination) == after
    assert tally.files_verified == tally.files_transferred == tally.estimated_files_to_transfer
    again = await run(source, destination)
    assert (again.files_transferred, again.files_deleted) == (0, 0)


@pytest.mark.parametrize("change", LINKED)
async def test_one_run_is_enough_for_files_with_several_names(trees, change):
    source, destination = trees
    before, after = LINKED[change]
    plant(source, after, links=True)
    plant(destination, before, links=True)
    tally = await run(source, destination)
    assert not tally.failures()
    assert read(destination) == after
    assert inodes(destination) == inodes(source)
    assert tally.files_verified == tally.files_transferred == tally.estimated_files_to_transfer
    again = await run(source, destination)
    assert (again.files_transferred, again.files_deleted) == (0, 0)


async def test_what_is_preserved_stays_and_is_a_conflict(trees):
    source, destination = trees
    before, after = CHANGES["names beside them"]
    plant(destination, before)
    plant(source, after)
    tally = await run(source, destination, preserve_deleted_files="Preserve")
    assert {failure.code for failure in tally.failures()} == {"Conflict"}
    assert read(destination).items() >= before.items()


@pytest.mark.parametrize("links", [False, True])
async def test_what_a_guard_holds_stays_and_is_a_conflict(trees, links):
    source, destination = trees
    before, after = LINKED["all names wait"]
    plant(destination, before)
    plant(source, after, links=links)
    board = Board("u", time.monotonic)
    with pytest.raises(DeletionHeld):
        await run(source, destination, percent=0, board=board)
    failures = [(failure.code, failure.count) for failure in board.tally.failures()]
    assert failures == [("Conflict", len(after))]  # the folder too
    assert read(destination) == before


def some_trees(limit: int) -> st.SearchStrategy[Tree]:
    names = st.lists(st.sampled_from(["a", "a-", "b"]), min_size=1, max_size=3).map("/".join)

    def whole(chosen: dict[str, bytes]) -> Tree:
        tree: Tree = dict(chosen)
        for path in chosen:
            for at, character in enumerate(path):
                if character == "/":
                    tree[path[:at]] = None
        return tree

    bodies = st.sampled_from([b"", b"1", b"2", b"22"])
    return st.dictionaries(names, bodies, max_size=limit).map(whole)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(some_trees(6), some_trees(6), st.booleans())
async def test_any_tree_follows_any_other(tmp_path_factory, before, after, links):
    folder = tmp_path_factory.mktemp("trees")
    source, destination = folder / "source", folder / "destination"
    source.mkdir()
    destination.mkdir()
    plant(destination, before, links=links)
    plant(source, {**after, "kept": b"so that the source is not empty"}, links=links)
    tally = await run(source, destination)
    assert not tally.failures()
    assert read(destination) == read(source)
    assert inodes(destination) == inodes(source)
