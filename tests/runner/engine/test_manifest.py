"""Runs by a manifest: what is listed is looked up and moved, nothing else is touched or asked for."""

import pytest

from datasync_api.plan import ManifestPlace
from datasync_api.sides import S3Side
from datasync_runner.core.entry import Kind
from datasync_runner.engine import manifest, manifest_items
from datasync_runner.storage import errors
from fakes.runs import plan_of, run_between
from fakes.storage import FILE, FakeStorage


async def run(source, destination, place, *, bucket=None, **options):
    plan = plan_of(manifest_place=place, **options)
    return (await run_between(source, destination, plan, manifest_bucket=bucket)).tally


@pytest.fixture
def listed(tmp_path):
    """Write a manifest and name its place."""

    def write(text):
        (tmp_path / "manifest").write_text(text, newline="")
        return ManifestPlace(kind="Mounted", path=str(tmp_path / "manifest"))

    return write


def tree(objects=False):
    storage = FakeStorage(objects=objects)
    storage.put(b"a/").put(b"a/x", b"xx").put(b"a/y", b"y").put(b"b", b"bbb")
    return storage.put(b"c/").put(b"c/d/").put(b"c/d/e", b"e").put(b"empty/")


def bodies(storage):
    return {key: content.body for key, content in storage.items.items()}


@pytest.mark.parametrize("source_objects", [False, True])
@pytest.mark.parametrize("destination_objects", [False, True])
async def test_what_is_listed_is_moved_with_its_folders(
    source_objects, destination_objects, listed
):
    source, destination = tree(source_objects), FakeStorage(destination_objects)
    place = listed("c/d/e\na/y\nb\n")
    first = await run(source, destination, place)
    assert bodies(destination) == {
        b"a/": b"", b"a/y": b"y", b"b": b"bbb", b"c/": b"", b"c/d/": b"", b"c/d/e": b"e",
    }  # fmt: skip
    assert (first.files_transferred, first.folders_transferred, first.failure_count()) == (3, 3, 0)
    second = await run(source, destination, place)
    assert (second.files_transferred, second.folders_transferred) == (0, 0)
    assert second.files_skipped == 3
    assert "listing" not in source.calls + destination.calls


async def test_nothing_is_deleted_and_nothing_else_is_compared(listed):
    source = tree()
    destination = FakeStorage().put(b"old", b"o").put(b"a/").put(b"a/x", b"mine")
    tally = await run(source, destination, listed("a/y"))
    assert destination.items[b"old"].body == b"o"
    assert destination.items[b"a/x"].body == b"mine"
    assert (tally.files_listed_at_source, tally.files_listed_at_destination) == (1, 0)


async def test_exactly_what_changed_is_moved(listed):
    source, destination = tree(), FakeStorage()
    place = listed("a/x\na/y\nb")
    await run(source, destination, place)
    source.put(b"a/x", b"XX", metadata=FILE._replace(mtime_ns=2_000_000_000))
    source.put(b"b", b"bbb", metadata=FILE._replace(mode=0o600))
    tally = await run(source, destination, place)
    assert (tally.files_transferred, tally.files_metadata_updated, tally.files_skipped) == (1, 1, 1)


async def test_what_is_missing_is_a_class_of_its_own_and_the_rest_is_moved(listed):
    for objects in (False, True):
        source, destination = tree(objects), FakeStorage()
        tally = await run(source, destination, listed("a/x\na/gone\nno/such/file"))
        assert bodies(destination) == {b"a/": b"", b"a/x": b"xx"}
        (failure,) = tally.failures()
        assert (failure.code, failure.count) == ("ManifestFileDoesNotExist", 2)
        assert failure.sample_path == "/a/gone"
        assert tally.run_error().code == "FilesFailed"


TOLD_ONCE: dict[str, tuple[str, bool, bool, str]] = {
    # the item; whether the source has it, whether the source can have such a name; the class
    "leads out": ("../x", False, False, "NameNotRepresentable"),
    "leads out and in again": ("a/../b", False, False, "NameNotRepresentable"),
    "a key that is no path": ("a//b", True, True, "NameNotRepresentable"),
    "a name that is too long": ("a" * 300, True, True, "NameNotRepresentable"),
    "too long, and not there": ("a" * 300, False, True, "ManifestFileDoesNotExist"),
}


