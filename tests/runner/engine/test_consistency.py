"""verifyMode PointInTimeConsistent: what differs at the end is told, by class, whoever did it."""

import json

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import (
    Device,
    Entry,
    Keeps,
    Kind,
    ObjectHeaders,
    WindowsMetadata,
)
from datasync_runner.core.parts import BATCH_BYTES, SMALL_BYTES
from datasync_runner.engine.contents import Both, turns
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.storage import errors
from datasync_runner.storage.values import Examined
from fakes.descriptors import OTHER, REORDERED, USUAL
from fakes.runs import plan_of, run_between
from fakes.storage import FILE, FOLDER, FakeStorage

KINDS = pytest.mark.parametrize(
    ("source_objects", "destination_objects"),
    [(False, True), (True, False), (True, True), (False, False)],
)


WHOLE = {"verify_mode": "PointInTimeConsistent", "preserve_deleted_files": "Remove"}


async def run(source, destination, meanwhile=lambda: None, files=None, **options):
    """A run; `meanwhile` happens when everything is moved, before the last look at both sides."""
    finish = destination.finish

    async def finish_and_more():
        await finish()
        meanwhile()

    destination.finish = finish_and_more
    try:
        plan = plan_of(**WHOLE | options)
        return await run_between(source, destination, plan, files=files)
    finally:
        del destination.finish


def tree(objects=False):
    made = FakeStorage(objects)
    made.put(b"a/").put(b"a/x", b"xx").put(b"a/y", b"y").put(b"b", b"bbb").put(b"zero")
    return made.put(b"large", b"l" * (SMALL_BYTES + 1))


def codes(board):
    return {failure.code: failure.sample_path for failure in board.tally.failures()}


@KINDS
async def test_equal_trees_are_verified_whole(source_objects, destination_objects):
    source, destination = tree(source_objects), FakeStorage(destination_objects)
    first = await run(source, destination)
    assert (first.tally.files_transferred, first.tally.files_verified) == (5, 5)
    second = await run(source, destination)
    assert (second.tally.files_transferred, second.tally.files_verified) == (0, 5)
    assert codes(second) == {}
    assert second.compared and second.baseline is not None


CHANGES = {
    "added at the source": (
        lambda source, _: source.put(b"new", b"n"),
        {"FileNotAtDestination": "/new"},
    ),
    "removed at the destination": (
        lambda _, destination: destination.items.pop(b"b"),
        {"FileNotAtDestination": "/b"},
    ),
    "added at the destination": (
        lambda _, destination: destination.put(b"new", b"n"),
        {"FileNotAtSource": "/new"},
    ),
    "removed at the source": (
        lambda source, _: source.items.pop(b"b"),
        {"FileNotAtSource": "/b"},
    ),
    "another size": (
        lambda source, _: source.put(b"b", b"bbbb"),
        {"ContentDiffers": "/b"},
    ),
    "other content, the same size and time": (
        lambda _, destination: destination.put(b"b", b"???"),
        {"ContentDiffers": "/b"},
    ),
    "other content of a large file": (
        lambda _, destination: destination.put(b"large", b"?" * (SMALL_BYTES + 1)),
        {"ContentDiffers": "/large"},
    ),
    "another mode": (
        lambda _, destination: destination.put(b"b", b"bbb", metadata=FILE._replace(mode=0o600)),
        {"MetadataDiffers": "/b"},
    ),
    "another owner": (
        lambda source, _: source.put(b"b", b"bbb", metadata=FILE._replace(uid=7)),
        {"MetadataDiffers": "/b"},
    ),
    "another time": (
        lambda _, destination: destination.put(b"b", b"bbb", metadata=FILE._replace(mtime_ns=9)),
        {"MetadataDiffers": "/b"},
    ),
    "a folder's mode": (
        lambda _, destination: destination.put(b"a/", metadata=FOLDER._replace(mode=0o700)),
        {"MetadataDiffers": "/a"},
    ),
    "a link in a file's place": (
        lambda source, _: source.put(b"b", b"bbb", kind=Kind.SYMLINK),
        {"ContentDiffers": "/b"},
    ),
}


