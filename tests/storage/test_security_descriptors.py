"""Owners, groups and lists of Windows from share to share, against a real Samba that keeps them.

What it has put down is read by Samba's own library from the disk, past the server and our code.
"""

import asyncio
import os
import re

import pytest

from datasync_api.report import TransferResult
from datasync_runner.core.entry import WindowsMetadata
from datasync_runner.core.parts import MIB
from datasync_runner.storage import errors
from datasync_runner.storage.smb import requests
from datasync_runner.storage.smb.channel import Channel
from datasync_runner.storage.smb.storage import SmbStorage
from datasync_runner.storage.temporary_names import temporary_name
from fixtures import security_descriptors
from storage.looks import files, run, started
from storage.sides import BytesReader, file, fine, folder, listed

pytestmark = pytest.mark.timeout(60)
DOMAIN = "S-1-5-21-1-2-3"
OWNED = f"O:{DOMAIN}-1001G:{DOMAIN}-513"
INHERITED = f"{OWNED}D:AI(A;ID;FA;;;BA)(A;ID;0x1200a9;;;{DOMAIN}-1002)(A;ID;FA;;;SY)"
PROTECTED = f"O:{DOMAIN}-1004G:BAD:PAI(D;;FW;;;{DOMAIN}-1005)(A;OICI;FA;;;BA)"
CONDITIONAL = f"{OWNED}D:P(OA;;CR;bf967aba-0de6-11d0-a285-00aa003049e2;;WD)(A;;FA;;;BA)"
AUDITED = f"{OWNED}D:(A;;FA;;;BA)S:(AU;SAFA;FA;;;WD)"
LARGE = 9 * MIB


class Shares:
    """Two folders of a share, and what the server has put down for them."""

    def __init__(self, server, folder, secret, share="acl"):
        self.folder = folder
        self._of = server, secret, share
        self.source, self.destination = self.at("a"), self.at("b")
        (folder / "a").mkdir()

    def at(self, name):
        """One of the folders as a side."""
        server, secret, share = self._of
        path = f"{self.folder.name}/{name}/"
        return server.side(secret, path, share=share, encryption="Off")

    def give(self, key, descriptor, body=b"x"):
        """A file of the source, or a folder, with a descriptor."""
        path = self.folder / "a" / key
        if key.endswith("/"):
            path.mkdir(parents=True)
        elif not path.exists():
            path.write_bytes(body)
        security_descriptors.put(descriptor, path)

    def put_down(self, side):
        """Descriptors by key."""
        root = self.folder / side
        keys = sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))
        found = security_descriptors.get(*(root / key for key in keys))
        return dict(zip(keys, found, strict=True))

    def run(self, tmp_path, **options):
        """A run's counters: transferred, with other metadata, folders."""
        found = run(tmp_path, self.source, self.destination, **options).counters
        return found.files_transferred, found.files_metadata_updated, found.folders_transferred


@pytest.fixture
def secret(smb_server, tmp_path):
    return smb_server.credentials(tmp_path / "login")


@pytest.fixture
def shares(smb_server, smb_folder, secret):
    found = Shares(smb_server, smb_folder, secret)
    found.give("d/", PROTECTED)
    found.give("d/small", INHERITED)
    found.give("d/empty", CONDITIONAL, b"")
    found.give("large", PROTECTED, os.urandom(LARGE))
    return found


def without_audit(text):
    return text.partition("S:")[0]


def test_files_and_folders_keep_owner_group_and_list(shares, tmp_path):
    assert shares.run(tmp_path) == (3, 0, 1)
    wanted = shares.put_down("a")
    assert shares.put_down("b") == wanted
    assert len(set(wanted.values())) == 3
    assert files(shares.folder / "b") == files(shares.folder / "a")
    assert shares.run(tmp_path) == (0, 0, 0)
    assert shares.run(tmp_path, verifyMode="PointInTimeConsistent") == (0, 0, 0)


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_changed_descriptor_alone_is_set_again(shares, tmp_path, side):
    shares.run(tmp_path)
    changed = (shares.folder / side / key for key in ("d", "large", "d/small"))
    security_descriptors.put(f"O:BAG:BAD:P(A;;FR;;;{DOMAIN}-1009)", *changed)
    assert shares.put_down("a") != shares.put_down("b")
    assert shares.run(tmp_path) == (0, 2, 1)
    assert shares.put_down("b") == shares.put_down("a")
    assert shares.run(tmp_path, compareMode="Checksum") == (0, 0, 0)


