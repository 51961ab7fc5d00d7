"""Large objects in parts at real servers: continued, begun anew, copied inside, left alone.

SeaweedFS does not tell the checksums of the parts that it has, so nothing is continued there and
all is begun anew; MinIO and Versity's gateway tell them, as S3 does.
"""

import random
from contextlib import asynccontextmanager

import pytest

from datasync_runner.checksums import crc64, to_header
from datasync_runner.core.entry import Entry, Kind, ObjectHeaders
from datasync_runner.core.parts import MIB, PART_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.s3 import copies as copies_module
from datasync_runner.storage.s3 import duplicates, multipart, server_side_copy
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.values import Duplicate
from fixtures.s3 import make_bucket, remove_bucket
from storage.looks import Plain
from storage.sides import META, BytesReader, credentials, fine, listed, s3_side

BODY = random.Random(5).randbytes(2 * PART_BYTES + 3 * MIB)
PARTS = [BODY[:PART_BYTES], BODY[PART_BYTES : 2 * PART_BYTES], BODY[2 * PART_BYTES :]]
ENTRY = Entry(b"large", Kind.FILE, len(BODY), META.mtime_ns, META)


class Ranged(BytesReader):
    """A large file any range of which can be read; notes who asked."""

    checksum = None

    def __init__(self, entry, body):
        super().__init__(entry, body)
        self.whole = body

    async def read_at(self, offset_bytes, size_bytes):
        return [self.whole[offset_bytes : offset_bytes + size_bytes]]

    async def settle(self):
        pass


class Bucket:
    """A bucket with a storage on it, whose requests are noted by operation."""

    written = None
    """What the last `write` said of the object."""

    def __init__(self, storage, plain, client, operations):
        self.storage, self.plain, self.client = storage, plain, client
        self.name = plain.bucket
        self.operations = operations

    async def write(self, entry=ENTRY, body=BODY, reader=Ranged):
        """Write, prove, and return what was asked for in between."""
        self.operations.clear()
        written = await self.storage.write(entry, reader(entry, body))
        counted = {name: self.operations.count(name) for name in self.operations}
        fine(await self.storage.verify([written]))
        self.written = written
        return counted

    def begin(self, parts, *, key="large", metadata=None, **options):
        """An upload that another run has begun, with these parts by number."""
        options = options or {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}
        upload = self.client.create_multipart_upload(
            Bucket=self.name, Key=key, Metadata=metadata or {}, **options
        )["UploadId"]
        for number, body in parts.items():
            stated = to_header(crc64(body)) if "ChecksumAlgorithm" in options else None
            self.put_part(upload, number, body, stated, key)
        return upload

    def put_part(self, upload, number, body, stated, key):
        headers = {"x_amz_checksum_crc64nvme": stated} if stated else {}
        query = f"partNumber={number}&uploadId={upload}"
        status, _, answer = self.plain.ask("PUT", key, body, query=query, **headers)
        assert status == 200, answer

    def uploads(self):
        found = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [upload["UploadId"] for upload in found]

    def body(self, key="large"):
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def etag(self, key="large"):
        return self.client.head_object(Bucket=self.name, Key=key)["ETag"]

    def metadata(self, key="large"):
        return self.client.head_object(Bucket=self.name, Key=key)["Metadata"]


@pytest.fixture
def operations(monkeypatch):
    """The operations of all requests, as they are made."""
    noted = []
    start = Client.start

    def noting(client, call, finish):
        noted.append(call.operation)
        start(client, call, finish)

    monkeypatch.setattr(Client, "start", noting)
    return noted


@asynccontextmanager
async def bucket_at(server, client, tmp_path, operations):
    name = make_bucket(client)
    storage = S3Storage(s3_side(server, name, credentials(tmp_path / "secret", server)))
    yield Bucket(storage, Plain(server.endpoint, server, name), client, operations)
    await storage.close()
    for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", []):
        client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    remove_bucket(client, name)