@pytest.mark.parametrize("name", TOLD_ONCE)
async def test_an_item_that_the_destination_cannot_have_fails_once(name, listed):
    item, there, can_be_there, code = TOLD_ONCE[name]
    key = item.encode()

    def refuses(_, asked):
        return errors.NameNotRepresentable("no such name", asked) if asked == key else None

    source = tree(objects=can_be_there)
    if there:
        source.put(key, b"1")
    if not can_be_there:
        source.trouble = refuses
    destination = FakeStorage(trouble=refuses)
    tally = await run(source, destination, listed(f"a/x\n{item}\n"))
    assert [(failure.code, failure.count) for failure in tally.failures()] == [(code, 1)]
    assert destination.items.keys() == {b"a/", b"a/x"}


async def test_a_folder_is_no_item(listed):
    source, destination = FakeStorage(), FakeStorage()
    source.put(b"a", kind=Kind.FOLDER)  # as stat answers for a name without a slash
    tally = await run(source, destination, listed("a"))
    assert [failure.code for failure in tally.failures()] == ["ManifestListsFolder"]
    assert not destination.items


async def test_an_empty_manifest_moves_nothing(listed):
    destination = FakeStorage()
    tally = await run(tree(), destination, listed(""))
    assert not destination.items
    assert tally.failure_count() == 0


async def test_a_destination_that_cannot_be_asked_is_left_alone(listed):
    destination = FakeStorage().put(b"b", b"mine")
    destination.trouble = lambda name, key: (
        errors.Denied("no", key) if (name, key) == ("inspect", b"a") else None
    )
    source = FakeStorage().put(b"a", b"1").put(b"ab", b"2")
    tally = await run(source, destination, listed("a\nab"))
    assert bodies(destination) == {b"b": b"mine", b"ab": b"2"}
    assert (tally.failed["prepare"], tally.failures()[0].code) == (1, "Denied")


async def test_only_what_is_listed_is_compared_at_the_end(listed):
    source, destination = tree(), FakeStorage().put(b"c/d/other", b"theirs")
    options = {"verify_mode": "PointInTimeConsistent"}
    tally = await run(source, destination, listed("b\nc/d/e\n"), **options)
    assert (tally.failure_count(), tally.files_verified) == (0, 2)
    destination.put(b"b", b"???")
    destination.put(b"a/x", b"??")
    tally = await run(source, destination, listed("b\nc/d/e\n"), **options)
    assert {failure.code: failure.sample_path for failure in tally.failures()} == {
        "ContentDiffers": "/b"
    }
    assert tally.files_verified == 1


async def test_never_overwrites_what_is_there(listed):
    destination = FakeStorage().put(b"b", b"mine and longer")
    tally = await run(tree(), destination, listed("b\na/x"), overwrite_mode="Never")
    assert destination.items[b"b"].body == b"mine and longer"
    assert (tally.files_transferred, tally.files_skipped) == (1, 1)


async def test_the_manifest_may_lie_at_the_source():
    for objects in (False, True):
        source, destination = tree(objects), FakeStorage()
        source.put(b"lists/today.csv", b'"a/x"\r\nb\r\n')
        place = ManifestPlace(kind="Source", path="lists/today.csv")
        await run(source, destination, place)
        assert bodies(destination) == {b"a/": b"", b"a/x": b"xx", b"b": b"bbb"}


async def test_versions_reach_the_source(listed):
    source, destination = FakeStorage(objects=True).put(b"a", b"1"), FakeStorage(objects=True)
    read, asked = [], []
    before, look = source.read_small, destination.inspect

    async def read_small(entries):
        read.extend(entries)
        return await before(entries)

    async def inspect(entries):
        asked.extend(entries)
        return await look(entries)

    source.read_small, destination.inspect = read_small, inspect
    await run(source, destination, listed("a,v7"))
    assert [(entry.key, entry.version_id) for entry in read] == [(b"a", "v7")]
    assert [(entry.key, entry.version_id) for entry in asked] == [(b"a", "")]  # v7 is the source's


