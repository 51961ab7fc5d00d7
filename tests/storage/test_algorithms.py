"""checksumAlgorithm on every path of a write, at real servers: what they store, and what they refuse."""

import base64
import hashlib

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.parts import PART_BYTES, SINGLE_PUT_BYTES, SMALL_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.s3 import server_side_copy
from datasync_runner.storage.s3.algorithms import ALGORITHMS
from datasync_runner.storage.s3.storage import S3Storage
from fixtures.s3 import make_bucket, remove_bucket
from storage.sides import BytesReader, file, fine, listed
from storage.test_baseline import World
from storage.test_uploads import (  # noqa: F401 - fixtures
    bucket_of_any,
    operations,
    there,
    there_minio,
    there_versitygw,
)

SIZES = {"small": 100, "single": SMALL_BYTES + 5, "parts": 2 * PART_BYTES + 7}
BODY = bytes(range(256)) * (SIZES["parts"] // 256 + 1)


@pytest.fixture(params=ALGORITHMS.values(), ids=ALGORITHMS)
async def bucket(request, bucket_of_any):  # noqa: F811
    """A server's bucket, and a storage that states this algorithm."""
    bucket_of_any.algorithm = request.param
    bucket_of_any.stating = S3Storage(bucket_of_any.storage._side, algorithm=request.param)
    yield bucket_of_any
    await bucket_of_any.stating.close()


async def write(bucket, key, size):
    body = BODY[:size]
    if size <= SMALL_BYTES:
        return fine(await bucket.stating.write_small([file(key, body)]))[0]
    entry = file(key, body).entry
    return await bucket.stating.write(entry, BytesReader(entry, body))


def stored(bucket, key):
    """What the server says that it has stored, by the name of the algorithm."""
    told = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
    kinds = {name: told.get(f"Checksum{name}") for name in (*ALGORITHMS, "CRC32", "SHA1")}
    return {name: value for name, value in kinds.items() if value}


def expected(algorithm, body):
    if len(body) <= SINGLE_PUT_BYTES or algorithm.kind == "FULL_OBJECT":
        return algorithm.of(body)
    parts = [body[at : at + PART_BYTES] for at in range(0, len(body), PART_BYTES)]
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return f"{base64.b64encode(hashlib.sha256(digests).digest()).decode()}-{len(parts)}"


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_written_is_stored_with_it_and_comes_back(bucket, size):
    body, algorithm = BODY[: SIZES[size]], bucket.algorithm
    await write(bucket, b"first", 10)  # what the server checks is known from here on
    assert bucket.stating._objects.checks is True
    written = await write(bucket, b"f", len(body))
    assert written.proven and written.checksum == crc64(body)
    assert stored(bucket, "f") == {algorithm.name: expected(algorithm, body)}
    (entry,) = [one for one in await listed(bucket.stating) if one.key == b"f"]
    if size == "small":
        (content,) = fine(await bucket.stating.read_small([entry]))
        assert content.body == body
    else:
        reader = await bucket.stating.open(entry)
        pieces = []
        while piece := await reader.read():
            pieces.append(piece)
        assert b"".join(pieces) == body


async def test_what_was_damaged_at_rest_is_found(bucket):
    written = await write(bucket, b"f", SIZES["parts"])
    bucket.client.put_object(Bucket=bucket.name, Key="f", Body=bytes(SIZES["parts"]))
    (answer,) = await bucket.stating.verify([written])
    assert isinstance(answer, errors.VerificationFailed)


@pytest.mark.parametrize("limit_bytes", [PART_BYTES, 1 << 40], ids=["in-parts", "whole"])
async def test_copies_inside_of_the_storage_are_verified(bucket, monkeypatch, limit_bytes):
    monkeypatch.setattr(server_side_copy, "WHOLE_COPY_BYTES", limit_bytes)
    await bucket.storage.write_small([file(b"first", b"1")])
    entry = file(b"f", BODY[: SIZES["parts"]]).entry
    await bucket.storage.write(entry, BytesReader(entry, BODY[: SIZES["parts"]]))
    (found,) = [one for one in await listed(bucket.storage) if one.key == b"f"]
    side = bucket.storage._side.model_copy(update={"prefix": "copies/"})
    copies = S3Storage(side, algorithm=bucket.algorithm)
    try:
        (written,) = fine(await copies.copy([found], bucket.storage))
        if not written.proven:
            fine(await copies.verify([written]))
    finally:
        await copies.close()
    assert bucket.body("copies/f") == BODY[: SIZES["parts"]]


async def test_metadata_alone_is_changed(bucket):
    await write(bucket, b"f", SIZES["small"])
    entry = file(b"f", BODY[: SIZES["small"]], mode=0o600).entry
    fine(await bucket.stating.update_metadata([entry]))
    assert bucket.metadata("f")["file-permissions"] == "0100600"
    assert bucket.body("f") == BODY[: SIZES["small"]]


async def test_parts_that_a_killed_run_has_sent_are_not_sent_again(bucket):
    """SeaweedFS tells no checksums of parts: there all are sent."""
    body = BODY[: SIZES["parts"]]
    await write(bucket, b"first", 10)
    algorithm = bucket.algorithm
    upload = bucket.client.create_multipart_upload(
        Bucket=bucket.name, Key="f", ChecksumAlgorithm=algorithm.name, ChecksumType=algorithm.kind
    )["UploadId"]
    stated = {f"Checksum{algorithm.name}": algorithm.of(body[:PART_BYTES])}
    bucket.client.upload_part(
        Bucket=bucket.name, Key="f", UploadId=upload, PartNumber=1, Body=body[:PART_BYTES], **stated
    )
    parts = bucket.client.list_parts(Bucket=bucket.name, Key="f", UploadId=upload)["Parts"]
    tells = f"Checksum{algorithm.name}" in parts[0]
    bucket.operations.clear()
    await write(bucket, b"f", len(body))
    assert bucket.operations.count("UploadPart") == (2 if tells else 3)
    assert bucket.body("f") == body
    assert bucket.uploads() == []


@pytest.mark.parametrize("name", ALGORITHMS)
async def test_the_option_of_a_task(name, tmp_path, s3_server, s3_client):
    bucket = make_bucket(s3_client)
    world = World(tmp_path, s3_server, s3_client, bucket, ("posix", "s3"))
    world.write(0, "f", b"fine")
    board = await world.run(checksum_algorithm=name)
    assert (board.tally.files_transferred, board.tally.files_verified) == (1, 1)
    told = s3_client.head_object(Bucket=bucket, Key="destination/f", ChecksumMode="ENABLED")
    assert told[f"Checksum{name}"] == ALGORITHMS[name].of(b"fine")
    remove_bucket(s3_client, bucket)
