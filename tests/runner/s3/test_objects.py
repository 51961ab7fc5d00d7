"""What is said of objects that are made, and what is heard of archived and tagged ones.

The server notes what it is asked: few servers have classes, keys of a KMS and archives.
"""

import pytest

from datasync_api.s3_location import Encryption
from datasync_api.sides import S3Side
from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind, ObjectHeaders, PosixMetadata
from datasync_runner.core.parts import MIB
from datasync_runner.storage import errors
from datasync_runner.storage.s3 import server_side_copy
from datasync_runner.storage.s3.algorithms import CRC64NVME, SHA256
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.values import Content, Written
from fakes.s3_answers import Reply, error, serve
from storage.sides import BytesReader, fine

CLASS, SSE = "x-amz-storage-class", "x-amz-server-side-encryption"
DIRECTIVE, TAGGING = "x-amz-tagging-directive", "x-amz-tagging"
DEEP = {"storage_class": "DeepArchive", "encryption": Encryption(type="SSE_KMS")}
FILE = Entry(b"f", Kind.FILE, 50_000, metadata=PosixMetadata(mtime_ns=1), headers=ObjectHeaders())
NO_ARCHIVE = error(403, "InvalidObjectState")


@pytest.fixture
def keys(tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "AWS_ACCESS_KEY_ID").write_text("k")
    (folder / "AWS_SECRET_ACCESS_KEY").write_text("s")
    return str(folder)


def side_of(server, keys, **wishes):
    return S3Side(
        uri="s3://data/",
        bucket="data",
        region="us-east-1",
        endpoint=server.endpoint,
        addressing_style="Path",
        credentials_path=keys,
        **wishes,
    )


def willing(asked):
    """Does all, and finds two tags at each object."""
    if asked.path.count("?tagging="):
        tags = (
            "<Tag><Key>b</Key><Value>2 &amp; 3</Value></Tag><Tag><Key>a</Key><Value>1</Value></Tag>"
        )
        return Reply(200, f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode())
    if asked.path.endswith("?uploads="):
        return Reply(200, b"<Result><UploadId>1</UploadId></Result>")
    if asked.method == "HEAD":
        return Reply(200, bytes(FILE.size_bytes), {"ETag": '"1"'})
    body = b"<CopyObjectResult/>" if "x-amz-copy-source" in asked.headers else b""
    return Reply(200, b"fine" if asked.method == "GET" else body, {"ETag": '"1"'})


@pytest.mark.parametrize(
    ("endpoint", "checks", "vouches"),
    [
        (None, True, True),
        ("http://h:1", True, True),
        (None, False, False),
        ("http://h:1", False, False),
        (None, None, True),
        ("http://h:1", None, False),
    ],
)
async def test_whose_stored_checksums_are_believed(keys, endpoint, checks, vouches):
    with serve(willing) as server:
        side = side_of(server, keys).model_copy(update={"endpoint": endpoint})
    storage = S3Storage(side)
    storage._objects.checks = checks
    assert storage._objects.vouches is vouches
    await storage.close()


async def do(keys, work, *, wishes=None, answers=willing, tags="None", algorithm=CRC64NVME):
    """What was asked while `work` went on with a storage, and what came of it."""
    with serve(answers) as server:
        side = side_of(server, keys, **(wishes or {}))
        storage = S3Storage(side, tags=tags, algorithm=algorithm)
        try:
            found = await work(storage)
        finally:
            await storage.close()
    return server.asked, found


async def write(storage):
    return fine(await storage.write_small([Content(FILE, bytes(50_000))]))


async def write_large(storage):
    entry = FILE._replace(size_bytes=17 * MIB)
    return await storage.write(entry, BytesReader(entry, bytes(17 * MIB)))


async def update(storage):
    return fine(await storage.update_metadata([FILE._replace(storage_class="DEEP_ARCHIVE")]))


async def copy(storage):
    return fine(await storage.copy([FILE._replace(etag='"1"')], storage))


def making(asked):
    """The requests that make an object, or begin to."""
    return [one for one in asked if one.method in ("PUT", "POST") and "ploadId=" not in one.path]


WORKS = pytest.mark.parametrize("work", [write, write_large, update, copy])


