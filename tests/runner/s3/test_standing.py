"""What every request to a bucket says: its owner, who pays; and what copies say of their source."""

import pytest

from datasync_api.sides import S3Side
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import MIB
from datasync_runner.storage.s3.naming import copy_source
from datasync_runner.storage.s3.page_stream import ListRequest
from datasync_runner.storage.s3.standing import reading_headers, standing_headers
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.values import Content
from fakes.listing import Bucket
from fakes.s3_answers import Reply, serve
from storage.sides import BytesReader, credentials, listed

OWNER, SOURCE_OWNER = "x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"
PAYER = "x-amz-request-payer"
ARN = "arn:aws:s3:eu-west-1:123456789012:accesspoint/logs"


def side(**wishes):
    return S3Side(uri="s3://data/", bucket="data", region="eu-west-1", **wishes)


OWNED = side(expected_bucket_owner="123456789012")
PAID = side(requester_pays=True)
PLAIN = side()


@pytest.mark.parametrize(
    ("one", "headers"),
    [(PLAIN, {}), (OWNED, {OWNER: "123456789012"}), (PAID, {PAYER: "requester"})],
)
def test_every_request(one, headers):
    assert dict(standing_headers(one)) == headers


@pytest.mark.parametrize(
    ("source", "destination", "headers"),
    [
        (PLAIN, PLAIN, {}),
        (PLAIN, PAID, {}),
        (OWNED, PLAIN, {SOURCE_OWNER: "123456789012"}),
        (PAID, PLAIN, {PAYER: "requester"}),
        (PAID, PAID, {}),
    ],
)
def test_a_copy(source, destination, headers):
    assert dict(reading_headers(source, destination)) == headers


def test_the_source_of_a_copy_is_encoded_as_botocore_does_it():
    """botocore.handlers.handle_copy_source_param."""
    assert copy_source(PLAIN, "a b/c", PLAIN) == [("x-amz-copy-source", "/data/a%20b/c")]
    through = PLAIN.model_copy(update={"bucket": ARN})
    assert copy_source(through, "a b", PLAIN) == [
        ("x-amz-copy-source", f"{ARN.replace(':', '%3A')}/object/a%20b")
    ]


class Server:
    """Answers whatever a storage asks, just well enough."""

    def __init__(self):
        self.bucket = Bucket(["f"])

    def __call__(self, asked):
        if "list-type" in asked.path:
            return Reply(200, self.bucket.answer(ListRequest("")))
        if "uploads=" in asked.path and asked.method == "POST":
            return Reply(200, b"<Result><UploadId>1</UploadId></Result>")
        if asked.method == "HEAD":
            return Reply(200, b"", {"ETag": '"1"'})
        return Reply(200, b"", {"ETag": '"1"'})


async def test_no_request_goes_without(tmp_path):
    """Listing, reading, writing small and large, copies, verification, deletion."""
    secret = credentials(
        tmp_path / "secret", type("Keys", (), {"access_key": "k", "secret_key": "s"})
    )
    with serve(Server()) as server:
        asked_of = {
            "endpoint": server.endpoint,
            "addressing_style": "Path",
            "credentials_path": str(secret),
        }
        storage = S3Storage(
            side(expected_bucket_owner="123456789012", requester_pays=True, **asked_of)
        )
        source = S3Storage(side(expected_bucket_owner="210987654321", **asked_of))
        await storage.check()
        entries = await listed(storage)
        await storage.inspect(entries)
        await storage.read_small(entries)
        small = Entry(b"small", Kind.FILE, 1)
        written = await storage.write_small([Content(small, b"1")])
        await storage.verify(written)
        large = Entry(b"large", Kind.FILE, 17 * MIB)
        await storage.write(large, BytesReader(large, bytes(17 * MIB)))
        await storage.update_metadata([small])
        await storage.delete([b"small"])
        before = len(server.asked)
        await storage.copy([small], source)
        await storage.close()
        await source.close()
    copies = [asked for asked in server.asked[before:] if "x-amz-copy-source" in asked.headers]
    assert copies[0].headers[SOURCE_OWNER] == "210987654321"
    ours = server.asked[: before + 1]
    methods = {(asked.method, asked.path.partition("?")[2].partition("=")[0]) for asked in ours}
    assert len(methods) >= 9
    for asked in ours:
        assert asked.headers[OWNER] == "123456789012", asked.path
        assert asked.headers[PAYER] == "requester", asked.path
        signed = asked.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        assert {OWNER, PAYER} <= set(signed.split(";"))