OTHER_WORDS = {
    "all": "D:P(A;;GA;;;BA)",
    "some": f"D:P(D;;GW;;;{DOMAIN}-1005)(A;;GRGX;;;WD)(A;;FA;;;BA)",
    "for-children": "D:P(A;OICIIO;GA;;;CO)(A;OICI;FA;;;BA)",
    "asked-to-inherit": "D:ARAI(A;ID;FA;;;BA)",
    "inherited-earlier": "D:(A;ID;FA;;;BA)",
    "twice": "D:(A;;FR;;;WD)(A;;FA;;;BA)(A;;FR;;;WD)",
}
"""Lists that Samba writes down in other words than it is given, or may."""


def test_what_the_server_says_in_other_words_is_left_alone_the_next_time(shares, tmp_path):
    for key, words in OTHER_WORDS.items():
        shares.give(key, OWNED + words)
    assert shares.run(tmp_path) == (3 + len(OTHER_WORDS), 0, 1)
    put_down = shares.put_down("b")
    assert put_down["all"] == f"{OWNED}D:P(A;;0x001f01ff;;;BA)"  # it has resolved what is generic
    assert shares.run(tmp_path, verifyMode="PointInTimeConsistent") == (0, 0, 0)
    assert shares.put_down("b") == put_down


ORDERS = {
    "denied-later": "D:P(A;;FR;;;WD)(D;;FR;;;BG)",
    "inherited": "D:AI(A;ID;FA;;;BA)",
    "inherited-by-files": "D:P(A;OI;FA;;;BA)",
}


def test_lists_of_the_same_entries_in_another_sense_are_set_again(shares, tmp_path):
    for key, words in ORDERS.items():
        shares.give(key, OWNED + words)
    shares.run(tmp_path)
    other = ("D:P(D;;FR;;;BG)(A;;FR;;;WD)", "D:AI(A;;FA;;;BA)", "D:P(A;CI;FA;;;BA)")
    for key, words in zip(ORDERS, other, strict=True):
        security_descriptors.put(OWNED + words, shares.folder / "b" / key)
    assert shares.run(tmp_path) == (0, len(ORDERS), 0)
    assert shares.put_down("b") == shares.put_down("a")


@pytest.mark.parametrize(
    ("flags", "copied"),
    [
        ({}, True),
        ({"securityDescriptorCopyFlags": "OwnerDACL"}, True),
        ({"securityDescriptorCopyFlags": "None"}, False),
    ],
)
def test_the_option_says_what_is_copied(shares, tmp_path, flags, copied):
    assert shares.run(tmp_path, securityDescriptorCopyFlags="None") == (3, 0, 1)
    assert not set(shares.put_down("a").values()) & set(shares.put_down("b").values())
    assert shares.run(tmp_path, **flags) == ((0, 3, 1) if copied else (0, 0, 0))
    assert (shares.put_down("b") == shares.put_down("a")) is copied


def test_the_audit_list_is_copied_where_that_is_asked_for(smb_server, shares, tmp_path):
    shares.give("audited", AUDITED)
    shares.run(tmp_path)
    assert shares.put_down("b")["audited"] == without_audit(shares.put_down("a")["audited"])
    with smb_server.audit_right():
        assert shares.run(tmp_path, securityDescriptorCopyFlags="OwnerDACLSACL") == (0, 1, 0)
        assert "S:" in shares.put_down("b")["audited"]
        assert shares.put_down("b") == shares.put_down("a")
        assert shares.run(tmp_path, securityDescriptorCopyFlags="OwnerDACLSACL") == (0, 0, 0)


