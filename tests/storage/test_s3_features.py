"""Classes and encryption, in whole runs against servers that have them."""

import pytest

from datasync_api.s3_location import Encryption
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import MIB
from datasync_runner.storage.s3.storage import S3Storage
from fixtures.s3 import MINIO_KEY, make_bucket, remove_bucket
from storage.sides import META, BytesReader, credentials, file, fine, listed, s3_side
from storage.test_runs import World


@pytest.fixture
def upload(tmp_path, s3_server, s3_client, bucket):
    return World(tmp_path, s3_server, s3_client, bucket, ("posix", "s3"))


def class_of(world, key):
    head = world.client.head_object(Bucket=world.bucket, Key=world.destination.prefix + key)
    return head.get("StorageClass", "STANDARD")


def write(world, name, size, **stat):
    path = world.tmp_path / "source" / name
    path.write_bytes(bytes(size))
    path.chmod(stat.get("mode", 0o644))


def test_new_objects_have_the_locations_class_and_old_ones_keep_theirs(upload):
    """128 KiB is the least for StandardIA; DeepArchive was chosen by somebody else."""
    there = upload.destination.model_copy(update={"storage_class": "StandardIA"})
    upload.client.put_object(
        Bucket=upload.bucket,
        Key=there.prefix + "old",
        Body=b"old",
        StorageClass="DEEP_ARCHIVE",
    )
    write(upload, "old", 200_000)
    write(upload, "small", 1000)
    write(upload, "large", 200_000)
    write(upload, "parts", 17 * MIB)
    assert upload.run(destination=there).counters.files_transferred == 4
    classes = {name: class_of(upload, name) for name in ("old", "small", "large", "parts")}
    assert classes == {
        "old": "DEEP_ARCHIVE",
        "small": "STANDARD",
        "large": "STANDARD_IA",
        "parts": "STANDARD_IA",
    }

    # Another wish of the location moves nothing, nor does a new mode.
    there = there.model_copy(update={"storage_class": "Standard"})
    write(upload, "large", 200_000, mode=0o600)
    world = upload.run(destination=there).counters
    assert world.files_transferred + world.files_metadata_updated == 1
    assert class_of(upload, "large") == "STANDARD_IA"


@pytest.fixture
def encrypting(minio):
    """A client of MinIO, and a bucket of it."""
    client = minio.client()
    name = make_bucket(client)
    yield client, name
    remove_bucket(client, name)
    client.close()


KMS = Encryption(type="SSE_KMS", kms_key_id=MINIO_KEY)


@pytest.mark.parametrize(
    ("wished", "told"),
    [(Encryption(type="SSE_S3"), "AES256"), (KMS, "aws:kms"), (None, None)],
)
async def test_what_is_written_is_encrypted_as_wished(minio, encrypting, tmp_path, wished, told):
    """Small, in parts, copied inside, and with other metadata; then read and verified."""
    client, bucket = encrypting
    secret = credentials(tmp_path / "secret", minio)
    plain = s3_side(minio, bucket, secret, "here/")
    side = plain.model_copy(update={"encryption": wished})
    storage, source = S3Storage(side), S3Storage(s3_side(minio, bucket, secret, "there/"))
    await source.check()
    fine(await source.write_small([file(b"copy", b"2")]))
    large = Entry(b"large", Kind.FILE, 17 * MIB, META.mtime_ns, META)
    written = fine(await storage.write_small([file(b"small", b"1"), file(b"again", b"3")]))
    written.append(await storage.write(large, BytesReader(large, bytes(17 * MIB))))
    written += fine(await storage.copy(await listed(source), source))
    fine(await storage.verify(written))
    fine(await storage.update_metadata([written[1].entry]))
    for key in ("small", "again", "large", "copy"):
        head = client.head_object(Bucket=bucket, Key=f"here/{key}")
        assert head.get("ServerSideEncryption") == told, key
        assert (MINIO_KEY in head.get("SSEKMSKeyId", "")) == (wished is KMS)
    entries = [entry for entry in await listed(storage) if entry.key != b"large"]
    contents = fine(await storage.read_small(entries))
    assert [content.body for content in contents] == [b"3", b"2", b"1"]
    await storage.close()
    await source.close()
