"""Objects keep the class that they have, and archived ones are left out, with a word."""

import pytest

from datasync_runner.core.entry import Entry, Kind, in_place_of
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.storage import errors
from fakes.storage import FILE, FOLDER, FakeStorage
from runner.engine.test_pipeline import bodies, run

LARGE = b"x" * (SMALL_BYTES + 1)
IN_PLACE = [
    # the entry's own class, the one there (None: nothing), the class that is written
    ("GLACIER", None, ""),
    ("GLACIER", "STANDARD", "STANDARD"),
    ("", "DEEP_ARCHIVE", "DEEP_ARCHIVE"),
    ("", "", ""),
]


@pytest.mark.parametrize(("own", "there", "written"), IN_PLACE)
def test_in_place_of(own, there, written):
    entry = Entry(b"f", Kind.FILE, storage_class=own)
    other = None if there is None else Entry(b"f", Kind.FILE, storage_class=there)
    assert in_place_of(entry, other) == entry._replace(storage_class=written)


def written_class(storage, key):
    return storage.items[key].entry.storage_class


@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("body", [b"new", LARGE], ids=["small", "large"])
async def test_what_is_overwritten_keeps_its_class_and_what_is_new_has_none_yet(objects, body):
    own = "STANDARD_IA" if objects else ""
    source = FakeStorage(objects).put(b"a", body, storage_class=own)
    source.put(b"b", b"1", storage_class=own).put(b"new", b"2", storage_class=own)
    destination = FakeStorage(objects=True).put(b"a", b"old!", storage_class="DEEP_ARCHIVE")
    destination.put(b"b", b"22", storage_class="STANDARD")
    await run(source, destination)
    assert bodies(destination) == bodies(source)
    classes = [written_class(destination, key) for key in (b"a", b"b", b"new")]
    assert classes == ["DEEP_ARCHIVE", "STANDARD", ""]


async def test_a_class_of_s3_means_nothing_to_a_file_system():
    source = FakeStorage(objects=True).put(b"a", b"new", storage_class="STANDARD").put(b"d/")
    destination = FakeStorage().put(b"a", b"old!")
    await run(source, destination)
    assert [written_class(destination, key) for key in (b"a", b"d/")] == ["", ""]


@pytest.mark.parametrize(
    ("there", "transferred", "updated"),
    [("STANDARD", 0, 1), ("STANDARD_IA", 0, 1), ("GLACIER", 1, 0), ("DEEP_ARCHIVE", 1, 0)],
)
async def test_an_archived_object_cannot_be_copied_onto_itself(there, transferred, updated):
    """So a change of its metadata alone sends the content again."""
    source = FakeStorage().put(b"a", b"1", metadata=FILE._replace(mode=0o600))
    destination = FakeStorage(objects=True).put(b"a", b"1", storage_class=there)
    tally = await run(source, destination)
    assert (tally.files_transferred, tally.files_metadata_updated) == (transferred, updated)
    assert destination.items[b"a"].entry.metadata.mode == 0o600
    assert written_class(destination, b"a") == there


async def test_a_folders_marker_keeps_its_class():
    source = FakeStorage().put(b"d/", metadata=FOLDER._replace(mode=0o700))
    destination = FakeStorage(objects=True).put(b"d/", storage_class="INTELLIGENT_TIERING")
    await run(source, destination)
    entry = destination.items[b"d/"].entry
    assert (entry.metadata.mode, entry.storage_class) == (0o700, "INTELLIGENT_TIERING")


def archived(name):
    def trouble(method, key):
        return errors.Archived("it is archived", key) if (method, key) == (name, b"cold") else None

    return trouble


@pytest.mark.parametrize("body", [b"1", LARGE], ids=["small", "large"])
async def test_an_archived_source_is_skipped_and_named(body):
    source = FakeStorage(objects=True).put(b"cold", body).put(b"warm", b"2")
    source.trouble = archived("read" if body != LARGE else "open")
    destination = FakeStorage()
    tally = await run(source, destination)
    assert set(destination.items) == {b"warm"}
    assert (tally.files_transferred, tally.files_skipped, tally.failure_count()) == (1, 1, 0)
    (skip,) = tally.skips()
    assert (skip.code, skip.count, skip.sample_path) == ("Archived", 1, "/cold")
    assert "RestoreObject" in skip.hint


async def test_an_archived_source_of_a_copy_inside_the_storage_is_skipped_too():
    source = FakeStorage(objects=True).put(b"cold", b"1").put(b"warm", b"2")
    destination = FakeStorage(objects=True, copies=True)
    destination.trouble = archived("copy")
    tally = await run(source, destination)
    assert set(destination.items) == {b"warm"}
    assert [skip.code for skip in tally.skips()] == ["Archived"]
    assert tally.failure_count() == 0


async def test_an_archived_source_deletes_nothing_at_the_destination():
    source = FakeStorage(objects=True).put(b"cold", b"new")
    source.trouble = archived("read")
    destination = FakeStorage().put(b"cold", b"old!")
    await run(source, destination, preserve_deleted_files="Remove")
    assert bodies(destination) == {b"cold": b"old!"}