CREATED = 132_000_000_000_000_000
"""In 2019."""
READ_ONLY, HIDDEN, SYSTEM, ARCHIVE = 0x01, 0x02, 0x04, 0x20
MARKS = {
    b"d/": WindowsMetadata(HIDDEN | SYSTEM, CREATED),
    b"d/small": WindowsMetadata(READ_ONLY | ARCHIVE, CREATED + 1),
    b"d/empty": WindowsMetadata(0, CREATED + 2),
    b"large": WindowsMetadata(READ_ONLY | HIDDEN | SYSTEM | ARCHIVE, CREATED + 3),
    b"audited": WindowsMetadata(HIDDEN, CREATED + 4),
}


async def mark(side):
    """Attributes and create times."""
    storage = SmbStorage(side, writes=True, started_ns=0)
    entries = await listed(storage)
    fine(await storage.update_metadata([one._replace(node=MARKS[one.key]) for one in entries]))
    await storage.close()


async def marks(side):
    """Attributes, create and modification times, by key."""
    storage = SmbStorage(side, writes=False, started_ns=0)
    found = {one.key: (one.node, one.mtime_ns) for one in await listed(storage)}
    await storage.close()
    return found


def part(descriptors, letter):
    """The owners (O), groups (G), access lists (D) or audit lists (S) of descriptors."""
    return {key: parts(one).get(letter) for key, one in descriptors.items()}


def parts(descriptor):
    pieces = re.split("([OGDS]):(?=[A-Z(])", descriptor)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


@pytest.mark.parametrize(
    ("flags", "copied"),
    [("None", ""), ("OwnerDACL", "OGD"), ("OwnerDACLSACL", "OGDS")],
)
def test_each_option_copies_its_parts_and_attributes_and_times_go_with_all(
    smb_server, shares, tmp_path, flags, copied
):
    """There, and from there back into another folder."""
    shares.give("audited", AUDITED)
    asyncio.run(mark(shares.source))
    given, marked = shares.put_down("a"), asyncio.run(marks(shares.source))
    assert {key: node for key, (node, _) in marked.items()} == MARKS
    with smb_server.audit_right():
        for source, destination in ("ab", "bc"):
            shares.source = shares.at(source)
            shares.destination = shares.at(destination)
            assert shares.run(tmp_path, securityDescriptorCopyFlags=flags) == (4, 0, 1)
            found = shares.put_down(destination)
            for letter in "OGDS":
                same = part(found, letter) == part(given, letter)
                assert same is (letter in copied), letter
            assert asyncio.run(marks(shares.destination)) == marked
            assert shares.run(tmp_path, securityDescriptorCopyFlags=flags) == (0, 0, 0)


def test_the_locations_own_folders_keep_what_they_have(shares, tmp_path):
    """As at file systems: they may be roots of shares, set up by an administrator."""
    shares.run(tmp_path)
    shares.give("", PROTECTED)
    security_descriptors.put(INHERITED, shares.folder / "b")
    assert shares.run(tmp_path) == (0, 0, 0)
    kept = security_descriptors.get(shares.folder / "a", shares.folder / "b")
    assert kept[0] != kept[1]
    assert shares.run(tmp_path, verifyMode="PointInTimeConsistent") == (0, 0, 0)


async def test_without_the_right_to_audit_lists_a_run_does_not_begin(shares):
    storage = SmbStorage(shares.source, writes=False, started_ns=0, descriptors="OwnerDACLSACL")
    with pytest.raises(errors.ConfigurationInvalid) as caught:
        await storage.check()
    await storage.close()
    assert "SeSecurityPrivilege" in caught.value.message
    assert "OwnerDACL" in caught.value.message


