"""Whether a run left what it should have left: names, sizes and bytes, read without our code."""

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.data import Tree
from benchmarks.measure import WrongRun
from benchmarks.places import Bucket, Folder, Place

SAMPLE = 200
"""So many small objects are read back, evenly over all; of large files all are."""
_CHUNK = 4 * 1024 * 1024


def check(tree: Tree, original: Path, place: Place) -> None:
    """Compare a place with the tree that was copied to it.

    Raises: WrongRun, naming the first difference.
    """
    if isinstance(place, Folder):
        _check_folder(tree, original, place.path)
    elif isinstance(place, Bucket):
        _check_bucket(tree, original, place)


def _check_folder(tree: Tree, original: Path, copy: Path) -> None:
    """Every byte of every file."""
    expected, found = sorted(tree.paths()), sorted(_files(copy))
    _same_names(expected, found, str(copy))
    for path in expected:
        with (original / path).open("rb", 0) as one, (copy / path).open("rb", 0) as other:
            while True:
                block = one.read(_CHUNK)
                if block != other.read(len(block) or 1):
                    raise WrongRun(f"{path} differs from its source")
                if not block:
                    break


def _files(root: Path) -> Iterator[str]:
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                for below in _files(Path(entry.path)):
                    yield f"{entry.name}/{below}"
            else:
                yield entry.name


def _check_bucket(tree: Tree, original: Path, bucket: Bucket) -> None:
    """Every name and size; every byte of large files and of a sample of small ones."""
    client = bucket.client()
    try:
        found: dict[str, int] = {}
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name):
            for entry in page.get("Contents", []):
                if not (entry["Key"].endswith("/") and entry["Size"] == 0):  # a folder's marker
                    found[entry["Key"]] = entry["Size"]
        expected = sorted(tree.paths())
        _same_names(expected, sorted(found), f"the bucket {bucket.name}")
        for key, size in found.items():
            if size != tree.size_bytes:
                raise WrongRun(f"{key} has {size} bytes instead of {tree.size_bytes}")
        for key in expected[:: max(1, len(expected) // SAMPLE)]:
            body = client.get_object(Bucket=bucket.name, Key=key)["Body"]
            with (original / key).open("rb", 0) as one:
                while block := one.read(_CHUNK):
                    if body.read(len(block)) != block:
                        raise WrongRun(f"{key} differs from its source")
            body.close()
    finally:
        client.close()


def _same_names(expected: list[str], found: list[str], where: str) -> None:
    if expected == found:
        return
    missing, more = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    raise WrongRun(
        f"{where} lacks {len(missing)} of {len(expected)} ({', '.join(missing[:3])}) and has "
        f"{len(more)} too many ({', '.join(more[:3])})"
    )