@KINDS
@pytest.mark.parametrize("change", CHANGES)
async def test_each_kind_of_difference_has_its_class(change, source_objects, destination_objects):
    source, destination = tree(source_objects), FakeStorage(destination_objects)
    happens, expected = CHANGES[change]
    board = await run(source, destination, lambda: happens(source, destination))
    assert codes(board) == expected
    (what,) = expected.values()
    folder = change == "a folder's mode"
    assert (board.tally.failed["verify"], board.tally.failed_folders["verify"]) == (
        (0, 1) if folder else (1, 0)
    ), what
    assert board.baseline is None
    assert board.tally.run_error().code == "FilesFailed"


async def test_user_metadata_counts_between_objects():
    source, destination = tree(objects=True), FakeStorage(objects=True)
    headers = ObjectHeaders(user_metadata=(("mine", "1"),))
    plain = ObjectHeaders()
    source.put(b"b", b"bbb", headers=plain)
    board = await run(source, destination, lambda: source.put(b"b", b"bbb", headers=headers))
    assert codes(board) == {"MetadataDiffers": "/b"}


async def test_what_differs_is_said():
    source, destination = tree(), FakeStorage()
    board = await run(
        source,
        destination,
        lambda: destination.put(b"b", b"bbb", metadata=FILE._replace(mode=0o600)),
    )
    assert board.tally.failures()[0].message == "its mode is 0o600, the source's 0o644"


async def test_what_is_not_kept_is_not_said():
    source, destination = tree(), FakeStorage()
    other = FILE._replace(mode=0o600, mtime_ns=7)
    board = await run(
        source,
        destination,
        lambda: destination.put(b"b", b"bbb", metadata=other),
        posix_permissions="None",
    )
    assert board.tally.failures()[0].message.startswith("its mtime_ns is 7, the source's ")


@pytest.mark.parametrize("key", [b"b", b"a/"])
async def test_security_descriptors_count_between_shares(key):
    def described(text):
        return WindowsMetadata(0, 9, text)

    body = b"" if key.endswith(b"/") else b"bbb"
    keeps = Keeps(descriptors=True)
    source, destination = tree().put(key, body, node=described(USUAL)), FakeStorage(keeps=keeps)
    board = await run(source, destination)
    assert codes(board) == {}
    said = destination.put
    board = await run(source, destination, lambda: said(key, body, node=described(REORDERED)))
    assert codes(board) == {}
    board = await run(source, destination, lambda: said(key, body, node=described(OTHER)))
    assert codes(board) == {"MetadataDiffers": f"/{key.decode().rstrip('/')}"}
    assert board.tally.failures()[0].message == "its security descriptor is not the source's"


async def test_what_the_task_leaves_alone_is_left_alone():
    source, destination = tree(), FakeStorage().put(b"keep", b"1").put(b"b", b"older")
    board = await run(source, destination, preserve_deleted_files="Preserve")
    assert (codes(board), board.tally.files_verified) == ({}, 5)
    destination.put(b"b", b"older")
    board = await run(source, destination, overwrite_mode="Never")
    assert codes(board) == {}
    board = await run(
        source, destination, lambda: source.put(b"x.tmp", b"1"), excludes=[{"value": "*.tmp"}]
    )
    assert codes(board) == {}


async def test_files_that_no_condition_lets_take_part_are_left_alone():
    source, destination = tree(), FakeStorage().put(b"large", b"older")
    conditions = {"max_size": "1Ki"}
    board = await run(
        source, destination, lambda: source.put(b"b", b"b" * 2000), file_conditions=conditions
    )
    assert (codes(board), board.tally.files_verified) == ({}, 3)