REFUSED = {
    "a line that breaks a rule": ("a\n/b\n", "line 2 begins with '/'"),
    "a path twice": ("a/x\nb\na/x\n", "'a/x' more than once"),
    "a version of a file": ("b,v1\n", "line 1 has a version id, which only objects have"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_an_invalid_manifest_stops_the_run_before_anything_is_moved(name, listed):
    text, words = REFUSED[name]
    destination = FakeStorage()
    with pytest.raises(errors.ConfigurationInvalid, match=words):
        await run(tree(), destination, listed(text))
    assert not destination.items


LISTS = S3Side(uri="s3://lists/", bucket="lists", region="us-east-1")
IN_A_BUCKET = ManifestPlace(kind="Object", path="today.csv", side=LISTS, version_id="v7")
AT_THE_SOURCE = ManifestPlace(kind="Source", path="today.csv")


async def test_the_manifest_may_lie_in_a_bucket_of_its_own():
    bucket, destination = FakeStorage(objects=True).put(b"today.csv", b"a/x\nb\n"), FakeStorage()
    await run(tree(), destination, IN_A_BUCKET, bucket=bucket)
    assert bodies(destination) == {b"a/": b"", b"a/x": b"xx", b"b": b"bbb"}


UNUSABLE = {
    "no file": (
        ManifestPlace(kind="Mounted", path="/no/such/file"),
        None,
        errors.ConfigurationInvalid,
        "the manifest cannot be used: No such file or directory",
    ),
    "nothing at the source": (
        AT_THE_SOURCE,
        errors.Missing("gone"),
        errors.ConfigurationInvalid,
        "the manifest today.csv is not there: correct its path",
    ),
    "no right at the source": (
        AT_THE_SOURCE,
        errors.Denied("no"),
        errors.ConfigurationInvalid,
        "the manifest today.csv cannot be read: no",
    ),
    "no object": (
        IN_A_BUCKET,
        errors.Missing("gone"),
        errors.ConfigurationInvalid,
        "the manifest s3://lists/today.csv in version v7 is not there: correct its key or version",
    ),
    "no right to the object": (
        IN_A_BUCKET,
        errors.Denied("no"),
        errors.CredentialsRefused,
        r"s3://lists/today.csv in version v7 may not be read \(no\): allow s3:GetObjectVersion",
    ),
    "an object in an archive": (
        IN_A_BUCKET,
        errors.Archived("it is archived"),
        errors.ConfigurationInvalid,
        "s3://lists/today.csv in version v7 cannot be used: it is archived",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_a_manifest_that_cannot_be_read_stops_the_run_before_anything_is_moved(name):
    place, trouble, stop, words = UNUSABLE[name]
    source, bucket, destination = tree(), FakeStorage(objects=True), FakeStorage()
    for storage in (source, bucket):
        storage.trouble = lambda name, key: trouble if name == "open" else None
    with pytest.raises(stop, match=words):
        await run(source, destination, place, bucket=bucket if place.side else None)
    assert not destination.items


async def test_a_manifest_that_is_too_large_is_not_read(monkeypatch):
    monkeypatch.setattr(manifest_items, "MAX_BYTES", 5)
    for text, fits in ((b"b\nc/d", True), (b"b\nc/d/", False)):
        bucket = FakeStorage(objects=True).put(b"today.csv", text)
        source = FakeStorage().put(b"b", b"b").put(b"c/").put(b"c/d", b"d")
        destination = FakeStorage()
        if fits:
            await run(source, destination, IN_A_BUCKET, bucket=bucket)
        else:
            with pytest.raises(
                errors.ConfigurationInvalid, match="it has 6 bytes, more than the 5"
            ):
                await run(source, destination, IN_A_BUCKET, bucket=bucket)
        assert (b"b" in destination.items) is fits


async def test_more_items_than_are_looked_up_at_once(listed):
    count = manifest.AT_ONCE + 10
    source, destination = FakeStorage(), FakeStorage()
    for number in range(count):
        source.put(b"d/%05d" % number, b"x")
    source.put(b"d/")
    text = "".join(f"d/{number:05}\n" for number in reversed(range(count)))
    tally = await run(source, destination, listed(text))
    assert (tally.files_transferred, tally.failure_count()) == (count, 0)
    assert bodies(destination) == bodies(source)
