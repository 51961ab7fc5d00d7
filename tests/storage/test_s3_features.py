"""Classes, tags and encryption, in whole runs against servers that have them."""

import pytest

from datasync_api.s3_location import Encryption
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import MIB
from datasync_runner.storage.s3.storage import S3Storage
from fixtures.s3 import MINIO_KEY, bucket_of
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


def put(world, key, body=b"x", tags=""):
    world.client.put_object(
        Bucket=world.bucket,
        Key=world.source.prefix + key,
        Body=body,
        Metadata={"file-mtime": "7ns"},
        Tagging=tags,
        CacheControl="max-age=9",
    )


def tags_of(world, key, side=None):
    prefix = (side or world.destination).prefix
    found = world.client.get_object_tagging(Bucket=world.bucket, Key=prefix + key)
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


def retag(world, side, key, **tags):
    world.client.put_object_tagging(
        Bucket=world.bucket,
        Key=side.prefix + key,
        Tagging={"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]},
    )


def elsewhere(world):
    """The same destination under another name, so that all travels through here."""
    there = world.server.endpoint.replace("127.0.0.1", "localhost")
    return world.destination.model_copy(update={"endpoint": there})


@pytest.fixture(params=["s3_server", "versitygw"])
def between(request, tmp_path):
    server = request.getfixturevalue(request.param)
    with bucket_of(server) as made:
        yield World(tmp_path, server, *made, ("s3", "s3"))


@pytest.mark.parametrize("inside", [True, False], ids=["copied-inside", "streamed"])
def test_tags_are_compared_and_copied(between, inside):
    there = between.destination if inside else elsewhere(between)
    put(between, "tagged", tags="project=x&a%20b=1%2B1")
    put(between, "large", bytes(9 * MIB), tags="size=large")
    put(between, "plain")
    assert between.run(destination=there).counters.files_transferred == 3
    assert tags_of(between, "tagged") == {"project": "x", "a b": "1+1"}
    assert tags_of(between, "large") == {"size": "large"}
    assert tags_of(between, "plain") == {}
    assert between.run(destination=there).counters.files_skipped == 3

    retag(between, between.source, "tagged", project="y")  # at the source
    retag(between, between.destination, "plain", foreign="1")  # and behind our back
    changed = between.run(destination=there).counters
    assert (changed.files_transferred, changed.files_metadata_updated) == (0, 2)
    assert tags_of(between, "tagged") == {"project": "y"}
    assert tags_of(between, "plain") == {}
    assert between.run(destination=there).counters.files_skipped == 3


@pytest.mark.parametrize("inside", [True, False], ids=["copied-inside", "streamed"])
def test_tags_are_copied_with_content_alone(between, inside):
    there = between.destination if inside else elsewhere(between)
    put(between, "f", tags="a=1")
    between.run(destination=there, objectTags="PreserveOnTransfer")
    assert tags_of(between, "f") == {"a": "1"}
    retag(between, between.source, "f", a="2")
    again = between.run(destination=there, objectTags="PreserveOnTransfer").counters
    assert again.files_skipped == 1
    assert tags_of(between, "f") == {"a": "1"}


@pytest.mark.parametrize("inside", [True, False], ids=["copied-inside", "streamed"])
def test_tags_can_be_left_out(between, inside):
    there = between.destination if inside else elsewhere(between)
    put(between, "f", tags="a=1")
    between.run(destination=there, objectTags="None")
    assert tags_of(between, "f") == {}
    assert between.run(destination=there, objectTags="None").counters.files_skipped == 1


def test_cache_control_travels_and_stays(between):
    put(between, "f")
    between.run(destination=elsewhere(between))
    key = {"Bucket": between.bucket, "Key": between.destination.prefix + "f"}
    assert between.client.head_object(**key)["CacheControl"] == "max-age=9"
    retag(between, between.source, "f", a="1")
    assert between.run().counters.files_metadata_updated == 1
    assert between.client.head_object(**key)["CacheControl"] == "max-age=9"


@pytest.fixture
def encrypting(minio):
    """A client of MinIO, and a bucket of it."""
    with bucket_of(minio) as made:
        yield made


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
    fine(await storage.verify([one for one in written if not one.proven]))
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


@pytest.mark.parametrize("options", [{}, {"compareMode": "Checksum"}], ids=["by properties", "all"])
def test_the_version_that_a_manifest_names_is_copied_and_compared(tmp_path, minio, options):
    """The newest one is of the same size, so that content alone tells them apart."""
    with bucket_of(minio) as (client, bucket):
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        world = World(tmp_path, minio, client, bucket, ("s3", "s3"))
        key = {"Bucket": bucket, "Key": f"{world.source.prefix}a"}
        old = client.put_object(**key, Body=b"old")["VersionId"]
        client.put_object(**key, Body=b"new")
        (tmp_path / "list").write_text(f"a,{old}\n")
        by_list = {"manifest_place": {"kind": "Mounted", "path": str(tmp_path / "list")}}
        whole = {"verifyMode": "PointInTimeConsistent", **options}
        first = world.run(rules=by_list, **whole)
        assert (first.outcome, first.counters.files_transferred) == ("Success", 1)
        assert world.contents(world.destination) == {"a": b"old"}
        second = world.run(rules=by_list, **whole)
        assert (second.outcome, second.counters.files_transferred) == ("Success", 0)
        for one in client.list_object_versions(Bucket=bucket)["Versions"]:
            client.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
