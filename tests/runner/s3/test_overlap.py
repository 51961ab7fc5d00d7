"""An upload that is ended from outside, twice: nobody goes on for ever, and the word for it is right."""

import pytest

from datasync_api.sides import S3Side
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import PART_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.s3.storage import S3Storage
from fakes.s3_answers import Reply, error, serve

SIZE = 2 * PART_BYTES
ENTRY = Entry(b"large", Kind.FILE, SIZE)


class Zeros:
    entry, checksum = ENTRY, None

    async def read_at(self, offset_bytes, size_bytes):
        return [bytes(size_bytes)]

    async def settle(self):
        pass

    async def read(self):
        raise AssertionError("it is read by ranges")

    async def close(self):
        pass


def begins(asked):
    return asked.method == "POST" and "uploadId=" not in asked.path


def ends_uploads(asked):
    if begins(asked):
        return Reply(200, b"<UploadId>one</UploadId>")
    return Reply(200) if asked.method == "GET" else error(404, "NoSuchUpload")


def replaces_parts(asked):
    """As where ETags are no MD5 (SSE-KMS), and another run has sent the same part once more."""
    if begins(asked):
        return Reply(200, b"<UploadId>one</UploadId>")
    if asked.method == "POST":
        return error(400, "InvalidPart")
    return Reply(200, b"", {"ETag": '"1"'})


@pytest.mark.parametrize("server", [ends_uploads, replaces_parts])
async def test_an_upload_that_is_ended_twice_was_overtaken(tmp_path, server):
    (tmp_path / "AWS_ACCESS_KEY_ID").write_text("key")
    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text("secret")
    moved = []
    with serve(server) as server:
        side = S3Side(
            uri="s3://data/",
            bucket="data",
            region="us-east-1",
            endpoint=server.endpoint,
            addressing_style="Path",
            credentials_path=str(tmp_path),
        )
        storage = S3Storage(side)
        storage._objects.checks = True
        with pytest.raises(errors.Overtaken, match="twice ended its upload, or repl") as caught:
            await storage.write(ENTRY, Zeros(), lambda count, **_: moved.append(count))
        await storage.close()
    assert caught.value.hint == "let one run at a time write to the destination, then run again"
    begun = list(filter(begins, server.asked))
    looked = [a for a in server.asked if a.method == "GET" and "uploads" in a.path]
    assert (len(begun), len(looked)) == (2, 1), "the second one leaves what is under way alone"
    assert 0 <= sum(moved) <= SIZE
