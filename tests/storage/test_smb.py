"""What is SMB's own: logging on, encryption, names, links, lost connections.  Against a real Samba."""

import asyncio
import itertools
import os
import socket

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Kind, WindowsMetadata
from datasync_runner.core.parts import MIB
from datasync_runner.storage import errors
from datasync_runner.storage.smb import listing, walk
from datasync_runner.storage.smb.storage import SmbStorage
from datasync_runner.storage.smb.times import to_filetime
from datasync_runner.storage.temporary_names import temporary_name
from storage.looks import finished, started, tree_of
from storage.sides import (
    ALL,
    META,
    BytesReader,
    credentials,
    file,
    fine,
    folder,
    listed,
    posix_side,
    s3_side,
)

TEMPORARY = os.fsdecode(temporary_name(b"f"))

LATE_NS = 10_413_792_000 * 10**9
"""In 2300; 64 bits of nanoseconds end in 2262."""


@pytest.fixture
def secret(smb_server, tmp_path):
    return smb_server.credentials(tmp_path / "login")


@pytest.fixture
def side(smb_server, smb_folder, secret):
    return smb_server.side(secret, f"{smb_folder.name}/", encryption="Off")


@pytest.fixture
async def storage(side):
    storage = SmbStorage(side, writes=True, started_ns=2**62, verifies=True)
    await storage.check()
    yield storage
    await storage.close()


async def refused(side, *, writes=False):
    storage = SmbStorage(side, writes=writes, started_ns=0)
    try:
        with pytest.raises(errors.StorageError) as caught:
            await storage.check()
    finally:
        await storage.close()
    return caught.value


# Logging on


async def test_a_wrong_password(side, smb_server, tmp_path):
    smb_server.credentials(tmp_path / "login", password="Wr0ng!")
    error = await refused(side)
    assert isinstance(error, errors.CredentialsRefused)
    assert "unknown user or wrong password" in error.message
    assert "Wr0ng!" not in error.message


async def test_a_share_that_is_not_there(smb_server, secret):
    error = await refused(smb_server.side(secret, "", share="none"))
    assert isinstance(error, errors.ConfigurationInvalid)
    assert "no share none" in error.message


@pytest.mark.parametrize("change", [{"port": 1}, {"server": "no-such-host.invalid"}])
async def test_a_server_that_is_not_there(side, change):
    error = await refused(side.model_copy(update=change))
    assert isinstance(error, errors.NoService)
    assert "check server and port of the location" in error.message


async def test_a_path_that_is_not_there_is_made_at_a_destination_alone(side, smb_folder):
    deep = side.model_copy(update={"path": f"{smb_folder.name}/a/b/"})
    assert isinstance(await refused(deep), errors.ConfigurationInvalid)
    storage = SmbStorage(deep, writes=True, started_ns=0)
    await storage.check()
    await storage.check()
    await storage.close()
    assert (smb_folder / "a" / "b").is_dir()


async def test_a_destination_that_shall_not_be_made_is_empty(side, smb_folder):
    away = side.model_copy(update={"path": f"{smb_folder.name}/a/b/"})
    storage = SmbStorage(away, writes=True, creates=False, started_ns=0)
    await storage.check()
    assert await listed(storage) == []
    await storage.close()
    assert list(smb_folder.iterdir()) == []


# Names


async def test_names_that_differ_in_case_alone_are_conflicts(storage, smb_folder):
    answers = await storage.write_small([file(b"d/Read me", b"1"), file(b"d/read ME", b"2")])
    assert [type(answer) for answer in answers[1:]] == [errors.Conflict]
    assert "Read me" in answers[1].message
    assert {path.name: path.read_bytes() for path in (smb_folder / "d").iterdir()} == {
        "Read me": b"1"
    }
    entry = file(b"D/other").entry._replace(size_bytes=9 * MIB)
    with pytest.raises(errors.Conflict):
        await storage.write(entry, BytesReader(entry, bytes(9 * MIB)))
    (answer,) = await storage.write_folders([folder(b"D/")])
    assert isinstance(answer, errors.Conflict)
    (answer,) = await storage.write_small([file(b"D/other", b"3")])
    assert isinstance(answer, errors.Conflict)
    assert [path.name for path in smb_folder.iterdir()] == ["d"]


