"""One contract, every storage: what the engine relies on.

File systems that a kernel mounts are sides too, where there is such a kernel: test_kernel_mounts runs
this module in one.
"""

import os

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.core.parts import MIB
from datasync_runner.storage import errors
from datasync_runner.storage.values import Content
from fakes.filters import choose
from fixtures.s3 import make_bucket, remove_bucket
from storage.sides import (
    META,
    MOUNTS,
    SIDES,
    BytesReader,
    file,
    fine,
    folder,
    link,
    listed,
    make_mounted,
    make_posix,
    make_s3,
    make_smb,
)

NAMES = [
    b"a",
    b"b/",
    b"b/c",
    b"b/d/",
    b"b-",
    b"b.txt",
    b"b0",
    b"plus+sign",
    b"space and %41",
    "ü/".encode(),
    "ü/日本語".encode(),
    b"quote'\"&<>",
    b"tab\there",
    b"x" * 200,
]

MANY = 120 if MOUNTS else 1005
"""More than one request or batch takes; a kernel in user mode needs 10 ms for each file."""
NOT_ON_WINDOWS = {b"quote'\"&<>", b"tab\there"}


@pytest.fixture(params=SIDES)
def place(request, tmp_path):
    """Each kind of storage; S3 is SeaweedFS where no other server is named."""
    kind, given = request.param, request.getfixturevalue  # starts no server that it does not need
    name, _, server_name = kind.partition("-")
    if kind in MOUNTS:
        yield make_mounted(kind)
    elif name == "posix":
        yield make_posix(tmp_path)
    elif name == "smb":
        yield make_smb(kind, given("smb_server"), given("smb_folder"), tmp_path / "login")
    else:
        server = given(server_name or "s3_server")
        client = server.client()
        bucket = make_bucket(client)
        yield make_s3(tmp_path, server, client, bucket)
        remove_bucket(client, bucket)
        client.close()


@pytest.fixture
async def side(place):
    side = place
    await side.storage.check()
    yield side
    await side.storage.close()


async def write(side, *contents):
    given = [Content(side.given(entry), body) for entry, body in contents]
    return fine(await side.storage.write_small(given))


async def read(storage, key):
    (entry,) = [entry for entry in await listed(storage) if entry.key == key]
    return fine(await storage.read_small([entry]))[0]


async def test_listings_are_sorted_by_key_whatever_the_names(side):
    names = NAMES if side.links else [name for name in NAMES if name not in NOT_ON_WINDOWS]
    files = [file(name, b"1") for name in names if not name.endswith(b"/")]
    await write(side, *files)
    fine(
        await side.storage.write_folders([side.given(folder(n)) for n in names if n.endswith(b"/")])
    )
    entries = await listed(side.storage)
    assert [entry.key for entry in entries] == sorted(names)
    assert all((entry.kind is Kind.FOLDER) == entry.key.endswith(b"/") for entry in entries)


@pytest.mark.timeout(60)  # 2200 files, which MinIO and the gateway write to disk one by one
async def test_listings_of_many_batches(side):
    files = [file(b"%s/%04d" % (top, n)) for top in (b"a", b"a-") for n in range(MANY)]
    await write(side, *files)
    keys = [entry.key for entry in await listed(side.storage)]
    assert keys == sorted([*(content.entry.key for content in files), b"a/", b"a-/"])


async def test_an_empty_location_lists_nothing(side):
    assert await listed(side.storage) == []


async def test_filters_hold_while_listing(side):
    await write(side, *(file(key) for key in (b"a/b/c", b"a/b.tmp", b"d/e", b"f")))
    chosen = choose(["/a"], ["*.tmp"])
    keys = [entry.key for entry in await listed(side.storage, chosen)]
    assert keys == [b"a/", b"a/b/", b"a/b/c"]


SELECTIONS = [
    # rules, what is listed of SELECTED; None: all
    ({"excludes": ["*.tmp"], "language": "Glob"}, [b"d/", b"d/.git/", b"d/.git/x", b"d/e", b"f"]),
    ({"excludes": ["d/"], "language": "Glob"}, [b"a.tmp", b"f"]),
    ({"excludes": ["f/"], "language": "Glob"}, None),
    ({"includes": ["/d/*"], "language": "Glob"}, [b"d/.git/", b"d/.git/x", b"d/e"]),
    ({"includes": ["**/{e,x}"], "language": "Glob"}, [b"d/.git/x", b"d/e"]),
    ({"hidden": False}, [b"a.tmp", b"d/", b"d/e", b"f"]),
    ({"excludes": ["*/e"], "hidden": False}, [b"a.tmp", b"d/", b"f"]),
    ({"includes": ["/d/.git/x", "/f"]}, [b"d/.git/x", b"f"]),
]
SELECTED = [b"a.tmp", b"d/", b"d/.git/", b"d/.git/x", b"d/e", b"f"]