@pytest.fixture
async def there(tmp_path, s3_server, s3_client, operations):
    """A bucket of SeaweedFS."""
    async with bucket_at(s3_server, s3_client, tmp_path, operations) as found:
        yield found


@pytest.fixture
async def there_minio(tmp_path, minio, operations):
    client = minio.client()
    async with bucket_at(minio, client, tmp_path, operations) as found:
        yield found
    client.close()


@pytest.fixture
async def there_versitygw(tmp_path, versitygw, operations):
    client = versitygw.client()
    async with bucket_at(versitygw, client, tmp_path, operations) as found:
        yield found
    client.close()


TELLING = ["there_minio", "there_versitygw"]


@pytest.fixture(params=TELLING)
def telling(request):
    """A bucket of a server that tells the checksums of parts."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["there", *TELLING])
def bucket_of_any(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("reader", [Ranged, BytesReader])
async def test_an_upload_by_ranges_and_in_order(bucket_of_any, reader):
    there = bucket_of_any
    asked = await there.write(reader=reader)
    assert there.body() == BODY
    assert asked["UploadPart"] == 3 + 1  # and the question whether the server checks
    assert there.metadata()["file-permissions"] == "0100640"
    assert there.uploads() == []


async def test_the_parts_that_are_there_are_not_sent_again(telling):
    telling.begin({1: PARTS[0], 3: PARTS[2]})
    asked = await telling.write()
    assert telling.body() == BODY
    assert "CreateMultipartUpload" not in asked
    assert asked["UploadPart"] == 1
    assert telling.uploads() == []


async def test_an_upload_of_which_the_completion_alone_is_missing(telling):
    telling.begin(dict(enumerate(PARTS, 1)))
    asked = await telling.write()
    assert telling.body() == BODY
    assert "UploadPart" not in asked


async def test_a_part_that_differs_is_sent_again(telling):
    telling.begin({1: PARTS[0], 2: bytes(PART_BYTES)})
    asked = await telling.write()
    assert telling.body() == BODY
    assert asked["UploadPart"] == 2


@pytest.mark.parametrize(
    "parts",
    [
        {1: BODY[: 8 * MIB], 2: BODY[8 * MIB : 16 * MIB]},
        {1: PARTS[0], 4: b"beyond the end"},
        {1: PARTS[0], 3: PARTS[2][:-1]},
        {},
    ],
    ids=["smaller", "beyond", "shorter", "none"],
)
async def test_parts_that_are_cut_otherwise_are_aborted(telling, parts):
    before = telling.begin(parts)
    asked = await telling.write()
    assert telling.body() == BODY
    assert before not in telling.uploads()
    assert (asked["CreateMultipartUpload"], asked["AbortMultipartUpload"]) == (1, 1)


async def test_where_parts_tell_no_checksum_all_is_begun_anew(there):
    before = there.begin({1: PARTS[0]})
    asked = await there.write()
    assert there.body() == BODY
    assert before not in there.uploads()
    assert asked["UploadPart"] == 3 + 1


async def test_of_several_uploads_one_is_continued_and_the_others_aborted(telling):
    for _ in range(3):
        telling.begin({1: PARTS[0]})
    asked = await telling.write()
    assert telling.body() == BODY
    assert (asked["UploadPart"], asked["AbortMultipartUpload"]) == (2, 2)
    assert telling.uploads() == []


async def test_uploads_of_other_keys_are_left_alone(there):
    others = {there.begin({1: b"x"}, key="large-too"), there.begin({1: b"x"}, key="a/large")}
    await there.write()
    assert set(there.uploads()) == others


async def test_what_was_stated_when_it_began_is_corrected_at_the_end(telling):
    old = {"file-permissions": "0100600", "file-owner": "7", "foreign": "old"}
    telling.begin({1: PARTS[0]}, metadata=old)
    entry = ENTRY._replace(metadata=META._replace(uid=None, mode=0o751))
    asked = await telling.write(entry)
    assert asked["CopyObject"] == 1
    found = telling.metadata()
    assert found["file-permissions"] == "0100751"
    assert not {"file-owner", "foreign"} & found.keys()
    assert telling.body() == BODY


async def test_what_was_stated_rightly_is_not_stated_again(telling):
    await telling.write()
    stated = telling.metadata()
    telling.begin({1: PARTS[0]}, metadata=stated)
    asked = await telling.write()
    assert "CopyObject" not in asked
    assert telling.metadata() == stated


async def test_above_the_limit_of_copies_it_is_corrected_in_parts(telling, monkeypatch):
    monkeypatch.setattr(multipart, "COPY_LIMIT_BYTES", PART_BYTES)
    telling.begin({1: PARTS[0]}, metadata={"file-owner": "7"})
    asked = await telling.write()
    assert "CopyObject" not in asked
    assert asked["UploadPartCopy"] >= 3
    assert telling.metadata()["file-permissions"] == "0100640"
    assert telling.body() == BODY
    assert telling.uploads() == []


@pytest.mark.parametrize(
    ("metadata", "limit_bytes"),
    [(None, len(BODY)), ({"file-owner": "7"}, len(BODY)), ({"file-owner": "7"}, PART_BYTES)],
    ids=["stated rightly", "corrected whole", "corrected in parts"],
)
async def test_by_its_etag_what_was_continued_can_be_copied(
    telling, monkeypatch, metadata, limit_bytes
):
    monkeypatch.setattr(multipart, "COPY_LIMIT_BYTES", limit_bytes)
    await telling.write()
    telling.begin({1: PARTS[0]}, metadata=metadata or telling.metadata())
    asked = await telling.write()
    assert "CreateMultipartUpload" not in asked or limit_bytes == PART_BYTES
    assert telling.written.etag == telling.etag()


async def test_what_replaces_a_continued_upload_is_never_given_its_metadata(telling, monkeypatch):
    """Somebody writes to the key when it is there, and before what it states is corrected."""
    restate = copies_module.restate

    def meddle(objects, written, give):
        telling.client.put_object(Bucket=telling.name, Key="large", Body=bytes(len(BODY)))
        restate(objects, written, give)

    monkeypatch.setattr(copies_module, "restate", meddle)
    telling.begin({1: PARTS[0]}, metadata={"file-owner": "7"})
    with pytest.raises(errors.ChangedDuringTransfer):
        await telling.write()
    assert "file-permissions" not in telling.metadata()


async def test_a_failure_aborts_the_upload(there):
    class Breaking(Ranged):
        async def read_at(self, offset_bytes, size_bytes):
            if offset_bytes:
                raise errors.ChangedDuringTransfer("it changed", b"large")
            return await super().read_at(offset_bytes, size_bytes)

    with pytest.raises(errors.ChangedDuringTransfer):
        await there.write(reader=Breaking)
    assert there.uploads() == []


async def test_a_file_that_became_shorter_is_no_object(there):
    class Short(BytesReader):
        def __init__(self, entry, body):
            super().__init__(entry, body[:-1])

    with pytest.raises(errors.ChangedDuringTransfer):
        await there.write(reader=Short)
    assert there.uploads() == []
    assert await listed(there.storage) == []


async def test_an_empty_file_in_order_is_an_object(there):
    entry = ENTRY._replace(key=b"empty", size_bytes=0)
    await there.write(entry, b"", BytesReader)
    assert there.body("empty") == b""


@pytest.fixture
async def copies(bucket_of_any, tmp_path):
    """A second prefix of a server's bucket, to be copied to."""
    storage = S3Storage(bucket_of_any.storage._side.model_copy(update={"prefix": "copies/"}))
    yield storage
    await storage.close()


