"""Uploads in which several runs have a hand, one after the other or both at once.

Of two at once both end well, and nothing is left open: the later one takes the earlier one's upload over where it has parts, and aborts it where not; so one
of them finds that its upload is gone.
"""

import asyncio
import random

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import MIB, PART_BYTES
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.s3 import overlap
from datasync_runner.storage.s3.naming import copy_source
from datasync_runner.storage.s3.storage import S3Storage
from fixtures.s3 import make_bucket, remove_bucket
from storage.sides import META, credentials, s3_side

BODY = random.Random(5).randbytes(34 * MIB)
LARGE = Entry(b"large", Kind.FILE, len(BODY), META.mtime_ns, META)


class Held:
    """A file whose ranges are given out up to one, and the others when it may go on."""

    def __init__(self, held_from: int) -> None:
        self.entry, self.checksum = LARGE, crc64(BODY)
        self._held_from = held_from
        self.asked, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def read_at(self, offset_bytes, size_bytes):
        if offset_bytes >= self._held_from:
            self.asked.set()
            await self.may_go_on.wait()
        return [BODY[offset_bytes : offset_bytes + size_bytes]]

    async def settle(self):
        pass

    async def read(self):
        raise AssertionError("it is read by ranges")

    async def close(self):
        pass


class Run:
    """A run's way to the bucket, stopped in the middle of the object."""

    def __init__(self, side, *, held_from):
        self.storage, self.reader = S3Storage(side), Held(held_from)
        self.travelled = self.resumed = 0

    def moved(self, size_bytes, *, resumed=False):
        if resumed:
            self.resumed += size_bytes
        else:
            self.travelled += size_bytes

    async def begin(self):
        writing = self.storage.write(LARGE, self.reader, self.moved)
        self._writing = asyncio.create_task(writing)
        await self.reader.asked.wait()

    async def stop(self):
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)
        await self.storage.close()

    async def end(self):
        self.reader.may_go_on.set()
        return await self._writing

    @property
    def uploads(self):
        return self.storage.sent["CreateMultipartUpload"]


@pytest.fixture(params=["s3_server", "minio", "versitygw"])
def place(request, tmp_path):
    server = request.getfixturevalue(request.param)
    client = server.client()
    bucket = make_bucket(client)
    side = s3_side(server, bucket, credentials(tmp_path / "secret", server), "p/")
    yield side, client, request.param
    remove_bucket(client, bucket)
    client.close()


async def until_sent(client, bucket, count):
    """Until the one upload that is open has so many parts."""
    (upload,) = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    named = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
    async with asyncio.timeout(10):
        while len(client.list_parts(**named).get("Parts", [])) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("later_ends_first", [True, False])
@pytest.mark.parametrize("parts", [0, 1])
async def test_both_runs_end_well(place, parts, later_ends_first):
    side, client, server = place
    earlier, later = (Run(side, held_from=parts * PART_BYTES) for _ in range(2))
    await earlier.begin()
    await until_sent(client, side.bucket, parts)
    await later.begin()
    for run in (later, earlier) if later_ends_first else (earlier, later):
        written = await run.end()
        assert written.checksum == crc64(BODY)
    assert client.get_object(Bucket=side.bucket, Key="p/large")["Body"].read() == BODY
    assert client.list_multipart_uploads(Bucket=side.bucket).get("Uploads", []) == []
    # Taken over, the one that ends last begins anew; aborted, the earlier one does, beside the
    # later one's, which goes on.  SeaweedFS keeps no checksums of parts, so nothing is taken over.
    taken_over = parts and server != "s3_server"
    assert earlier.uploads + later.uploads == (2 if taken_over else 3)
    for run in (earlier, later):
        there = run.travelled + run.resumed
        assert there == len(BODY), "what was sent for nothing is taken back"
        await run.storage.close()


async def test_what_an_earlier_run_has_sent_does_not_count_as_travelling(place):
    side, client, server = place
    earlier, later = Run(side, held_from=PART_BYTES), Run(side, held_from=0)
    await earlier.begin()
    await until_sent(client, side.bucket, 1)
    await earlier.stop()
    later.reader.may_go_on.set()
    await later.begin()
    await later.end()
    there = 0 if server == "s3_server" else PART_BYTES  # it keeps no checksums of parts
    assert (later.resumed, later.travelled) == (there, len(BODY) - there)
    await later.storage.close()


async def test_a_copy_that_was_aborted_is_begun_again(place, monkeypatch):
    side, client, _ = place
    client.put_object(Bucket=side.bucket, Key="p/first", Body=BODY)
    storage = S3Storage(side)
    objects, create = storage._objects, overlap.Upload._create

    async def create_and_lose(self):
        call = await create(self)
        if not self._alone:
            (upload,) = client.list_multipart_uploads(Bucket=side.bucket)["Uploads"]
            named = {"Bucket": side.bucket, "Key": "p/large", "UploadId": upload["UploadId"]}
            client.abort_multipart_upload(**named)
        return call

    monkeypatch.setattr(overlap.Upload, "_create", create_and_lose)
    etag = client.head_object(Bucket=side.bucket, Key="p/first")["ETag"]
    named = copy_source(side, "p/first", side)
    budget = ByteBudget(64 * MIB)
    await overlap.copy(objects, LARGE, named, etag, checksum=None, budget=budget)
    assert client.get_object(Bucket=side.bucket, Key="p/large")["Body"].read() == BODY
    await storage.close()