async def test_the_same_name_is_replaced(storage, smb_folder):
    for body in (b"1", b"other", b""):
        fine(await storage.write_small([file(b"d/Read me", body)]))
        assert (smb_folder / "d" / "Read me").read_bytes() == body


@pytest.mark.parametrize(
    "key", [b"a:b", b"a?", b"dot.", b"blank ", b"nul", b"aux.txt", b"\xff", b"x" * 256, b"a:b/c"]
)
async def test_names_that_windows_cannot_have(storage, smb_folder, key):
    (answer,) = await storage.write_small([file(key, b"x")])
    assert isinstance(answer, errors.NameNotRepresentable)
    entry = file(key).entry._replace(size_bytes=1)
    with pytest.raises(errors.NameNotRepresentable):
        await storage.write(entry, BytesReader(entry, b"x"))
    assert list(smb_folder.iterdir()) == []


async def test_a_time_in_2300_is_kept(storage, smb_folder):
    late = file(b"f", b"x", mtime_ns=LATE_NS)
    (written,) = fine(await storage.write_small([late]))
    assert (smb_folder / "f").stat().st_mtime_ns == LATE_NS
    (found,) = await listed(storage)
    assert found.mtime_ns == LATE_NS
    fine(await storage.verify([written]))


async def test_a_file_and_a_folder_of_one_name_are_conflicts(storage, smb_folder):
    (smb_folder / "a").mkdir()
    (smb_folder / "b").write_bytes(b"file")
    answers = await storage.write_small([file(b"a", b"1"), file(b"b/c", b"2"), file(b"e", b"3")])
    kinds = [type(answer) for answer in answers[:2]]
    assert kinds == [errors.Conflict, errors.Conflict]
    fine(answers[2:])
    assert (smb_folder / "b").read_bytes() == b"file"


# Writing


async def test_what_a_killed_run_left_is_written_over_and_removed_at_the_end(storage, smb_folder):
    (smb_folder / TEMPORARY).write_bytes(b"half")
    (smb_folder / os.fsdecode(temporary_name(b"gone"))).write_bytes(b"half")
    fine(await storage.write_small([file(b"f", b"whole")]))
    assert [entry.key for entry in await listed(storage)] == [b"f"]
    await storage.finish()
    assert [path.name for path in smb_folder.iterdir()] == ["f"]


async def test_a_link_that_was_planted_leads_nobody_outside(storage, smb_folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    (smb_folder / TEMPORARY).symlink_to(outside / "file")
    (smb_folder / "folder").symlink_to(outside)
    answers = await storage.write_small([file(b"f", b"new"), file(b"folder/g", b"new")])
    assert isinstance(answers[1], errors.StorageError)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"file": b"precious"}


async def test_a_file_from_one_share_to_another(storage, side, smb_folder):
    body = os.urandom(20 * MIB + 3)
    (smb_folder / "source").mkdir()
    (smb_folder / "source" / "large").write_bytes(body)
    there = SmbStorage(
        side.model_copy(update={"path": f"{smb_folder.name}/source/"}), writes=False, started_ns=0
    )
    (entry,) = await listed(there)
    reader = await there.open(entry)
    moved = []
    written = await storage.write(entry, reader, moved.append)
    await reader.close()
    await there.close()
    assert (written.checksum, written.proven, sum(moved)) == (crc64(body), True, len(body))
    assert (smb_folder / "large").read_bytes() == body


async def test_files_between_a_message_and_a_large_file(storage, smb_folder):
    bodies = {b"%d" % size: os.urandom(size) for size in (MIB - 1, MIB, MIB + 1, 8 * MIB)}
    fine(await storage.write_small([file(key, body) for key, body in bodies.items()]))
    assert {os.fsencode(p.name): p.read_bytes() for p in smb_folder.iterdir()} == bodies
    contents = fine(await storage.read_small(await listed(storage)))
    assert {content.entry.key: content.body for content in contents} == bodies


