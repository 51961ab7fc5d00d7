"""The trees that are copied: the same bytes in every run and on every machine."""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MTIME_NS = 1_700_000_000_123_456_789
BLOCK_BYTES = 8 * 1024 * 1024


class Tree(NamedTuple):
    """So many files of one size, evenly in folders; no folders: all in the root."""

    files: int
    size_bytes: int
    folders: int = 0

    @property
    def total_bytes(self) -> int:
        """All of the files together."""
        return self.files * self.size_bytes

    def shrunk(self, by: int) -> "Tree":
        """About a tenth of it, say: fewer files, or where there are few, smaller ones."""
        if self.files >= 10 * by:
            return self._replace(files=self.files // by, folders=-(-self.folders // by))
        return self._replace(size_bytes=self.size_bytes // by)

    def paths(self) -> Iterator[str]:
        """The relative paths of all files."""
        for number in range(self.files):
            name = f"file-{number:07}"
            yield f"folder-{number % self.folders:04}/{name}" if self.folders else name


def grow(tree: Tree, root: Path) -> None:
    """Write the tree to a folder that must be new."""
    root.mkdir(parents=True)
    for number in range(tree.folders):
        (root / f"folder-{number:04}").mkdir()
    source = random.Random(f"datasync {tree}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    for path in tree.paths():
        descriptor = os.open(f"{root}/{path}", flags, 0o644)
        for block in _blocks(source, tree.size_bytes):
            os.write(descriptor, block)
        os.fchmod(descriptor, 0o644)
        os.utime(descriptor, ns=(MTIME_NS, MTIME_NS))
        os.close(descriptor)
    for folder in [*root.iterdir(), root]:
        if folder.is_dir():
            os.utime(folder, ns=(MTIME_NS, MTIME_NS))


def _blocks(source: random.Random, size_bytes: int) -> Iterator[bytes]:
    """Random bytes; a large file repeats one block under a number, so that swapped parts show."""
    if size_bytes <= BLOCK_BYTES:
        yield source.randbytes(size_bytes)
        return
    block = source.randbytes(BLOCK_BYTES - 8)
    for offset in range(0, size_bytes, BLOCK_BYTES):
        yield (offset.to_bytes(8, "big") + block)[: size_bytes - offset]


def new_folder(path: Path) -> Path:
    """An empty folder in place of what is there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def metadata() -> dict[str, str]:
    """The user metadata of an object that holds a file of a grown tree."""
    return {
        "file-mtime": f"{MTIME_NS}ns",
        "file-atime": f"{MTIME_NS}ns",
        "file-owner": str(os.getuid()),
        "file-group": str(os.getgid()),
        "file-permissions": "0100644",
        "user-agent": "datasync-kubernetes",
    }
