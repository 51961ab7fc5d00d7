"""The walk: sorted whatever is read ahead or sorted on disk, pruned, and never led astray."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasync_api.patterns import Filter
from datasync_runner.core.entry import UNSTAMPED, Entry, Keeps, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.posix import ahead as posix_ahead
from datasync_runner.storage.posix import listing as posix_listing
from datasync_runner.storage.posix.folders import Borrowed, Folders, open_folder
from datasync_runner.storage.posix.mount import (
    Mount,
    find_mount,
    in_memory,
    is_network,
    keeps,
    mount_of,
)
from datasync_runner.storage.posix.walk import walk
from fakes.filters import choose

IN_2300 = 10_413_792_000
ALL = Filter.parse([], [])
NAMES = st.text(st.sampled_from("aA-.0/z~é\udcff"), min_size=1, max_size=4).filter(
    lambda text: not set(text.split("/")) & {"", ".", ".."}
)


def listed(root, chosen=ALL, **options):
    root_fd = os.open(root, os.O_RDONLY)
    leftovers = []
    try:
        batches = list(walk(root_fd, chosen, leftovers.append, **options))
    finally:
        os.close(root_fd)
    entries = [entry for batch in batches for entry in batch.entries]
    return entries, [error for batch in batches for error in batch.errors], leftovers


def plain(root: Path) -> list[bytes]:
    """What a walk lists, found the simple way."""
    keys = []
    for folder, below, files in os.walk(os.fsencode(root)):
        inside = os.path.relpath(folder, os.fsencode(root))
        prefix = b"" if inside == b"." else inside + b"/"
        keys += [prefix + name + b"/" for name in below] + [prefix + name for name in files]
    return sorted(keys)


def plant(root: Path, paths) -> None:
    for text in paths:
        path = root / text
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError:
            continue  # one path's file is another one's folder


@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize("folder_names", [3, 10_000])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(paths=st.lists(NAMES, max_size=25))
def test_every_tree_is_listed_in_the_order_of_keys(
    tmp_path_factory, monkeypatch, network, folder_names, paths
):
    monkeypatch.setattr(posix_listing, "FOLDER_NAMES", folder_names)
    monkeypatch.setattr(posix_listing, "CHUNK", 2)
    monkeypatch.setattr(posix_listing, "PIECE", 2)
    root = tmp_path_factory.mktemp("tree")
    plant(root, paths)
    entries, failures, leftovers = listed(root, network=network)
    assert [entry.key for entry in entries] == plain(root)
    assert (failures, leftovers) == ([], [])


def test_what_is_sorted_on_disk_is_the_same(tmp_path, monkeypatch):
    for number in range(50):
        (tmp_path / f"f{number}").write_bytes(b"x" * number)
        os.utime(tmp_path / f"f{number}", ns=(-number, 10**18 + number))
    os.utime(tmp_path / "f9", (IN_2300, IN_2300))
    (tmp_path / "link").symlink_to("f1")
    (tmp_path / "folder").mkdir(mode=0o1750)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "another").hardlink_to(tmp_path / "f7")
    kinds = set(Kind)
    try:
        os.mknod(tmp_path / "null", stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(tmp_path / "whiteout", stat.S_IFCHR, 0)
    except PermissionError:  # nobody here may
        kinds.remove(Kind.DEVICE)
    listed(tmp_path)  # the folder has been read now: its access time stays
    before = listed(tmp_path)
    assert IN_2300 * 10**9 in {entry.mtime_ns for entry in before[0]}
    monkeypatch.setattr(posix_listing, "FOLDER_NAMES", 10)
    monkeypatch.setattr(posix_listing, "CHUNK", 7)
    monkeypatch.setattr(posix_listing, "PIECE", 4)
    monkeypatch.setattr(posix_listing, "SORT_BYTES", 1000)
    assert listed(tmp_path) == before
    assert {entry.kind for entry in before[0]} == kinds


@pytest.mark.parametrize("network", [False, True])
def test_filters_prune(tmp_path, network):
    left_out = [".snapshot/x", "a/.snapshot/x", "a/b.snapshot", ".zfs/x", ".aws-datasync-metadata"]
    plant(tmp_path, ["a/b/x", "a/b/x.tmp", "a/c", "d/e", *left_out])
    for rules, keys in (
        (([], []), [b"a/", b"a/b/", b"a/b/x", b"a/b/x.tmp", b"a/c", b"d/", b"d/e"]),
        ((["/a/b"], ["*.tmp"]), [b"a/b/", b"a/b/x"]),
        (([], ["/a"]), [b"d/", b"d/e"]),
    ):
        entries, failures, _ = listed(tmp_path, choose(*rules), network=network)
        assert [entry.key for entry in entries] == keys
        assert not failures


def test_hidden_files_and_glob_folders_are_told_by_their_names_and_kinds(tmp_path):
    plant(tmp_path, ["a/.git/x", "a/b", ".c", "d/b/e", "f.t", "g.snapshot.t"])
    for chosen, keys in (
        (choose(hidden=False), [b"a/", b"a/b", b"d/", b"d/b/", b"d/b/e", b"f.t", b"g.snapshot.t"]),
        (
            choose([], ["b/|*.t"], language="Glob"),
            [b".c", b"a/", b"a/.git/", b"a/.git/x", b"a/b", b"d/"],
        ),
        (choose(["/*/b/*|/?.t"], language="Glob", hidden=False), [b"d/b/e", b"f.t"]),
    ):
        entries, failures, _ = listed(tmp_path, chosen)
        assert [entry.key for entry in entries] == keys
        assert not failures


def test_only_the_default_excludes_are_everything():
    assert ALL.everything
    assert choose(hidden=False).everything  # their names say it
    assert not choose(["/a"]).everything
    assert not choose([], ["*.tmp"]).everything


@pytest.mark.parametrize("network", [False, True])
def test_a_folder_that_becomes_a_link_is_told_and_not_entered(tmp_path, monkeypatch, network):
    plant(tmp_path, ["root/a/x", "root/b/x", "outside/secret"])

    def swapped(name, parent_fd, *, create=False):
        if name == b"a":
            (tmp_path / "root/a").rename(tmp_path / "gone")
            (tmp_path / "root/a").symlink_to(tmp_path / "outside")
        return open_folder(name, parent_fd, create=create)

    monkeypatch.setattr("datasync_runner.storage.posix.folders.open_folder", swapped)
    entries, failures, _ = listed(tmp_path / "root", network=network)
    assert [entry.key for entry in entries] == [b"a/", b"b/", b"b/x"]
    assert [(type(error), error.key) for error in failures] == [(errors.Conflict, b"a/")]


@pytest.mark.parametrize("network", [False, True])
def test_a_folder_that_goes_is_not_there(tmp_path, monkeypatch, network):
    plant(tmp_path, ["a/x", "b/x"])

    def gone(name, parent_fd, *, create=False):
        if name == b"a":
            (tmp_path / "a/x").unlink(missing_ok=True)
            (tmp_path / "a").rmdir()
        return open_folder(name, parent_fd, create=create)

    monkeypatch.setattr("datasync_runner.storage.posix.folders.open_folder", gone)
    entries, failures, _ = listed(tmp_path, network=network)
    assert [entry.key for entry in entries] == [b"a/", b"b/", b"b/x"]
    assert not failures


def test_temporary_files_of_all_releases_are_told(tmp_path):
    old, new = f".datasync-{'0' * 16}.tmp", f".datasync-{'a' * 32}.tmp"
    plant(tmp_path, [f"d/{old}", new, ".datasync-mine.tmp"])
    entries, _, leftovers = listed(tmp_path)
    assert [entry.key for entry in entries] == [b".datasync-mine.tmp", b"d/"]
    assert sorted(leftovers) == [new.encode(), f"d/{old}".encode()]


def test_the_walk_reads_ahead_within_its_bounds(tmp_path, monkeypatch):
    plant(tmp_path, [f"d{number:02}/x" for number in range(40)])
    monkeypatch.setattr(posix_ahead, "AHEAD_FOLDERS", 5)
    asked, most = set(), 0
    read = posix_ahead.Ahead._read

    def counting(self, key, moved_ns):
        nonlocal most
        asked.add(key)
        most = max(most, len(self._asked))
        return read(self, key, moved_ns)

    monkeypatch.setattr(posix_ahead.Ahead, "_read", counting)
    root_fd = os.open(tmp_path, os.O_RDONLY)
    ahead = posix_ahead.Ahead(root_fd, ALL, 3, at_once=True)
    ahead.take(b"")
    ahead.take(b"d00/")
    ahead._pool.submit(bool).result()
    ahead.close()
    os.close(root_fd)
    assert 1 < len(asked) <= 2 + 5 + 3
    assert most <= 5


@pytest.mark.parametrize("network", [False, True])
def test_a_walk_that_is_left_early_closes_everything(tmp_path, monkeypatch, network):
    monkeypatch.setattr(posix_listing, "FOLDER_NAMES", 5)
    monkeypatch.setattr("datasync_runner.storage.posix.walk.CHUNK", 2)
    plant(tmp_path, [f"d{number}/{name}" for number in range(20) for name in "abcdef"])
    before = len(list(Path("/proc/self/fd").iterdir()))
    root_fd = os.open(tmp_path, os.O_RDONLY)
    walker = walk(root_fd, ALL, print, network=network)
    next(walker)
    walker.close()
    os.close(root_fd)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_root_that_cannot_be_listed_is_an_error(tmp_path, monkeypatch):
    def no(*_):
        raise PermissionError(13, "no")

    monkeypatch.setattr(os, "scandir", no)
    with pytest.raises(errors.Denied):
        listed(tmp_path)


MOUNTS = """\
36 35 98:0 / / rw,noatime shared:1 - ext4 /dev/root rw
40 36 0:50 / /mnt/a rw - nfs4 server:/a rw,vers=4.2
136 36 0:51 /sub /mnt/b rw master:1 - fuse.s3fs s3fs rw
137 36 0:52 / /mnt/c rw - cifs //server/share rw,vers=3.1.1,nounix
"""


@pytest.mark.parametrize(
    ("number", "kind", "network"),
    [(36, "ext4", False), (40, "nfs4", True), (136, "fuse.s3fs", True), (6, "", False)],
)
def test_the_kernels_table_tells_the_file_system(number, kind, network):
    found = find_mount(MOUNTS, f"pos:\t0\nflags:\t0100000\nmnt_id:\t{number}\nino:\t1\n").type
    assert (found, is_network(found)) == (kind, network)
    assert not in_memory(found)


KEPT = [
    ("ext4", "rw", Keeps()),
    ("nfs4", "rw,vers=4.2", Keeps()),
    ("cifs", "rw,vers=3.1.1,nounix", Keeps(owners=False, time_grain_ns=100)),
    ("smb3", "rw,nounix,dynperm", Keeps(owners=False, time_grain_ns=100)),
    ("cifs", "rw,posix,posixpaths", Keeps(time_grain_ns=100)),
    ("cifs", "rw,nounix,modefromsid", Keeps(time_grain_ns=100)),
]


@pytest.mark.parametrize(("kind", "options", "expected"), KEPT)
def test_what_a_mount_keeps(kind, options, expected):
    assert keeps(Mount(kind, frozenset(options.split(",")))) == expected
    assert find_mount(f"7 1 0:1 / /m rw - {kind} x {options}", "mnt_id: 7").options == set(
        options.split(",")
    )


def test_a_share_gets_no_name_that_it_would_change(tmp_path):
    """The kernel's client stores b"\\xff" as "?": another file, and perhaps one that is there."""
    fd = os.open(tmp_path, os.O_RDONLY)
    folders = Folders(fd, text_names=True)
    with Borrowed(folders, create=True) as borrowed:
        assert borrowed.at("ü/日本".encode())[1] == "日本".encode()
        for key in (b"not-\xff", b"ok/not-\xff", b"not-\xff/ok"):
            with pytest.raises(errors.NameNotRepresentable, match="not UTF-8"):
                borrowed.at(key)
    with pytest.raises(errors.NameNotRepresentable), folders.open(b"\xff/", create=True):
        pass
    folders.close()
    os.close(fd)
    assert {path.name for path in tmp_path.iterdir()} <= {"ok", "ü"}