@WORKS
async def test_whatever_makes_an_object_states_its_class_and_encryption(keys, work):
    asked, _ = await do(keys, work, wishes=DEEP)
    assert making(asked)
    for one in making(asked):
        assert (one.headers[CLASS], one.headers[SSE]) == ("DEEP_ARCHIVE", "aws:kms"), one.path


@WORKS
async def test_by_default_nothing_is_said_of_class_or_encryption(keys, work):
    wishes = {"storage_class": "DeepArchive"} if work is update else {}
    asked, _ = await do(keys, work, wishes=wishes)
    for one in making(asked):
        assert (one.headers.get(CLASS), one.headers.get(SSE)) == (
            "DEEP_ARCHIVE" if work is update else None,
            None,
        )


async def test_parts_say_nothing_again(keys):
    asked, _ = await do(keys, write_large, wishes=DEEP)
    parts = [one for one in asked if "partNumber=" in one.path and one.method == "PUT"]
    assert len(parts) >= 2
    assert not any(CLASS in one.headers or SSE in one.headers for one in parts)


async def test_what_is_copied_into_an_archive_is_given_a_checksum_that_we_compare_by(keys):
    """Nobody can read it back from there to compute one."""
    asked, _ = await do(keys, copy, wishes=DEEP, algorithm=SHA256)
    assert asked[0].headers["x-amz-checksum-algorithm"] == "CRC64NVME"
    asked, _ = await do(keys, copy, algorithm=SHA256)
    assert asked[0].headers["x-amz-checksum-algorithm"] == "SHA256"


async def test_an_archived_object_is_told_as_such_however_it_is_read(keys):
    def answers(asked):
        if asked.method == "GET" or "x-amz-copy-source" in asked.headers:
            return NO_ARCHIVE
        return Reply(200, b"", {"ETag": '"1"'})

    async def read(storage):
        (small,) = await storage.read_small([FILE])
        (copied,) = await storage.copy([FILE], storage)
        reader = await storage.open(FILE._replace(etag='"1"'))
        with pytest.raises(errors.Archived) as caught:
            await reader.read_at(0, 100)
        return small, copied, caught.value

    _, found = await do(keys, read, answers=answers)
    for one in found:
        assert isinstance(one, errors.Archived)
        assert "until it is restored" in one.message
        assert one.skips


async def test_what_cannot_be_read_back_is_no_success(keys):
    def answers(asked):
        return NO_ARCHIVE if asked.method == "GET" else Reply(200, bytes(FILE.size_bytes))

    async def verify(storage):
        return await storage.verify([Written(FILE, crc64(bytes(FILE.size_bytes)))])

    _, (answer,) = await do(keys, verify, answers=answers)
    assert isinstance(answer, errors.VerificationFailed)
    assert not answer.skips


async def test_every_look_at_a_version_asks_for_it_and_tells_it(keys):
    """A manifest names versions; what is compared by content must be what is copied."""
    one = FILE._replace(version_id="v7", metadata=None, headers=None)

    async def look(storage):
        (seen,) = fine(await storage.inspect([one]))
        (examined,) = fine(await storage.examine([one]))
        reader = await storage.open(one)
        return [seen, examined.entry, reader.entry]

    asked, found = await do(keys, look)
    heads = [request.path for request in asked if request.method == "HEAD"]
    assert heads == ["/data/f?versionId=v7"] * 3
    assert [entry.version_id for entry in found] == ["v7"] * 3


TAGS = (("a", "1"), ("b", "2 & 3"))
LISTED = FILE._replace(metadata=None, headers=None)


async def look(storage):
    (seen,) = fine(await storage.inspect([LISTED]))
    (examined,) = fine(await storage.examine([LISTED]))
    (read,) = fine(await storage.read_small([LISTED]))
    reader = await storage.open(LISTED)
    return [entry.headers.tags for entry in (seen, examined.entry, read.entry, reader.entry)]


@pytest.mark.parametrize(
    ("tags", "found", "requests"),
    [
        ("Preserve", [TAGS, TAGS, TAGS, TAGS], 4),
        ("PreserveOnTransfer", [None, None, TAGS, TAGS], 2),
        ("None", [None, None, None, None], 0),
    ],
)
async def test_tags_are_asked_for_where_they_are_needed(keys, tags, found, requests):
    asked, told = await do(keys, look, tags=tags)
    assert told == found
    assert sum(one.path.count("?tagging=") for one in asked) == requests