async def test_read_only_files_are_deleted(storage, smb_folder):
    fine(await storage.write_small([file(b"f", b"1")]))
    (smb_folder / "f").chmod(0o444)
    fine(await storage.delete([b"f"]))
    assert list(smb_folder.iterdir()) == []


async def test_read_only_files_are_replaced(storage, smb_folder):
    fine(await storage.write_small([file(b"f", b"1")]))
    (smb_folder / "f").chmod(0o444)
    fine(await storage.write_small([file(b"f", b"other")]))
    assert (smb_folder / "f").read_bytes() == b"other"


async def test_a_folder_that_is_not_empty_stays(storage):
    fine(await storage.write_small([file(b"d/f", b"1")]))
    (answer,) = await storage.delete([b"d/"])
    assert isinstance(answer, errors.Conflict)


# Reading


async def test_a_file_that_grew_is_read_as_it_is_now(storage, smb_folder):
    (smb_folder / "f").write_bytes(b"longer than it was")
    (content,) = fine(await storage.read_small([file(b"f", b"short").entry]))
    assert (content.body, content.entry.size_bytes) == (b"longer than it was", 18)


async def test_a_large_file_that_changes_while_it_is_read(storage, smb_folder):
    (smb_folder / "large").write_bytes(bytes(9 * MIB))
    (entry,) = await listed(storage)
    reader = await storage.open(entry)
    await reader.read()
    (smb_folder / "large").write_bytes(b"other")
    with pytest.raises(errors.ChangedDuringTransfer):
        while await reader.read():
            pass
    await reader.close()


LETTERS = b"".join(bytes([letter]) * MIB for letter in b"abcdefghijklmnopqrst")
"""Each MiB is another one."""


async def open_letters(storage, smb_folder):
    (smb_folder / "large").write_bytes(LETTERS)
    return await storage.open((await listed(storage))[0])


async def test_ranges_that_are_asked_for_at_once_are_read_one_behind_the_other(storage, smb_folder):
    reader = await open_letters(storage, smb_folder)
    wanted = [(start * MIB + start, size) for start, size in ((9, 10 * MIB), (0, 1), (3, 2 * MIB))]
    found = await asyncio.gather(*(reader.read_at(*one) for one in [*wanted, (7, 0)]))
    assert [b"".join(pieces) for pieces in found[:3]] == [LETTERS[at : at + n] for at, n in wanted]
    assert b"".join(found[3]) == b""
    assert b"".join(await reader.read_at(MIB, 3)) == b"bbb"  # after a pause
    await reader.settle()
    await reader.close()


async def test_a_range_beyond_the_end_fails_alone(storage, smb_folder):
    reader = await open_letters(storage, smb_folder)
    asked = [(0, 2 * MIB), (len(LETTERS) - 1, 2 * MIB), (len(LETTERS), 5), (MIB, 3)]
    found = await asyncio.gather(*(reader.read_at(*o) for o in asked), return_exceptions=True)
    kinds = [type(one) for one in found]
    assert kinds == [list, errors.ChangedDuringTransfer, errors.ChangedDuringTransfer, list]
    await reader.close()