async def test_devices_are_compared_without_being_read():
    def device(number):
        return {"kind": Kind.DEVICE, "node": Device(block=False, number=number)}

    source, destination = tree(), FakeStorage()
    source.put(b"null", **device(1)).put(b"zero-device", **device(3))

    def meanwhile():
        destination.put(b"null", **device(2))
        source.calls.clear()

    board = await run(source, destination, meanwhile, preserve_devices="Preserve")
    assert (codes(board), board.tally.files_verified) == ({"ContentDiffers": "/null"}, 6)
    assert not [call for call in source.calls if "read" in call and call.endswith(("null", "ice"))]


async def test_files_are_told_where_somebody_listens():
    source, destination = tree(), FakeStorage()
    lines = []
    files = FileEvents(write=lines.extend, sizes=None, clock=lambda: 0.0)
    await run(source, destination, files=files)
    told = [json.loads(line) for line in lines]
    verified = {line["path"] for line in told if line["event"] == "verified"}
    assert verified == {"/a/x", "/a/y", "/b", "/zero", "/large"}


async def test_options_that_drop_metadata_drop_it_here_too():
    source, destination = tree(), FakeStorage()
    board = await run(
        source,
        destination,
        lambda: destination.put(b"b", b"bbb", metadata=FILE._replace(mode=0o600)),
        posix_permissions="None",
    )
    assert codes(board) == {}


async def test_transfer_mode_all_is_compared_all_the_same():
    source, destination = tree(), FakeStorage()
    board = await run(
        source,
        destination,
        lambda: destination.put(b"b", b"???"),
        transfer_mode="All",
        preserve_deleted_files="Preserve",
    )
    assert codes(board) == {"ContentDiffers": "/b"}


async def test_what_cannot_be_read_is_not_verified():
    source, destination = tree(), FakeStorage()

    def lock():
        destination.trouble = lambda name, key: (
            errors.Denied("no", key) if (name, key) == ("read", b"b") else None
        )

    board = await run(source, destination, lock)
    assert (codes(board), board.tally.files_verified) == ({"Denied": "/b"}, 4)


async def test_below_a_folder_that_cannot_be_listed_nothing_is_claimed():
    source, destination = tree(), FakeStorage()

    def lock():
        del destination.items[b"a/x"], destination.items[b"a/y"]
        destination.listing_errors.append(errors.Denied("no", b"a/"))

    board = await run(source, destination, lock)
    assert codes(board) == {"Denied": "/a"}


async def test_a_checksum_that_the_storage_vouches_for_is_not_read():
    source, destination = tree(), FakeStorage(objects=True)
    destination.vouches = True
    await run(source, destination)
    destination.calls.clear()
    board = await run(source, destination)
    assert not [call for call in destination.calls if call.split()[0] in ("read", "open")]
    assert board.tally.files_verified == 5


def ends(size_bytes, *, source_known, destination_known):
    entry = Entry(b"k", Kind.FILE, size_bytes)
    return Both(
        Examined(entry, crc64(b"") if source_known else None),
        Examined(entry, crc64(b"") if destination_known else None),
    )


def test_a_turn_reads_a_batch_at_most_and_large_files_alone():
    third = ends(BATCH_BYTES // 3, source_known=True, destination_known=False)
    large = ends(10 * BATCH_BYTES, source_known=False, destination_known=False)
    known = ends(10 * BATCH_BYTES, source_known=True, destination_known=True)
    found = list(turns([third, third, third, third, large, third, known]))
    assert found == [[third, third, third], [third], [large], [third, known]]


async def test_what_is_archived_at_the_source_is_skipped_and_no_difference():
    source = FakeStorage(objects=True).put(b"f", b"1").put(b"cold", b"2", storage_class="GLACIER")
    source.trouble = lambda name, key: (
        errors.Archived("archived", key) if (name, key) == ("read", b"cold") else None
    )
    board = await run(source, FakeStorage())
    assert board.tally.failures() == []
    assert [(skip.code, skip.count) for skip in board.tally.skips()] == [("Archived", 1)]
    assert board.tally.files_verified >= 1
