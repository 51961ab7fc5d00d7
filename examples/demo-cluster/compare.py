"""Compares a folder with a bucket, or two buckets, byte for byte: by boto3, not by the runner.

    compare.py SIDE SIDE       SIDE: a folder, or s3://BUCKET/PREFIX
    compare.py --make BUCKET…  create the buckets

The server and its credentials come from AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and so on.  What the
example's task excludes is not expected.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config


def client() -> Any:
    """A client of the server in the environment, through no proxy."""
    return boto3.client("s3", config=Config(s3={"addressing_style": "path"}, proxies={}))


def wanted(name: str) -> bool:
    """Whether the example's task transfers the file."""
    return not name.endswith(".tmp") and "__pycache__" not in name.split("/")


def in_folder(root: Path) -> Iterator[tuple[str, str]]:
    """Names and digests of the files below a folder; links count as their text."""
    for folder, _, files in os.walk(root):
        for file in files:
            path = Path(folder, file)
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            yield str(path.relative_to(root)), hashlib.sha256(content).hexdigest()


def in_bucket(bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Names and digests of the objects below a prefix, without those that stand for folders."""
    s3 = client()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if not entry["Key"].endswith("/"):
                body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                yield entry["Key"].removeprefix(prefix), hashlib.sha256(body).hexdigest()


def read(side: str) -> dict[str, str]:
    """All files of a side that count."""
    if side.startswith("s3://"):
        bucket, _, prefix = side.removeprefix("s3://").partition("/")
        found = in_bucket(bucket, prefix)
    else:
        found = in_folder(Path(side))
    return {name: digest for name, digest in found if wanted(name)}


def main(arguments: list[str]) -> int:
    """Compare, say what was found, and answer 1 where the sides differ."""
    if arguments[0] == "--make":
        for bucket in arguments[1:]:
            client().create_bucket(Bucket=bucket)
        return 0
    one, other = (read(side) for side in arguments)
    differing = sorted(name for name in one | other if one.get(name) != other.get(name))
    verdict = f"{len(differing)} differ" if differing else "equal, byte for byte"
    lines = [f"  differs: {name}\n" for name in differing[:10]]
    lines.append(f"  {arguments[0]}: {len(one)} files; {arguments[1]}: {len(other)}; {verdict}\n")
    sys.stdout.writelines(lines)
    return 1 if differing or not one else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
