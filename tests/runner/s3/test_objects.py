"""What is said of objects that are made, and what is heard of archived ones.

The server notes what it is asked: few servers have classes, keys of a KMS and archives.
"""

import pytest

from datasync_api.plan import S3Side
from datasync_api.s3_location import Encryption
from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind, ObjectHeaders, PosixMetadata
from datasync_runner.core.parts import MIB
from datasync_runner.storage import errors
from datasync_runner.storage.port import Content, Written
from datasync_runner.storage.s3.storage import S3Storage
from fakes.s3_answers import Reply, error, serve
from storage.sides import BytesReader, fine

CLASS, SSE = "x-amz-storage-class", "x-amz-server-side-encryption"
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
    """Does all."""
    if asked.path.endswith("?uploads="):
        return Reply(200, b"<Result><UploadId>1</UploadId></Result>")
    if asked.method == "HEAD":
        return Reply(200, bytes(FILE.size_bytes), {"ETag": '"1"'})
    body = b"<CopyObjectResult/>" if "x-amz-copy-source" in asked.headers else b""
    return Reply(200, b"fine" if asked.method == "GET" else body, {"ETag": '"1"'})


async def do(keys, work, *, wishes=None, answers=willing):
    """What was asked while `work` went on with a storage, and what came of it."""
    with serve(answers) as server:
        storage = S3Storage(side_of(server, keys, **(wishes or {})))
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


async def test_what_is_copied_into_an_archive_is_given_a_checksum(keys):
    """Nobody can read it back from there to compute one."""
    asked, _ = await do(keys, copy, wishes=DEEP)
    assert asked[0].headers["x-amz-checksum-algorithm"] == "CRC64NVME"
    asked, _ = await do(keys, copy)
    assert "x-amz-checksum-algorithm" not in asked[0].headers


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
