"""What is S3's own: credentials, buckets, foreign objects, the border of errors."""

import pytest

from datasync_runner.core.entry import Entry, Kind, ObjectHeaders
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.core.posix_metadata import INODE, POSIX_KEYS
from datasync_runner.storage import errors
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.values import Content
from storage.sides import credentials, file, fine, listed, make_s3, s3_side


@pytest.fixture
async def side(tmp_path, s3_server, s3_client, bucket):
    side = make_s3(tmp_path, s3_server, s3_client, bucket)
    yield side
    await side.storage.close()


def put(side, key, body=b"x", **more):
    side.client.put_object(Bucket=side.side.bucket, Key=side.side.prefix + key, Body=body, **more)


async def refusal(side):
    storage = S3Storage(side)
    with pytest.raises(errors.StorageError) as caught:
        await storage.check()
    await storage.close()
    return caught.value


async def test_a_wrong_secret(tmp_path, s3_server, bucket):
    secret = credentials(tmp_path / "secret", s3_server, secret="not-the-secret")
    error = await refusal(s3_side(s3_server, bucket, secret))
    assert isinstance(error, errors.CredentialsRefused)
    for part in (f"s3://{bucket}/", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert part in error.message
    assert "not-the-secret" not in error.message


async def test_a_missing_bucket(tmp_path, s3_server):
    secret = credentials(tmp_path / "secret", s3_server)
    error = await refusal(s3_side(s3_server, "no-such-bucket", secret))
    assert isinstance(error, errors.BucketMissing)
    assert "no-such-bucket" in error.message
    assert "create it" in error.message


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
async def test_a_server_that_is_not_there(tmp_path, s3_server, endpoint):
    secret = credentials(tmp_path / "secret", s3_server)
    side = s3_side(s3_server, "bucket", secret).model_copy(update={"endpoint": endpoint})
    error = await refusal(side)
    assert isinstance(error, errors.NoService)
    assert f"there is no server at {endpoint}" in error.message
    assert "correct endpoint of the location" in error.message


async def test_a_secret_without_a_key_names_the_key(tmp_path, s3_server):
    secret = credentials(tmp_path / "secret", s3_server)
    (secret / "AWS_SECRET_ACCESS_KEY").write_text("\n")
    with pytest.raises(errors.ConfigurationInvalid, match="no key AWS_SECRET_ACCESS_KEY"):
        S3Storage(s3_side(s3_server, "bucket", secret))


async def test_prefixes_without_markers_are_folders(side):
    for key in ("a/b/c", "a/b/d", "e"):
        put(side, key)
    entries = await listed(side.storage)
    assert [(entry.key, entry.implied) for entry in entries] == [
        (b"a/", True),
        (b"a/b/", True),
        (b"a/b/c", False),
        (b"a/b/d", False),
        (b"e", False),
    ]


async def test_what_other_prefixes_hold_is_not_ours(side):
    put(side, "a")
    side.client.put_object(Bucket=side.side.bucket, Key=side.side.prefix[:-1] + "-b", Body=b"")
    assert [entry.key for entry in await listed(side.storage)] == [b"a"]


async def test_an_object_that_changed_since_it_was_listed(side):
    put(side, "a", b"old")
    (entry,) = await listed(side.storage)
    put(side, "a", b"new")
    (content,) = fine(await side.storage.read_small([entry]))
    assert content.body == b"new"
    reader = await side.storage.open(entry)
    assert await reader.read() == b"new"


async def test_an_object_that_became_large_since_it_was_listed_is_not_read_whole(side):
    put(side, "a", b"old")
    (entry,) = await listed(side.storage)
    put(side, "a", bytes(SMALL_BYTES + 1))
    (answer,) = await side.storage.read_small([entry])
    assert isinstance(answer, errors.ChangedDuringTransfer)


async def test_an_object_that_is_gone_since_it_changed_is_missing(side):
    put(side, "a", b"old")
    (entry,) = await listed(side.storage)
    side.client.delete_object(Bucket=side.side.bucket, Key=side.side.prefix + "a")
    (answer,) = await side.storage.read_small([entry])
    assert isinstance(answer, errors.Missing)


async def test_foreign_metadata_and_headers_travel_and_stay(side):
    headers = ObjectHeaders("text/x", "gzip", "de", "inline", "max-age=9", (("mine", "1"),))
    content = file(b"f", b"x")
    content = Content(content.entry._replace(headers=headers), b"x")
    fine(await side.storage.write_small([content]))
    entry = content.entry._replace(headers=None)
    entry = entry._replace(metadata=entry.metadata._replace(mode=0o600))
    fine(await side.storage.update_metadata([entry]))
    (found,) = fine(await side.storage.inspect(await listed(side.storage)))
    assert found.headers == headers
    assert found.metadata.mode == 0o600


async def test_an_object_of_another_tool_has_the_time_of_the_server(side):
    put(side, "f", Metadata={"file-mtime": "junk"})
    (entry,) = await listed(side.storage)
    (found,) = fine(await side.storage.inspect([entry]))
    assert found.metadata.mtime_ns is None
    assert found.mtime_ns == entry.mtime_ns > 10**18
    assert found.mtime_ns % 10**9 == 0


async def test_what_is_written_can_be_read_by_its_documented_keys(side):
    fine(await side.storage.write_small([file(b"f", b"x")]))
    head = side.client.head_object(Bucket=side.side.bucket, Key=side.side.prefix + "f")
    assert set(head["Metadata"]) == POSIX_KEYS - {"file-btime", INODE}
    assert head["Metadata"]["file-permissions"] == "0100640"


async def test_a_key_longer_than_s3_takes(side):
    entry = Entry(b"k" * 1100, Kind.FILE)
    (answer,) = await side.storage.write_small([Content(entry, b"")])
    assert isinstance(answer, errors.NameNotRepresentable)


async def test_a_version_that_a_manifest_names_is_read(side):
    bucket, name = side.side.bucket, side.side.prefix + "v"
    side.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = side.client.put_object(Bucket=bucket, Key=name, Body=b"first")["VersionId"]
    second = side.client.put_object(Bucket=bucket, Key=name, Body=b"second!")["VersionId"]
    named = [Entry(b"v", Kind.FILE, version_id=version) for version in (first, second, "")]
    for entry, body in zip(named, (b"first", b"second!", b"second!"), strict=True):
        (found,) = fine(await side.storage.inspect([entry]))
        assert (found.size_bytes, found.version_id) == (len(body), entry.version_id)
        (content,) = fine(await side.storage.read_small([found]))
        assert content.body == body
        reader = await side.storage.open(found)
        assert b"".join([await reader.read(), await reader.read()]) == body
        await reader.close()
    for version in (first, second):
        side.client.delete_object(Bucket=bucket, Key=name, VersionId=version)
