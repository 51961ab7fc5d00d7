"""Whole runs to, from and between file systems that a kernel mounted; `test_kernel_mounts` runs them.

A module that is collected by its name alone: elsewhere there are no mounts, and nothing is skipped.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

from datasync_api.report import TransferResult
from fixtures import s3
from fixtures.smb import SmbServer
from storage.sides import MOUNTS, credentials, posix_side, s3_side

pytestmark = pytest.mark.timeout(120)
FILES = 12
OTHERS = {
    "nfs-3": "s3",
    "nfs-4.0": "smb",
    "nfs-4.1": "cifs-sealed",
    "nfs-4.2": "cifs",
    "cifs": "s3",
    "cifs-sealed": "nfs-4.2",
}
"""On from a mount to another kind of storage."""


@pytest.fixture
def other(request, tmp_path):
    """A new place at the other kind of storage."""
    kind, name = OTHERS[request.getfixturevalue("kind")], uuid.uuid4().hex
    secret = tmp_path / "secret"
    if kind == "smb":
        server = SmbServer(
            host=os.environ["SMB_SERVER"],
            port=int(os.environ["SMB_PORT"]),
            username=os.environ["SMB_USERNAME"],
            password=os.environ["SMB_PASSWORD"],
            folder=tmp_path,
            dfs=tmp_path,
            name="mounts",
        )
        return server.side(server.credentials(secret), name, encryption="Required", share="enc")
    if kind == "s3":
        server = s3.S3Server(
            endpoint=os.environ["AWS_ENDPOINT_URL"],
            access_key=os.environ["AWS_ACCESS_KEY_ID"],
            secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        )
        client = server.client()
        bucket = s3.make_bucket(client)
        client.close()
        return s3_side(server, bucket, credentials(secret, server), f"{name}/")
    return posix_side(Path(MOUNTS[kind]), name)


@pytest.fixture
def everybodys():
    """A folder that everybody may enter and write, as pytest's are not."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def run(tmp_path, source, destination, **options):
    """A run's counters."""
    return result(tmp_path, source, destination, **options).counters


def result(tmp_path, source, destination, *, code=0, excludes=(), user=None, **options):
    """What a run that ends with the exit code leaves behind."""
    plan = {
        "execution": {"namespace": "n", "name": "e", "uid": "u"},
        "source": source.model_dump(mode="json"),
        "destination": destination.model_dump(mode="json"),
        "options": {"preserveDeletedFiles": "Remove", **options},
        "guards": {"maxDeletePercent": 100},
    }
    plan["excludes"] = [{"value": pattern} for pattern in excludes]
    path, found = tmp_path / "plan", tmp_path / "result"
    path.write_text(json.dumps(plan))
    command = [sys.executable, "-m", "datasync_runner", "--plan", path, "--result", found]
    identity = {"user": user, "group": user, "extra_groups": []} if user else {}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **identity)
    assert done.returncode == code, done.stdout + done.stderr
    return TransferResult.model_validate_json(found.read_bytes())


def grow(root):
    """A tree with owners, modes and times to the nanosecond, without links."""
    (root / "a/b").mkdir(parents=True)
    (root / "empty").mkdir()
    for number in range(FILES):
        path = root / f"a/b/f-{number:02}"
        path.write_bytes(os.urandom(1000 * number))
        path.chmod(0o600 if number % 2 else 0o755)
        os.chown(path, 1000 + number, 2000)
        os.utime(path, ns=(5, 1_500_000_000_000_000_001 + number))


def looks(root, *, owners, grain_ns):
    """Names, and of files the content, the time as the grain has it and owners where they are kept."""
    found = {}
    for path in root.rglob("*"):
        told = path.stat()
        owner = (told.st_uid, told.st_gid, told.st_mode) if owners else ()
        file = (path.read_bytes(), told.st_mtime_ns // grain_ns, owner) if path.is_file() else ()
        found[path.relative_to(root).as_posix()] = file
    return found


@pytest.mark.parametrize("kind", MOUNTS)
def test_there_on_and_back(tmp_path, kind, other):
    """A tree to the mount, again, on to another kind of storage, and back; nothing differs."""
    seed, back, mounted = (
        tmp_path / "seed",
        tmp_path / "back",
        Path(MOUNTS[kind]) / uuid.uuid4().hex,
    )
    for folder in (seed, back, mounted):
        folder.mkdir()
    grow(seed)
    owners = kind.startswith("nfs")

    counters = run(tmp_path, posix_side(seed), posix_side(mounted))
    assert counters.files_transferred == counters.files_verified == FILES
    grain_ns = 1 if owners else 100
    assert looks(mounted, owners=owners, grain_ns=grain_ns) == looks(
        seed, owners=owners, grain_ns=grain_ns
    )

    again = run(tmp_path, posix_side(seed), posix_side(mounted))
    assert (again.files_skipped, again.files_transferred) == (FILES, 0)
    assert again.files_metadata_updated == again.folders_transferred == 0

    run(tmp_path, posix_side(mounted), other)
    run(tmp_path, other, posix_side(back))
    whole = owners and OTHERS[kind] == "s3"
    kept = {"owners": whole, "grain_ns": 1 if whole else 100}
    assert looks(back, **kept) == looks(seed, **kept)


@pytest.mark.parametrize("kind", [kind for kind in MOUNTS if kind.startswith("cifs")])
def test_a_runner_without_any_right_may_do_what_the_server_lets_its_login_do(kind, everybodys):
    """A share shows one owner for all files; the runner is uid 10001, and is not that owner."""
    seed, back, mounted = (
        everybodys / "seed",
        everybodys / "back",
        Path(MOUNTS[kind]) / uuid.uuid4().hex,
    )
    (seed / "a/b").mkdir(parents=True)
    (seed / "empty").mkdir()
    for name in ("f", "a/f", "a/b/large"):
        (seed / name).write_bytes(os.urandom(3_000_000 if name.endswith("large") else 3_000))
    back.mkdir(0o777)
    back.chmod(0o777)
    mounted.mkdir()

    there = result(everybodys, posix_side(seed), posix_side(mounted), user=10001).counters
    assert there.files_transferred == there.files_verified == 3
    (seed / "f").write_bytes(b"new")
    (seed / "a/f").unlink()
    again = result(everybodys, posix_side(seed), posix_side(mounted), user=10001).counters
    assert (again.files_transferred, again.files_deleted, again.files_metadata_updated) == (1, 1, 0)

    result(everybodys, posix_side(mounted), posix_side(back), user=10001, uid="None", gid="None")
    kept = {"owners": False, "grain_ns": 100}
    assert looks(back, **kept) == looks(mounted, **kept) == looks(seed, **kept)
    found = (back / "f").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (10001, 0o644)