async def test_whoever_asks_no_more_is_in_nobodys_way(storage, smb_folder):
    reader = await open_letters(storage, smb_folder)
    tasks = [asyncio.create_task(reader.read_at(at * MIB, 8 * MIB)) for at in (0, 5, 10)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[2].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert b"".join(found[1]) == LETTERS[5 * MIB : 13 * MIB]
    await reader.close()


async def test_a_connection_that_is_lost_is_told_to_all_who_wait(storage, smb_folder):
    reader = await open_letters(storage, smb_folder)
    reader._wire._channel._socket.shutdown(socket.SHUT_RDWR)
    asked = (reader.read_at(at * MIB, 8 * MIB) for at in (0, 5, 10))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [errors.Unavailable] * 3
    await reader.close()


async def test_the_first_entries_do_not_wait_for_many_folders(storage, smb_folder, monkeypatch):
    for number in range(40):
        (smb_folder / f"{number:02}").mkdir()
        (smb_folder / f"{number:02}" / "f").touch()
    read = []

    def read_folders(wire, root, wanted, *rest):
        read.append(len(wanted))
        return listing.read_folders(wire, root, wanted, *rest)

    monkeypatch.setattr(walk, "read_folders", read_folders)
    assert len(await listed(storage, ALL)) == 80
    assert read == [1, 1, 2, 4, 8, 16, 9]  # the root, then its folders


async def test_a_folder_with_more_names_than_memory_holds(storage, smb_folder, monkeypatch):
    monkeypatch.setattr(listing, "FOLDER_NAMES", 100)
    monkeypatch.setattr(listing, "SORT_BYTES", 20_000)
    for number in range(1500):
        (smb_folder / f"file {number}").touch()
    (smb_folder / "folder").mkdir()
    (smb_folder / "folder" / "inside").touch()
    found = await listed(storage)
    wanted = [b"file %d" % number for number in range(1500)] + [b"folder/", b"folder/inside"]
    assert [entry.key for entry in found] == sorted(wanted)
    assert found[-2].kind is Kind.FOLDER


async def test_a_link_to_a_folder_above_it_is_not_followed_for_ever(storage, smb_folder):
    (smb_folder / "a" / "b").mkdir(parents=True)
    (smb_folder / "a" / "b" / "up").symlink_to("..")
    kinds = {entry.key: entry.kind for entry in await listed(storage)}
    assert kinds == {b"a/": Kind.FOLDER, b"a/b/": Kind.FOLDER, b"a/b/up": Kind.SPECIAL}


async def test_a_folder_that_cannot_be_read_is_a_value_among_others(storage, smb_folder):
    (smb_folder / "a").mkdir()
    (smb_folder / "file").touch()
    wanted = [listing.Wanted(key, frozenset()) for key in (b"gone/", b"file/", b"a/")]
    with storage._wires.lease() as held:
        found = listing.read_folders(held, storage._root, wanted, ALL, lambda key, state: None)
    assert [type(one) for one in found] == [errors.Missing, errors.Conflict, listing.Folder]


# Connections


async def test_a_lost_connection_is_told_and_made_anew(storage):
    fine(await storage.write_small([file(b"f", b"1")]))
    held = storage._wires.take()
    held._channel._socket.shutdown(socket.SHUT_RDWR)
    storage._wires.give_back(held)
    with pytest.raises(errors.Unavailable):
        await storage.read_small([file(b"f", b"1").entry])
    (content,) = fine(await storage.read_small([file(b"f", b"1").entry]))
    assert content.body == b"1"


async def test_a_listing_survives_a_lost_connection(storage):
    fine(await storage.write_small([file(b"a/f", b"1"), file(b"b/f", b"1")]))
    held = storage._wires.take()
    held._channel._socket.shutdown(socket.SHUT_RDWR)
    storage._wires.give_back(held)
    keys = [entry.key for entry in await listed(storage, ALL)]
    assert keys == [b"a/", b"a/f", b"b/", b"b/f"]


# Namespaces


@pytest.fixture
def namespace(smb_server, smb_folder):
    """Make a link of the namespace to a path that begins with a share."""
    made = []

    def make(name, *targets):
        link = smb_server.dfs / f"{smb_folder.name}-{name}"
        link.symlink_to("msdfs:" + ",".join(target.replace("/", "\\") for target in targets))
        made.append(link)
        return f"{link.name}/"

    yield make
    for link in made:
        link.unlink()


@pytest.fixture
def in_namespace(smb_server, secret):
    return lambda path: smb_server.side(secret, path, share="dfs", encryption="Off")


async def test_a_link_of_a_namespace_is_followed(namespace, in_namespace, smb_folder):
    link = namespace("link", f"127.0.0.1/data/{smb_folder.name}")
    storage = SmbStorage(in_namespace(f"{link}deep/"), writes=True, started_ns=0)
    await storage.check()
    fine(await storage.write_small([file(b"d/f", b"body")]))
    assert (smb_folder / "deep" / "d" / "f").read_bytes() == b"body"
    assert [entry.key for entry in await listed(storage)] == [b"d/", b"d/f"]
    await storage.close()


async def test_a_link_to_a_link_and_one_with_two_targets(namespace, in_namespace, smb_folder):
    (smb_folder / "f").touch()
    first = namespace("first", f"127.0.0.1/none/{smb_folder.name}")
    assert isinstance(await refused(in_namespace(first)), errors.ConfigurationInvalid)
    last = namespace("last", "127.0.0.9/data", f"127.0.0.1/data/{smb_folder.name}")
    link = namespace("link", f"127.0.0.1/dfs/{last.rstrip('/')}")
    storage = SmbStorage(in_namespace(link), writes=False, started_ns=0)
    assert [entry.key for entry in await listed(storage)] == [b"f"]
    await storage.close()


async def test_links_that_lead_round_end(namespace, in_namespace, smb_folder):
    one = namespace("one", f"127.0.0.1/dfs/{smb_folder.name}-other")
    namespace("other", f"127.0.0.1/dfs/{one.rstrip('/')}")
    error = await refused(in_namespace(one))
    assert isinstance(error, errors.ConfigurationInvalid)
    assert "refer to each other" in error.message


async def test_a_link_that_is_led_elsewhere_later(namespace, in_namespace, smb_server, smb_folder):
    for name in ("old", "new"):
        (smb_folder / name).mkdir()
        (smb_folder / name / name).touch()
    link = namespace("link", f"127.0.0.1/data/{smb_folder.name}/old")
    storage = SmbStorage(in_namespace(link), writes=False, started_ns=0)
    assert [entry.key for entry in await listed(storage)] == [b"old"]
    path = smb_server.dfs / link.rstrip("/")
    path.unlink()
    path.symlink_to(f"msdfs:127.0.0.1\\data\\{smb_folder.name}\\new")
    again = SmbStorage(in_namespace(link), writes=False, started_ns=0)
    assert [entry.key for entry in await listed(again)] == [b"new"]
    await storage.close()
    await again.close()


async def test_the_root_of_a_namespace_is_a_share_as_others(in_namespace, smb_server, smb_folder):
    (smb_server.dfs / smb_folder.name).mkdir()
    storage = SmbStorage(in_namespace(f"{smb_folder.name}/"), writes=False, started_ns=0)
    await storage.check()
    assert await listed(storage) == []
    await storage.close()
    (smb_server.dfs / smb_folder.name).rmdir()


# Attributes and create times


CREATED = to_filetime(1_500_000_000_000_000_100)


@pytest.fixture
async def other(side, smb_folder):
    """Another folder of the share, to be copied to."""
    there = side.model_copy(update={"path": f"{smb_folder.name}/other/"})
    storage = SmbStorage(there, writes=True, started_ns=0, verifies=True)
    await storage.check()
    yield storage
    await storage.close()


def windows(key, attributes, *, body=b"body", created=CREATED):
    content = file(key, body)
    return content._replace(entry=content.entry._replace(node=WindowsMetadata(attributes, created)))


@pytest.mark.parametrize("attributes", [0x00, 0x01, 0x02, 0x04, 0x20, 0x27])
async def test_small_files_keep_attributes_and_create_times(storage, attributes):
    fine(await storage.write_small([windows(b"f", attributes)]))
    (entry,) = await listed(storage)
    assert entry.node == WindowsMetadata(attributes, CREATED)
    assert entry.mtime_ns == META.mtime_ns // 100 * 100
    (content,) = fine(await storage.read_small([entry]))
    assert content.entry.node == entry.node
    fine(
        await storage.write_small([windows(b"f", 0x02, body=b"other")])
    )  # replaced, read-only or not
    (entry,) = await listed(storage)
    assert entry.node == WindowsMetadata(0x02, CREATED)


async def test_large_files_keep_them_as_well(storage, other):
    body = os.urandom(9 * MIB)
    entry = file(b"large").entry._replace(size_bytes=len(body), node=WindowsMetadata(0x03, CREATED))
    await storage.write(entry, BytesReader(entry, body))
    (found,) = [one for one in await listed(storage) if one.key == b"large"]
    reader = await storage.open(found)
    assert reader.entry.node == WindowsMetadata(0x03, CREATED)
    await other.write(reader.entry, reader)
    await reader.close()
    (copy,) = await listed(other)
    assert copy.node == found.node


async def test_they_are_changed_in_place(storage):
    fine(await storage.write_small([windows(b"f", 0x00)]))
    fine(await storage.write_folders([folder(b"d/")._replace(node=WindowsMetadata(0x02, CREATED))]))
    fine(await storage.update_metadata([windows(b"f", 0x21, created=CREATED + 1).entry]))
    found = {entry.key: entry.node for entry in await listed(storage)}
    assert found == {
        b"d/": WindowsMetadata(0x02, CREATED),
        b"f": WindowsMetadata(0x21, CREATED + 1),
    }


async def test_what_no_share_has_stated_is_left_alone(storage):
    fine(await storage.write_small([windows(b"f", 0x02)]))
    fine(await storage.update_metadata([file(b"f").entry]))
    (entry,) = await listed(storage)
    assert entry.node == WindowsMetadata(0x02, CREATED)


# Whole runs


@pytest.mark.timeout(60)
def test_attributes_alone_are_transferred_between_shares(side, smb_folder, tmp_path):
    one, other = (
        side.model_copy(update={"path": f"{smb_folder.name}/{name}/"}) for name in ("a", "b")
    )
    files = [windows(b"d/%d" % number, number) for number in range(8)]
    asyncio.run(_write(one, files))
    for changed, copied, updated in ((None, 8, 0), (None, 0, 0), (windows(b"d/3", 0x20), 0, 1)):
        if changed:
            asyncio.run(_update(one, changed))
        with started(tmp_path, one, other) as process:
            counters = finished(process, tmp_path).counters
        assert (counters.files_transferred, counters.files_metadata_updated) == (copied, updated)
        assert asyncio.run(_nodes(one)) == asyncio.run(_nodes(other))


async def _write(side, contents):
    storage = SmbStorage(side, writes=True, started_ns=0)
    await storage.check()
    fine(await storage.write_small(contents))
    await storage.close()


async def _update(side, content):
    storage = SmbStorage(side, writes=True, started_ns=0)
    fine(await storage.update_metadata([content.entry]))
    await storage.close()


async def _nodes(side):
    storage = SmbStorage(side, writes=False, started_ns=0)
    found = {entry.key: entry.node for entry in await listed(storage)}
    await storage.close()
    return found


@pytest.mark.timeout(60)
def test_a_tree_goes_round_and_is_left_alone_the_second_time(
    smb_server, smb_folder, secret, s3_server, bucket, tmp_path
):
    source, back = tmp_path / "source", tmp_path / "back"
    tree = tree_of(small=120, large=(9 * MIB,))
    for key, body in tree.items():
        path = source / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, ns=(META.atime_ns, META.mtime_ns))
    (source / "empty").mkdir()
    back.mkdir()
    share = smb_server.side(secret, f"{smb_folder.name}/")
    objects = s3_side(s3_server, bucket, credentials(tmp_path / "secret", s3_server), "p/")
    stations = [posix_side(source), share, objects, share_of(share, smb_folder), posix_side(back)]
    for one, other in itertools.pairwise(stations):
        for due in (len(tree), 0):
            with started(tmp_path, one, other) as process:
                result = finished(process, tmp_path)
            assert result.counters.files_transferred == due
    found = {p.relative_to(back).as_posix(): p for p in back.rglob("*") if p.is_file()}
    assert {key: path.read_bytes() for key, path in found.items()} == tree
    assert {path.stat().st_mtime_ns for path in found.values()} == {META.mtime_ns // 100 * 100}
    assert (back / "empty").is_dir()


def share_of(side, smb_folder):
    """Another folder of the same share."""
    return side.model_copy(update={"path": f"{smb_folder.name}/again/"})
