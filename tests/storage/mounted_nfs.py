"""What an NFS mount alone has: files that are removed while they are open, and root that is nobody.

Run by `test_kernel_mounts`, like `mounted_runs`.
"""

import os
import re
import uuid
from pathlib import Path

import pytest

from datasync_runner.core.parts import MIB
from storage.mounted_runs import result, run
from storage.sides import MOUNTS, posix_side

pytestmark = pytest.mark.timeout(120)
VERSIONS = [name for name in MOUNTS if name in ("nfs-3", "nfs-4.2")]
"""The two protocols: it is the client that keeps what is open, in each version alike."""
SQUASHED = dict(word.split("=") for word in os.environ.get("DATASYNC_TEST_SQUASHED", "").split())
"""Mounts of the export that nfs-4.2 has as well, from a server that takes root for nobody."""
STILL_OPEN = re.compile(r"\.nfs[0-9a-f]{24}")
OWNER, LARGE = 1000, 9 * MIB


@pytest.fixture
def mounted(kind):
    """A new folder of a mount."""
    folder = Path(MOUNTS[kind]) / uuid.uuid4().hex
    folder.mkdir()
    return folder


@pytest.fixture
def seed(tmp_path):
    """A small file, a large one, a link, and a file in a folder, not all of them root's."""
    folder = tmp_path / "seed"
    (folder / "d").mkdir(parents=True)
    (folder / "d/f").write_bytes(b"old")
    (folder / "small").write_bytes(b"old")
    (folder / "large").write_bytes(bytes(LARGE))
    (folder / "link").symlink_to("small")
    os.chown(folder / "d/f", OWNER, OWNER)
    return folder


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", VERSIONS)
def test_a_file_that_was_removed_while_it_is_open_takes_part(tmp_path, kind, mounted):
    """As with AWS DataSync, whose default excludes do not name it; a pattern of the task can."""
    for name in ("there", "other"):
        (tmp_path / name).mkdir()
    path = mounted / "f"
    path.write_bytes(b"held")
    with path.open("rb"):
        path.unlink()
        (name,) = names(mounted)
        assert STILL_OPEN.fullmatch(name)
        there = posix_side(tmp_path / "there")
        assert run(tmp_path, posix_side(mounted), there).files_transferred == 1
        assert (tmp_path / "there" / name).read_bytes() == b"held"
        other = posix_side(tmp_path / "other")
        run(tmp_path, posix_side(mounted), other, excludes=["*/.nfs*"])
        assert names(tmp_path / "other") == []
    (mounted / "g").touch()
    assert run(tmp_path, posix_side(mounted), there).files_deleted == 1
    assert names(tmp_path / "there") == ["g"]


@pytest.mark.parametrize("kind", VERSIONS)
def test_what_is_open_at_the_destination_goes_when_it_is_closed(tmp_path, kind, mounted, seed):
    """Replaced and removed files stay under such names meanwhile, which fails no run."""
    sides = posix_side(seed), posix_side(mounted)
    run(tmp_path, *sides)
    with (mounted / "d/f").open("rb") as removed, (mounted / "small").open("rb") as replaced:
        (seed / "d/f").unlink()
        (seed / "d").rmdir()
        (seed / "small").write_bytes(b"other")
        assert run(tmp_path, *sides).files_deleted == 1
        left = [name for name in names(mounted) if name not in names(seed)]
        assert [bool(STILL_OPEN.fullmatch(name.rpartition("/")[2])) for name in left].count(
            True
        ) == 2
        assert (mounted / "small").read_bytes() == b"other"

        again = result(tmp_path, *sides)
        assert (again.outcome, again.counters.files_deleted, again.failures) == ("Success", 0, [])
        assert [(skip.code, skip.count) for skip in again.skips] == [("StillOpen", 2)]
        assert (removed.read(), replaced.read()) == (b"old", b"old")
    last = result(tmp_path, *sides)
    assert (last.outcome, last.skips) == ("Success", [])
    assert names(mounted) == names(seed)


@pytest.fixture
def shared():
    """One folder behind both servers: as root has it, and as nobody has; anybody may write."""
    name = uuid.uuid4().hex
    ours = Path(MOUNTS["nfs-4.2"]) / name
    ours.mkdir()
    ours.chmod(0o777)
    return ours, posix_side(Path(SQUASHED["nfs-squashed"]), name)


@pytest.mark.parametrize("mode", ["OnlyFilesTransferred", "None"])
@pytest.mark.parametrize("kind", SQUASHED)
def test_a_server_that_takes_root_for_nobody_keeps_no_owners(tmp_path, kind, mode, shared, seed):
    """Each item says so, with the ways out; none is there under an owner that is not its own."""
    ours, side = shared
    found = result(tmp_path, posix_side(seed), side, verifyMode=mode)
    assert (found.outcome, found.counters.files_transferred) == ("Error", 0)
    (failure,) = found.failures
    assert (failure.code, failure.count) == ("Denied", 5)
    for way in ("no_root_squash", "options.uid", "PreserveOwnership"):
        assert way in failure.message
    assert names(ours) == ["d"]


@pytest.mark.parametrize("kind", SQUASHED)
def test_without_owners_all_is_there(tmp_path, kind, shared, seed):
    ours, side = shared
    options = {"uid": "None", "gid": "None"}
    found = result(tmp_path, posix_side(seed), side, **options)
    assert (found.outcome, found.counters.files_verified) == ("Success", 4)
    assert names(ours) == names(seed)
    again = run(tmp_path, posix_side(seed), side, **options)
    assert again.files_skipped == 3  # nfs-ganesha keeps no times of links


@pytest.mark.parametrize("kind", SQUASHED)
def test_what_nobody_may_read_is_told_with_the_way_out(tmp_path, kind, shared):
    ours, side = shared
    (tmp_path / "there").mkdir()
    for name, mode in (("open", 0o644), ("private", 0o600)):
        (ours / name).write_bytes(b"x")
        (ours / name).chmod(mode)
        os.chown(ours / name, OWNER, OWNER)
    found = result(tmp_path, side, posix_side(tmp_path / "there"))
    (failure,) = found.failures
    assert (failure.code, failure.sample_path) == ("Denied", "/private")
    assert "no_root_squash" in failure.hint
    assert names(tmp_path / "there") == ["open"]


@pytest.mark.parametrize("kind", SQUASHED)
def test_a_destination_that_nobody_may_write_ends_the_run(tmp_path, kind, shared, seed):
    ours, side = shared
    ours.chmod(0o755)
    found = result(tmp_path, posix_side(seed), side, code=10)
    assert found.error is not None
    assert "no_root_squash" in found.error.detail