@pytest.mark.parametrize("size_bytes", [1, LARGE])
async def test_who_may_not_give_files_away_is_told_so(shares, smb_server, secret, size_bytes):
    """And leaves nothing that others could read."""
    shares.give("f", PROTECTED, bytes(size_bytes))
    source = SmbStorage(shares.source, writes=False, started_ns=0, descriptors="OwnerDACL")
    (entry,) = [one for one in await listed(source) if one.key == b"f"]
    (known,) = fine(await source.inspect([entry]))
    await source.close()
    there = shares.folder / "there"
    there.mkdir()
    there.chmod(0o777)
    path = f"{shares.folder.name}/there/"
    plain = smb_server.side(secret, path, share="plain", encryption="Off")
    storage = SmbStorage(plain, writes=True, started_ns=0, descriptors="OwnerDACL")
    await storage.check()
    if size_bytes == LARGE:
        with pytest.raises(errors.Denied) as caught:
            await storage.write(known, BytesReader(known, bytes(size_bytes)))
        answer = caught.value
    else:
        content = file(b"f", bytes(size_bytes))._replace(entry=known)
        (answer,) = await storage.write_small([content])
    assert isinstance(answer, errors.Denied)
    assert "SeRestorePrivilege" in answer.message
    assert list(there.iterdir()) == []
    await storage.close()


MAPPED = "O:S-1-22-1-1234G:S-1-22-2-2345D:P"
"""An owner and a group that Samba takes for a user and a group of POSIX."""
BEYOND_POSIX = f"{MAPPED}(A;;0x1200a9;;;S-1-22-1-1234)(A;;FR;;;WD)(A;;FA;;;WD)"


@pytest.fixture
def posix_there(shares, smb_server, secret):
    """The destination keeps what POSIX permissions can express, and answers that all went well."""
    path = f"{shares.folder.name}/b/"
    shares.destination = smb_server.side(secret, path, share="data", encryption="Off")
    paths = (shares.folder / "a" / key for key in ("d", "d/small", "d/empty", "large"))
    security_descriptors.put(BEYOND_POSIX, *paths)
    return shares


def failed(tmp_path, shares, **options):
    """What failed: how many items of each class."""
    with started(tmp_path, shares.source, shares.destination, **options) as process:
        assert process.wait(timeout=30) == 0
    result = TransferResult.model_validate_json((tmp_path / "result").read_bytes())
    return {one.code: one.count for one in result.failures}


@pytest.mark.parametrize("mode", ["OnlyFilesTransferred", "PointInTimeConsistent"])
def test_what_the_server_does_not_keep_is_no_success(posix_there, tmp_path, mode):
    """No file has its name under rights that are not its own."""
    assert failed(tmp_path, posix_there, verifyMode=mode)["VerificationFailed"] == 4
    assert files(posix_there.folder / "b") == {}


def test_what_is_not_verified_takes_what_the_server_keeps(posix_there, tmp_path):
    assert posix_there.run(tmp_path, verifyMode="None") == (3, 0, 1)
    assert files(posix_there.folder / "b") == files(posix_there.folder / "a")


def test_a_change_of_descriptors_alone_is_verified(posix_there, tmp_path):
    posix_there.run(tmp_path, securityDescriptorCopyFlags="None")
    assert failed(tmp_path, posix_there) == {"VerificationFailed": 4}
    assert failed(tmp_path, posix_there, securityDescriptorCopyFlags="None") == {}


class WatchingReader(BytesReader):
    """Looks at what the server has put down for a file when the first bytes are asked for."""

    def __init__(self, entry, body, path):
        super().__init__(entry, body)
        self.path, self.seen = path, None

    async def read(self):
        if self.seen is None:
            self.seen = security_descriptors.get(self.path)
        return await super().read()


async def test_nothing_is_written_under_other_rights(shares):
    """Whoever has the folder open meanwhile reads no more of a file than he may later."""
    source = SmbStorage(shares.source, writes=False, started_ns=0, descriptors="OwnerDACL")
    (entry,) = [one for one in await listed(source) if one.key == b"large"]
    (known,) = fine(await source.inspect([entry]))
    await source.close()
    storage = SmbStorage(shares.destination, writes=True, started_ns=0, descriptors="OwnerDACL")
    await storage.check()
    temporary = shares.folder / "b" / os.fsdecode(temporary_name(b"large"))
    reader = WatchingReader(known, bytes(LARGE), temporary)
    await storage.write(known, reader)
    await storage.close()
    assert reader.seen == [shares.put_down("a")["large"]]