@pytest.mark.parametrize(("rules", "expected"), SELECTIONS)
async def test_rules_of_every_kind_hold_while_listing(side, rules, expected):
    await write(side, *(file(key) for key in SELECTED if not key.endswith(b"/")))
    found = await listed(side.storage, choose(**rules))
    assert [entry.key for entry in found] == (SELECTED if expected is None else expected)


@pytest.mark.parametrize("body", [b"", b"x", os.urandom(100_000)])
async def test_a_file_comes_back_with_bytes_and_metadata(side, body):
    (written,) = await write(side, file(b"d/f", body))
    assert written.checksum == crc64(body)
    found = await read(side.storage, b"d/f")
    assert found.body == body
    kept = side.kept(META)
    assert found.entry.metadata._replace(atime_ns=0) == kept._replace(atime_ns=0)
    assert found.entry.mtime_ns == kept.mtime_ns
    assert found.entry.size_bytes == len(body)
    fine(await side.storage.verify([written]))


async def test_what_is_not_stated_is_not_kept(side):
    plain = Content(Entry(b"f", Kind.FILE, 1, metadata=PosixMetadata()), b"x")
    fine(await side.storage.write_small([plain]))
    entry = (await read(side.storage, b"f")).entry
    if side.objects:
        assert entry.metadata == PosixMetadata()
    assert abs(entry.mtime_ns - META.mtime_ns) > 10**9


async def test_a_link_comes_back_as_a_link(side):
    if not side.links:
        (answer,) = await side.storage.write_small([link(b"l", b"../target")])
        assert isinstance(answer, errors.NotSupported)
        assert await listed(side.storage) == []
        return
    (written,) = await write(side, link(b"d/l", b"../target"))
    found = await read(side.storage, b"d/l")
    assert (found.entry.kind, found.body) == (Kind.SYMLINK, b"../target")
    if side.link_times:
        assert found.entry.metadata.mtime_ns == META.mtime_ns
    fine(await side.storage.verify([written]))


async def test_overwriting_replaces_everything(side):
    await write(side, file(b"f", b"old and long", mode=0o600))
    await write(side, file(b"f", b"new", mode=0o644, mtime_ns=5_000_000_005))
    found = await read(side.storage, b"f")
    kept = side.kept(META._replace(mode=0o644, mtime_ns=5_000_000_005))
    assert (found.body, found.entry.metadata.mode) == (b"new", 0o644)
    assert found.entry.mtime_ns == kept.mtime_ns


@pytest.mark.parametrize("size", [9 * MIB, 16 * MIB + 1, 40 * MIB + 12345])
async def test_a_large_file_comes_back_byte_for_byte(side, size):
    body = os.urandom(size)
    entry = side.given(file(b"d/large").entry._replace(size_bytes=size))
    written = await side.storage.write(entry, BytesReader(entry, body))
    assert written.checksum == crc64(body)
    fine(await side.storage.verify([written]))
    (found,) = [entry for entry in await listed(side.storage) if entry.kind is Kind.FILE]
    assert found.size_bytes == size
    reader = await side.storage.open(found)
    pieces = []
    while chunk := await reader.read():
        assert len(chunk) <= 8 * MIB
        pieces.append(chunk)
    await reader.close()
    assert b"".join(pieces) == body
    assert reader.entry.metadata.mtime_ns == side.kept(META).mtime_ns


async def test_a_large_file_that_ends_early_leaves_nothing(side):
    entry = file(b"large").entry._replace(size_bytes=30 * MIB)
    with pytest.raises(errors.ChangedDuringTransfer):
        await side.storage.write(entry, BytesReader(entry, b"x" * (20 * MIB)))
    assert await listed(side.storage) == []
    assert side.folder is None or not list(side.folder.iterdir())
    if side.objects:
        uploads = side.client.list_multipart_uploads(Bucket=side.side.bucket)
        assert not uploads.get("Uploads")