@pytest.mark.parametrize("limit_bytes", [PART_BYTES, 10 * PART_BYTES], ids=["in-parts", "whole"])
async def test_what_an_earlier_run_has_sent_in_parts_is_copied_by_its_checksum(
    bucket_of_any, monkeypatch, limit_bytes
):
    """As for a hard link's new name; an ETag of parts proves no copy."""
    there = bucket_of_any
    monkeypatch.setattr(duplicates, "WHOLE_COPY_BYTES", limit_bytes)
    await there.write()
    (first,) = await listed(there.storage)
    other = ENTRY._replace(key=b"other")
    there.operations.clear()
    (written,) = fine(await there.storage.duplicate([Duplicate(other, first, None)]))
    assert not {"GetObject", "UploadPart"} & set(there.operations)
    assert (written.entry, written.checksum) == (other, crc64(BODY))
    fine(await there.storage.verify([written]))
    assert there.body("other") == BODY
    assert there.metadata("other") == there.metadata()


async def test_what_cannot_be_believed_or_is_another_object_now_is_not_copied(bucket_of_any):
    there = bucket_of_any
    await there.write()
    (first,) = await listed(there.storage)
    copy = Duplicate(ENTRY._replace(key=b"other"), first, None)
    stranger = S3Storage(there.storage._side)  # has not seen whether the server checks
    (answer,) = await stranger.duplicate([copy])
    assert isinstance(answer, errors.NotSupported)
    await stranger.close()
    there.client.put_object(Bucket=there.name, Key="large", Body=bytes(len(BODY)))
    (answer,) = await there.storage.duplicate([copy])
    assert isinstance(answer, errors.NotSupported)
    assert [entry.key for entry in await listed(there.storage)] == [b"large"]