async def test_of_a_version_that_version_is_asked_for_its_tags(keys):
    async def look_at_one(storage):
        one = LISTED._replace(version_id="v1")
        fine(await storage.inspect([one]))
        fine(await storage.read_small([one]))
        await storage.open(one)

    asked, _ = await do(keys, look_at_one, tags="Preserve")
    assert all("versionId=v1" in one.path for one in asked)
    assert sum("?tagging=&versionId=v1" in one.path for one in asked) == 3


async def test_a_folders_marker_is_not_asked_for_tags(keys):
    async def inspect(storage):
        return await storage.inspect([Entry(b"d/", Kind.FOLDER)])

    asked, _ = await do(keys, inspect, tags="Preserve")
    assert [one.method for one in asked] == ["HEAD"]


TAGGED = FILE._replace(headers=ObjectHeaders(tags=TAGS))


@pytest.mark.parametrize(
    ("option", "tags", "stated", "directive"),
    [
        ("Preserve", TAGS, "a=1&b=2%20%26%203", "REPLACE"),
        ("Preserve", (), None, "REPLACE"),
        ("PreserveOnTransfer", None, None, None),
        ("None", None, None, None),
    ],
)
async def test_tags_are_written_with_the_object(keys, option, tags, stated, directive):
    entry = FILE._replace(headers=ObjectHeaders(tags=tags))

    async def both(storage):
        fine(await storage.write_small([Content(entry, bytes(50_000))]))
        fine(await storage.update_metadata([entry]))

    asked, _ = await do(keys, both, tags=option)
    put, update = asked[-2:]
    assert put.headers.get(TAGGING) == update.headers.get(TAGGING) == stated
    assert update.headers.get(DIRECTIVE) == directive


@pytest.mark.parametrize(
    ("option", "directive"),
    [("Preserve", None), ("PreserveOnTransfer", None), ("None", "REPLACE")],
)
async def test_a_copy_inside_the_storage_takes_the_tags_along_or_leaves_them(
    keys, option, directive
):
    asked, _ = await do(keys, copy, tags=option)
    assert (asked[0].headers.get(DIRECTIVE), asked[0].headers.get(TAGGING)) == (directive, None)


async def test_a_copy_in_parts_states_the_sources_tags(keys, monkeypatch):
    monkeypatch.setattr(server_side_copy, "WHOLE_COPY_BYTES", 1000)

    async def parts(storage):
        return fine(await storage.copy([LISTED._replace(etag='"1"')], storage))

    for option, stated in (("Preserve", "a=1&b=2%20%26%203"), ("None", None)):
        asked, _ = await do(keys, parts, tags=option)
        (begun,) = [one for one in asked if one.path.endswith("?uploads=") and one.method == "POST"]
        assert begun.headers.get(TAGGING) == stated


@pytest.mark.parametrize(
    "answer",
    [error(501, "NotImplemented"), error(405, "MethodNotAllowed"), Reply(200, b"the object")],
    ids=["not-implemented", "not-allowed", "ignored"],
)
async def test_a_server_without_tags_stops_the_run_and_says_which_option_to_change(keys, answer):
    def answers(asked):
        return answer if "tagging" in asked.path else willing(asked)

    with pytest.raises(errors.ConfigurationInvalid, match="set objectTags: None"):
        await do(keys, look, answers=answers, tags="Preserve")


async def test_no_right_to_tags_is_the_objects_failure_and_none_at_all_is_no_tag(keys):
    async def read(storage):
        (answer,) = await storage.read_small([LISTED])
        return answer

    def answering(reply):
        return lambda asked: reply if "tagging" in asked.path else willing(asked)

    denied = answering(error(403, "AccessDenied"))
    _, answer = await do(keys, read, answers=denied, tags="Preserve")
    assert isinstance(answer, errors.Denied)
    assert "GetObjectTagging" in answer.message
    _, content = await do(
        keys, read, answers=answering(error(404, "NoSuchTagSet")), tags="Preserve"
    )
    assert content.entry.headers.tags == ()
