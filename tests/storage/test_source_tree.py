"""A real tree, the sources of Linux, on its way: folder → S3 → folder → SMB → folder.

What arrives is compared by the operating system's own means, and what cannot arrive by rules that
are written anew here: a share has no links, no names of devices, and one name of each case twin.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from datasync_api.report import TransferResult
from fixtures.s3 import bucket_of
from fixtures.testbed import CACHE, require
from storage.looks import finished, started
from storage.sides import credentials, posix_side, s3_side

ROOT = os.geteuid() == 0
LIMIT_SECONDS = 900
"""Minutes on two cores that other tests share."""
LEG_SECONDS = 400
GRAIN_NS = 100
LEFT_OUT = ("Documentation", *(f"drivers/{name}" for name in ("gpu", "media", "net", "staging")))
"""A third of the files and more of the bytes: what is left are more than 50,000."""
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


class Seen(NamedTuple):
    """One item as the operating system has it."""

    type: int
    mode: int
    owner: tuple[int, int]
    mtime_ns: int
    content: bytes
    """A file's digest, a link's target."""


@pytest.fixture
def room():
    """Space for some copies of the tree, given back at once: pytest would keep three runs."""
    folder = Path(tempfile.mkdtemp(prefix="datasync-tree-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bucket(minio):
    """An empty bucket of MinIO: SeaweedFS keeps no metadata of folders."""
    with bucket_of(minio) as (_, name):
        yield name


def unpack(room):
    """The tree, with what Linux has none of."""
    archive = require(CACHE / "sources" / "linux-source-6.1.tar.xz")
    left_out = [f"--exclude=linux-source-6.1/{name}" for name in LEFT_OUT]
    subprocess.run(["tar", "-xf", archive, "-C", room, *left_out], check=True)
    root = room / "linux-source-6.1"
    (root / "empty/inner").mkdir(parents=True)
    (root / "hard").mkdir()
    (root / "hard/MAINTAINERS").hardlink_to(root / "MAINTAINERS")
    (root / "hard/again").hardlink_to(root / "MAINTAINERS")
    for name in ("Twin", "twin"):
        (root / name / "deep").mkdir(parents=True)
        (root / name / "deep/file").write_text(name)
    (root / "dangling").symlink_to("not/there")
    (root / "COPYING").chmod(0o4640)
    (root / "usr").chmod(0o1777)
    for number, (path, _) in enumerate(walk(root)):
        if ROOT and number % 3 == 0 and not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            os.lchown(path, 1000 + number % 7, 2000 + number % 5)
            path.chmod(mode)  # to change an owner takes setuid away
        os.utime(
            path, ns=(5, 1_600_000_000_000_000_001 + number * 7_654_321), follow_symlinks=False
        )
    return root


def walk(root):
    """Everything below the root with its key, what is in a folder before the folder."""
    for folder, folders, files in os.walk(root, topdown=False):
        for name in (*files, *folders):
            path = Path(folder, name)
            yield path, path.relative_to(root).as_posix()


def look(root):
    """The whole tree by its keys."""
    found = {}
    for path, key in walk(root):
        state = path.lstat()
        content = b""
        if stat.S_ISREG(state.st_mode):
            content = hashlib.sha1(path.read_bytes(), usedforsecurity=False).digest()
        elif stat.S_ISLNK(state.st_mode):
            content = os.fsencode(path.readlink())
        found[key] = Seen(
            stat.S_IFMT(state.st_mode),
            0 if path.is_symlink() else stat.S_IMODE(state.st_mode),
            (state.st_uid, state.st_gid),
            state.st_mtime_ns,
            content,
        )
    return found


def same(found, wanted):
    """Assert that two trees are alike; the first differences are told."""
    assert sorted(wanted.keys() - found.keys())[:20] == []
    assert sorted(found.keys() - wanted.keys())[:20] == []
    assert {key: (found[key], seen) for key, seen in wanted.items() if found[key] != seen} == {}


def partial_run(folder, source, destination, **options):
    """A whole run of which some items fail: its result, and their paths by class."""
    with started(folder, source, destination, **options) as process:
        code = process.wait(timeout=LEG_SECONDS)
    assert code == 0, (folder / "log").read_text()[-6000:]
    failed = defaultdict(list)
    for line in (folder / "log").read_text().splitlines():
        told = json.loads(line)
        if told["event"] == "failure":
            failed[told["code"]].append(told["path"].removeprefix("/"))
    return TransferResult.model_validate_json((folder / "result").read_bytes()), failed


def whole_run(folder, source, destination):
    """A whole run of which nothing fails."""
    with started(folder, source, destination) as process:
        return finished(process, folder, seconds=LEG_SECONDS)


def twins_of(keys):
    """Keys that only a case apart, by the name that they share without it."""
    groups = defaultdict(set)
    for key in keys:
        parts = key.split("/")
        for depth in range(1, len(parts) + 1):
            groups["/".join(parts[:depth]).lower()].add("/".join(parts[:depth]))
    return [group for group in groups.values() if len(group) > 1]


def on_share(wanted, failed):
    """What a share should have of a tree: every failure is one that it must be, and none is not."""
    links = {key for key, seen in wanted.items() if seen.type == stat.S_IFLNK}
    assert set(failed.pop("NotSupported")) == links
    devices = {key for key in wanted if any(map(DEVICES.fullmatch, key.split("/")))} - links
    assert devices >= {"include/soc/arc/aux.h"}
    assert set(failed.pop("NameNotRepresentable")) == devices
    conflicts = failed.pop("Conflict")
    assert failed == {}
    assert len(conflicts) == len(set(conflicts))
    twins = twins_of(wanted.keys() - links)
    names = {name for group in twins for name in group}
    assert names >= {"net/netfilter/xt_TCPMSS.c", "net/netfilter/xt_tcpmss.c", "Twin", "twin"}
    lost = links | devices | set(conflicts)
    assert set(conflicts) <= names
    kept = {key: seen for key, seen in wanted.items() if key not in lost}
    # One of each twins is there: all others are told, and nothing that has no twin is missing.
    by_name = defaultdict(list)
    for key in kept:
        by_name[key.lower()].append(key)
    assert [found for found in by_name.values() if len(found) > 1] == []
    assert by_name.keys() == {key.lower() for key in wanted.keys() - links - devices}
    return kept


@pytest.mark.timeout(LIMIT_SECONDS)
def test_the_sources_of_linux_come_back(room, minio, bucket, smb_server, smb_folder):
    root = unpack(room)
    wanted = look(root)
    assert sum(seen.type == stat.S_IFREG for seen in wanted.values()) > 50_000

    objects = s3_side(minio, bucket, credentials(room / "keys", minio))
    whole_run(room, posix_side(root), objects)
    shutil.rmtree(root)
    back = room / "back"
    back.mkdir()
    whole_run(room, objects, posix_side(back))
    same(look(back), wanted)
    names = [back / key for key in ("MAINTAINERS", "hard/MAINTAINERS", "hard/again")]
    assert len({path.stat().st_ino for path in names}) == 1
    assert names[0].stat().st_nlink == 3

    share = smb_server.side(
        smb_server.credentials(room / "login"), f"{smb_folder.name}/", encryption="Off"
    )
    result, failed = partial_run(room, posix_side(back), share)
    assert result.outcome == "Error"
    (told,) = (known for known in result.failures if known.code == "Conflict")
    assert "does not tell upper from lower case" in told.message
    assert told.hint == "rename or remove one of the two"
    conflicts = set(failed["Conflict"])
    kept = on_share(wanted, failed)

    again, failed = partial_run(room, posix_side(back), share)
    assert set(failed["Conflict"]) == conflicts, "a twin took the place of another"
    assert again.counters.files_transferred == again.counters.folders_transferred == 0

    shutil.rmtree(back)
    last = room / "last"
    last.mkdir()
    whole_run(room, share, posix_side(last))
    same(look(last), {key: from_share(seen) for key, seen in kept.items()})


def from_share(seen):
    """What is left of an item that was on a share: AWS DataSync's defaults for the rest."""
    folder = seen.type == stat.S_IFDIR
    return seen._replace(
        mode=0o755 if folder else 0o644,
        owner=(65534, 65534) if ROOT else (os.getuid(), os.getgid()),
        mtime_ns=seen.mtime_ns // GRAIN_NS * GRAIN_NS,
    )