BACKUP_INTENT = 0x4000
"""MS-SMB2 2.2.13, CreateOptions."""


@pytest.fixture
def opened(monkeypatch):
    """The path and the CreateOptions of each CREATE that is sent."""
    found = []
    post = Channel.post

    def seen(channel, chain):
        for request in chain:
            if request.command == requests.CREATE:
                at = int.from_bytes(request.body[44:46], "little") - requests.HEADER_BYTES
                size_bytes = int.from_bytes(request.body[46:48], "little")
                path = request.body[at : at + size_bytes].decode("utf-16-le")
                found.append((path, int.from_bytes(request.body[40:44], "little")))
        return post(channel, chain)

    monkeypatch.setattr(Channel, "post", seen)
    return found


@pytest.mark.parametrize(
    ("flags", "intent"), [("OwnerDACL", BACKUP_INTENT), ("None", 0)], ids=["copied", "not copied"]
)
async def test_where_descriptors_are_copied_all_is_opened_with_backup_intent(
    shares, opened, flags, intent
):
    """A list that was copied may shut our user out: what is under it is still ours to keep."""
    source = SmbStorage(shares.source, writes=False, started_ns=0, descriptors=flags)
    await source.check()
    entries = await listed(source)
    files_there = [one for one in fine(await source.inspect(entries)) if one.key[-1:] != b"/"]
    small = [one for one in files_there if one.size_bytes < LARGE]
    fine(await source.read_small(small))
    (large,) = (one for one in files_there if one.size_bytes == LARGE)
    await (await source.open(large)).close()
    await source.standing()
    await source.close()

    storage = SmbStorage(
        shares.destination, writes=True, started_ns=2**62, verifies=True, descriptors=flags
    )
    await storage.check()  # makes it
    await storage.latest_stamp()
    fine(await storage.write_folders([folder(b"e/")]))
    there = shares.folder / "b"
    for name in (b"new", b"old", b"left"):  # of runs that were interrupted
        (there / os.fsdecode(temporary_name(name))).touch()
    written = fine(await storage.write_small([file(b"new", b"x")]))
    fine(await storage.write_small([file(b"new", b"other")]))  # replaces it
    body = bytes(LARGE)
    content = file(b"old", body)
    written.append(await storage.write(content.entry, BytesReader(content.entry, body)))
    fine(await storage.verify(written[1:]))
    fine(await storage.update_metadata([content.entry]))
    await listed(storage)
    await storage.finish()
    assert not (there / os.fsdecode(temporary_name(b"left"))).exists()
    fine(await storage.delete([b"new", b"old", b"e/"]))
    await storage.close()
    assert {path.rpartition("\\")[2] for path, _ in opened} > {"a", "small", "b", "new", "e"}
    assert [path for path, options in opened if options & BACKUP_INTENT != intent] == []


def test_posix_permissions_that_stand_for_descriptors_settle(
    smb_server, smb_folder, secret, tmp_path
):
    """A Samba without their attributes tells owner and group twice, once they were set."""
    found = Shares(smb_server, smb_folder, secret, share="data")
    (smb_folder / "a/d").mkdir(mode=0o750)
    (smb_folder / "a/d/f").write_bytes(b"x")
    (smb_folder / "a/d/f").chmod(0o640)
    os.chown(smb_folder / "a/d/f", 12345, 23456)
    assert found.run(tmp_path) == (1, 0, 1)
    there = (smb_folder / "b/d/f").stat()
    assert (there.st_uid, there.st_gid) == (12345, 23456)
    assert found.run(tmp_path, verifyMode="PointInTimeConsistent") == (0, 0, 0)