def test_this_machine_tells_a_file_system(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    folders = Folders(fd)
    assert mount_of(fd).type
    assert not is_network(mount_of(fd).type)
    folders.close()
    os.close(fd)


def stamps(root, **options):
    entries, _, _ = listed(root, **options)
    return {entry.key: entry.changed_ns for entry in entries}


@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize("folder_names", [3, 10_000])
def test_change_stamps_are_ctimes(tmp_path, monkeypatch, network, folder_names):
    monkeypatch.setattr(posix_listing, "FOLDER_NAMES", folder_names)
    plant(tmp_path, ["a/x", "a/y", "a/z", "a/w", "b/c/x", "top"])
    (tmp_path / "link").symlink_to("top")
    for key, stamp_ns in stamps(tmp_path, network=network).items():
        found = (tmp_path / os.fsdecode(key)).lstat()
        if key.count(b"/") - key.endswith(b"/") < 1:  # what is inside may have come with a folder
            assert stamp_ns == found.st_ctime_ns
        else:
            assert stamp_ns >= found.st_ctime_ns


def tick(path: Path) -> None:
    """Change something, until the clock of stamps has moved on."""
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        path.chmod(0o755)


def test_what_came_with_a_folder_is_as_new_as_its_coming(tmp_path):
    plant(tmp_path, ["a/b/x", "a/y", "old/b/x", "old/y", "top"])
    tick(tmp_path / "top")
    before = stamps(tmp_path)
    tick(tmp_path / "top")
    (tmp_path / "a").rename(tmp_path / "away")
    (tmp_path / "old").rename(tmp_path / "a")
    after = stamps(tmp_path)
    moved_ns = min((tmp_path / "a").stat().st_ctime_ns, tmp_path.stat().st_ctime_ns)
    for key in (b"a/", b"a/b/", b"a/b/x", b"a/y"):
        assert after[key] >= moved_ns > before[key], key


def test_a_new_file_makes_nothing_new_beside_it(tmp_path):
    plant(tmp_path, ["a/b/x", "a/y", "c/z"])
    tick(tmp_path / "c/z")
    border_ns = (tmp_path / "c/z").stat().st_ctime_ns
    (tmp_path / "a/b/new").touch()
    found = stamps(tmp_path)
    assert found[b"a/b/"] >= border_ns
    for key in (b"a/b/x", b"a/y", b"a/"):
        assert found[key] < border_ns, key


def test_a_folder_deeper_than_any_path_is_told_and_the_rest_is_listed(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(b"d" * 250, dir_fd=fd)
        below = os.open(b"d" * 250, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    (tmp_path / "z").touch()
    entries, failures, _ = listed(tmp_path)
    assert entries[-1].key == b"z"
    (failure,) = failures
    assert isinstance(failure, errors.NameNotRepresentable)
    assert len(failure.key) > 4095


@pytest.mark.parametrize(
    ("changed_ns", "kept_ns"), [(5, 5), (UNSTAMPED, UNSTAMPED), (IN_2300 * 10**9, UNSTAMPED)]
)
def test_a_change_that_a_record_cannot_hold_proves_nothing(changed_ns: int, kept_ns: int) -> None:
    """A share's ctime is what its clients set, as `os.utime` cannot."""
    entry = Entry(b"d/f", Kind.FILE, 1, 2)._replace(changed_ns=changed_ns)
    record = posix_listing._packed(entry, 2)
    (chunk,) = posix_listing._unpacked(iter([record]), b"d/", 0)
    assert [found.changed_ns for found in chunk.entries] == [kept_ns]