async def test_metadata_changes_alone(side):
    changed = META._replace(mode=0o600, mtime_ns=7_000_000_007)
    contents = [file(b"f", b"body"), *([link(b"l", b"f")] if side.links else [])]
    await write(side, *contents)
    entries = [
        content.entry._replace(metadata=changed, mtime_ns=changed.mtime_ns) for content in contents
    ]
    fine(await side.storage.update_metadata([side.given(entry) for entry in entries]))
    found = await read(side.storage, b"f")
    kept = side.kept(changed)
    assert found.body == b"body"
    assert found.entry.metadata._replace(atime_ns=0) == kept._replace(atime_ns=0)
    assert found.entry.mtime_ns == kept.mtime_ns
    if side.links:
        found = await read(side.storage, b"l")
        assert found.entry.kind is Kind.SYMLINK
        assert not side.link_times or found.entry.mtime_ns == 7_000_000_007


async def test_folders_are_made_and_get_their_metadata(side):
    fine(await side.storage.write_folders([side.given(folder(key)) for key in (b"a/b/", b"a/")]))
    entries = fine(await side.storage.inspect(await listed(side.storage)))
    assert [entry.key for entry in entries] == [b"a/", b"a/b/"]
    for entry in entries:  # some servers keep no metadata of folders, and then say so
        assert entry.bare or entry.metadata._replace(atime_ns=0) == side.kept(
            PosixMetadata(0o750, META.uid, META.gid, META.mtime_ns, 0), mode=0o755
        )


async def test_inspecting_tells_the_metadata(side):
    contents = [file(b"f", b"x"), *([link(b"l", b"f")] if side.links else [])]
    await write(side, *contents)
    found = fine(await side.storage.inspect(await listed(side.storage)))
    assert [entry.kind for entry in found] == [content.entry.kind for content in contents]
    timed = found if side.link_times else found[:1]
    assert all(entry.metadata.mtime_ns == side.kept(META).mtime_ns for entry in timed)


async def test_deletes_children_before_parents(side):
    last = link(b"l", b"a") if side.links else file(b"l")
    await write(side, file(b"a/b/c"), file(b"a/d"), last, file(b"kept"))
    fine(await side.storage.write_folders([side.given(folder(key)) for key in (b"a/", b"a/b/")]))
    fine(await side.storage.delete([b"l", b"a/d", b"a/b/c", b"a/b/", b"a/", b"gone"]))
    assert [entry.key for entry in await listed(side.storage)] == [b"kept"]


async def test_more_deletes_than_one_request_takes(side):
    files = [file(b"%04d" % number) for number in range(MANY)]
    await write(side, *files)
    fine(await side.storage.delete([content.entry.key for content in files]))
    assert await listed(side.storage) == []


async def test_missing_files_are_values(side):
    entry = file(b"none").entry
    answers = await side.storage.read_small([entry])
    if side.objects:
        answers += await side.storage.inspect([entry._replace(metadata=None)])
    assert {type(answer) for answer in answers} == {errors.Missing}
    with pytest.raises(errors.Missing):
        await side.storage.open(entry)


async def test_verification_finds_damage(side):
    (written,) = await write(side, file(b"f", b"right"))
    written = written._replace(proven=False)
    fine(await side.storage.verify([written]))
    for body in (b"wrong", b"short"[:4], b"longer"):
        side.damage(b"f", body)
        (answer,) = await side.storage.verify([written])
        assert isinstance(answer, errors.VerificationFailed)


async def test_names_that_the_storage_cannot_have_are_values(side):
    key = b"not-utf-8-\xff" if side.objects or not side.links else b"a//b"
    (answer,) = await side.storage.write_small([file(key, b"x")])
    assert isinstance(answer, errors.NameNotRepresentable)
    assert await listed(side.storage) == []


async def test_what_is_only_named_is_looked_up(side):
    contents = [file(b"d/f", b"body"), *([link(b"d/l", b"f")] if side.links else [])]
    await write(side, *contents)
    fine(await side.storage.write_folders([folder(b"d/")]))
    named = [Entry(b"d/", Kind.FOLDER), *(Entry(one.entry.key, Kind.FILE) for one in contents)]
    found = fine(await side.storage.inspect(named))
    wanted = [(b"d/", Kind.FOLDER), *((one.entry.key, one.entry.kind) for one in contents)]
    assert [(entry.key, entry.kind) for entry in found] == wanted
    assert (found[1].size_bytes, found[1].mtime_ns) == (4, side.kept(META).mtime_ns)
    gone = [Entry(b"d/gone", Kind.FILE), Entry(b"no/such", Kind.FILE), Entry(b"no/", Kind.FOLDER)]
    answers = await side.storage.inspect(gone)
    assert [type(answer) for answer in answers] == [errors.Missing] * 3
