"""The rows: known tools, unique names, and data that is the same every time."""

from pathlib import Path

import pytest

from benchmarks.check import check
from benchmarks.data import BLOCK_BYTES, MTIME_NS, Tree, grow
from benchmarks.measure import WrongRun
from benchmarks.peers import PEERS
from benchmarks.places import Folder
from benchmarks.workloads import LARGE, SMALL, WORKLOADS


def test_rows_have_unique_names_and_titles_and_known_peers() -> None:
    assert len({w.name for w in WORKLOADS}) == len(WORKLOADS)
    assert len({w.title for w in WORKLOADS}) == len(WORKLOADS)
    assert {peer for w in WORKLOADS for peer in w.peers} <= PEERS.keys()
    assert all(w.peers for w in WORKLOADS)


def test_rows_of_one_large_tree_follow_each_other() -> None:
    large = [number for number, w in enumerate(WORKLOADS) if w.tree == LARGE]
    assert large == list(range(large[0], large[0] + len(large)))


def test_a_shrunk_tree_has_a_tenth_of_the_bytes() -> None:
    assert SMALL.shrunk(10) == Tree(5_000, 10 * 1024, 5)
    assert LARGE.shrunk(10) == Tree(4, LARGE.size_bytes // 10)


@pytest.mark.parametrize(
    "tree",
    [Tree(7, 100, 3), Tree(3, 0), Tree(1, 2 * BLOCK_BYTES + 5)],
    ids=["small", "empty", "large"],
)
def test_a_tree_is_the_same_every_time(tmp_path: Path, tree: Tree) -> None:
    grow(tree, tmp_path / "one")
    grow(tree, tmp_path / "other")
    check(tree, tmp_path / "one", Folder(tmp_path / "other"))
    files = [tmp_path / "one" / path for path in tree.paths()]
    assert {(f.stat().st_size, f.stat().st_mtime_ns) for f in files} == {
        (tree.size_bytes, MTIME_NS)
    }
    if tree.size_bytes:
        assert len({f.read_bytes() for f in files}) == tree.files


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (flip, "file-0000004 differs"),
        (Path.unlink, "lacks 1 of 7"),
        (lambda path: path.with_name("more").touch(), "1 too many"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "file-0000004 differs"),
        (lambda path: path.write_bytes(b""), "file-0000004 differs"),
    ],
    ids=["flipped bit", "missing", "too many", "longer", "empty"],
)
def test_a_wrong_copy_is_found(tmp_path: Path, harm: object, told: str) -> None:
    tree = Tree(7, 100, 3)
    grow(tree, tmp_path / "one")
    grow(tree, tmp_path / "other")
    assert callable(harm)
    harm(tmp_path / "other" / "folder-0001" / "file-0000004")
    with pytest.raises(WrongRun, match=told):
        check(tree, tmp_path / "one", Folder(tmp_path / "other"))
