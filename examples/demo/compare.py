"""Compares a bucket with a tree, by boto3 alone: an opinion that shares no code with DataSync.

compare.py TREE ENDPOINT BUCKET PREFIX     exit 0 when every object is its file, and nothing is else
compare.py --make-bucket ENDPOINT BUCKET
"""

import hashlib
import os
import stat
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

THREADS = 8
_local = threading.local()


def client(endpoint: str) -> Any:
    """This thread's client, with the demo's own keys."""
    if not hasattr(_local, "client"):
        _local.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=os.environ["S3_ACCESS_KEY"],
            aws_secret_access_key=os.environ["S3_SECRET_KEY"],
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
    return _local.client


def in_tree(tree: Path) -> dict[str, Path]:
    """Every key that the tree should have: a folder's ends in a slash."""
    found = {}
    for path in sorted(tree.rglob("*")):
        folder = path.is_dir() and not path.is_symlink()
        found[path.relative_to(tree).as_posix() + ("/" if folder else "")] = path
    return found


def in_bucket(endpoint: str, bucket: str, prefix: str) -> set[str]:
    """Every key below the prefix; the prefix's own folder is not one."""
    pages = client(endpoint).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = (entry["Key"] for page in pages for entry in page.get("Contents", []))
    return {key.removeprefix(prefix) for key in keys} - {""}


def keeps_folder_metadata(endpoint: str, bucket: str) -> bool:
    """Whether the server keeps what is said about a folder; SeaweedFS does not, AWS does."""
    key = "probe-of-the-demo/"
    client(endpoint).put_object(Bucket=bucket, Key=key, Body=b"", Metadata={"kept": "yes"})
    kept = client(endpoint).head_object(Bucket=bucket, Key=key)["Metadata"]
    client(endpoint).delete_object(Bucket=bucket, Key=key)
    return kept == {"kept": "yes"}


def differences(endpoint: str, bucket: str, key: str, path: Path) -> Iterator[str]:
    """How one object differs from its file, folder or link."""
    answer = client(endpoint).get_object(Bucket=bucket, Key=key)
    content, stated, real = answer["Body"].read(), answer["Metadata"], path.lstat()
    if stat.S_ISDIR(real.st_mode):
        expected = b""
    elif stat.S_ISLNK(real.st_mode):
        expected = os.fsencode(path.readlink())
    else:
        expected = path.read_bytes()
    if len(content) != len(expected):
        yield f"{len(content)} bytes instead of {len(expected)}"
    elif hashlib.sha256(content).digest() != hashlib.sha256(expected).digest():
        yield "other bytes"
    if stat.S_ISDIR(real.st_mode) and not _local.folder_metadata:
        return
    mode = int(stated.get("file-permissions", "0"), 8)
    if mode != real.st_mode and not stat.S_ISLNK(real.st_mode):
        yield f"mode {mode:o} instead of {real.st_mode:o}"
    if stated.get("file-mtime") != f"{real.st_mtime_ns}ns":
        yield f"mtime {stated.get('file-mtime')} instead of {real.st_mtime_ns}ns"
    owner = (stated.get("file-owner"), stated.get("file-group"))
    if owner != (str(real.st_uid), str(real.st_gid)):
        yield f"owner {owner}"


def compare(tree: Path, endpoint: str, bucket: str, folder: str) -> int:
    """Print the verdict; the number of differences."""
    prefix = folder.rstrip("/") + "/"
    expected, found = in_tree(tree), in_bucket(endpoint, bucket, prefix)
    wrong = [f"{key}: not in the bucket" for key in sorted(expected.keys() - found)]
    wrong += [f"{key}: not in the tree" for key in sorted(found - expected.keys())]

    folder_metadata = keeps_folder_metadata(endpoint, bucket)

    def look(key: str) -> list[str]:
        _local.folder_metadata = folder_metadata
        lines = differences(endpoint, bucket, prefix + key, expected[key])
        return [f"{key}: {line}" for line in lines]

    both = sorted(expected.keys() & found)
    with ThreadPoolExecutor(THREADS) as threads:
        for lines in threads.map(look, both):
            wrong += lines
    for line in wrong[:20]:
        sys.stdout.write(f"  {line}\n")
    verdict = f"{len(wrong)} DIFFERENCES" if wrong else "all equal"
    size = sum(path.lstat().st_size for key, path in expected.items() if not key.endswith("/"))
    sys.stdout.write(
        f"boto3's own look: {len(both)} objects, {size:,} bytes; bytes, sizes, modes, owners and "
        f"mtimes: {verdict}\n"
    )
    if not folder_metadata:
        sys.stdout.write("(this server keeps no metadata of folders: only their keys compare)\n")
    return len(wrong)


def main(arguments: list[str]) -> int:
    """Compare, or make the bucket."""
    if len(arguments) == 3 and arguments[0] == "--make-bucket":
        client(arguments[1]).create_bucket(Bucket=arguments[2])
        sys.stdout.write(f"made the bucket {arguments[2]}\n")
        return 0
    if len(arguments) != 4:
        sys.stderr.write(__doc__ or "")
        return 2
    tree, endpoint, bucket, folder = arguments
    return 1 if compare(Path(tree), endpoint, bucket, folder) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