async def source_of(there, body=BODY):
    headers = ObjectHeaders("text/x", user_metadata=(("mine", "1"),))
    await there.write(ENTRY._replace(headers=headers), body)
    return next(entry for entry in await listed(there.storage) if entry.key == b"large")


async def test_a_large_copy_goes_in_parts_and_is_compared_with_the_source(
    bucket_of_any, copies, monkeypatch
):
    there = bucket_of_any
    monkeypatch.setattr(server_side_copy, "WHOLE_COPY_BYTES", PART_BYTES)
    entry = await source_of(there)
    there.operations.clear()
    (written,) = fine(await copies.copy([entry], there.storage))
    assert there.operations.count("UploadPartCopy") >= 3
    assert not {"CopyObject", "GetObject"} & set(there.operations)
    assert written.checksum == crc64(BODY)
    fine(await copies.verify([written]))
    assert there.body("copies/large") == BODY
    assert there.metadata("copies/large") == there.metadata()
    head = there.client.head_object(Bucket=there.name, Key="copies/large")
    assert head["ContentType"] == "text/x"
    assert there.uploads() == []
    # Whoever checks what the server says of it finds it right: the gateway's checksums would not be.
    answer = there.client.get_object(Bucket=there.name, Key="copies/large", ChecksumMode="ENABLED")
    assert answer["Body"].read() == BODY


async def test_a_large_copy_that_is_damaged_is_found(bucket_of_any, copies, monkeypatch):
    there = bucket_of_any
    monkeypatch.setattr(server_side_copy, "WHOLE_COPY_BYTES", PART_BYTES)
    entry = await source_of(there)
    (written,) = fine(await copies.copy([entry], there.storage))
    there.client.put_object(Bucket=there.name, Key="copies/large", Body=bytes(len(BODY)))
    (answer,) = await copies.verify([written])
    assert isinstance(answer, errors.VerificationFailed)


@pytest.mark.parametrize("limit_bytes", [PART_BYTES, 10 * PART_BYTES], ids=["in-parts", "whole"])
async def test_what_was_replaced_is_copied_as_it_is(
    bucket_of_any, copies, monkeypatch, limit_bytes
):
    there = bucket_of_any
    monkeypatch.setattr(server_side_copy, "WHOLE_COPY_BYTES", limit_bytes)
    entry = await source_of(there)
    there.client.put_object(Bucket=there.name, Key="large", Body=bytes(len(BODY)))
    (written,) = fine(await copies.copy([entry], there.storage))
    if not written.proven:
        fine(await copies.verify([written]))
    found = there.client.get_object(Bucket=there.name, Key="copies/large")["Body"].read()
    assert found == bytes(len(BODY))
    assert there.uploads() == []
