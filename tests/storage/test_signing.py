"""Signed requests through libcurl at a server that checks signatures."""

import time
from io import BytesIO

import pycurl
import pytest

from datasync_api.sides import S3Side
from datasync_runner.storage.s3.answers import parse_error
from datasync_runner.storage.s3.endpoint import resolve
from datasync_runner.storage.s3.errors import to_error
from datasync_runner.storage.s3.signer import (
    UNSIGNED,
    Credentials,
    Signer,
    canonical_query,
    encode_key,
)

ODD_KEYS = [
    "plain",
    "with space and + & = ? # % ~",
    "%2F%25",
    "\u00e4\u5b57\U0001f600",
    "quote'\"(x)!*;:@,$[]",
    "back\\slash|<>^`{}",
]


class Caller:
    """Requests to one bucket, each signed, over one connection."""

    def __init__(self, server, bucket, *, secret_key=None):
        self.side = S3Side(
            uri=f"s3://{bucket}/",
            bucket=bucket,
            region=server.region,
            endpoint=server.endpoint,
            addressing_style="Path",
        )
        self.endpoint = resolve(self.side, server.region)
        keys = Credentials(server.access_key, secret_key or server.secret_key)
        self.signer = Signer(keys, server.region)
        self.curl = pycurl.Curl()

    def __call__(self, method, key="", *, query=(), headers=(), body=b""):
        path = f"{self.endpoint.base_path}/{encode_key(key)}"
        text = canonical_query(query)
        lines = self.signer.lines(
            method, self.endpoint.host, path, text, list(headers), UNSIGNED, time.time()
        )
        answer = BytesIO()
        self.curl.reset()
        self.curl.setopt(pycurl.NOPROXY, "*")
        self.curl.setopt(pycurl.PATH_AS_IS, 1)
        self.curl.setopt(
            pycurl.URL, f"{self.endpoint.scheme}://{self.endpoint.host}{path}?{text}".rstrip("?")
        )
        self.curl.setopt(pycurl.HTTPHEADER, [*lines, "expect:"])
        self.curl.setopt(pycurl.WRITEDATA, answer)
        if method == "PUT":
            self.curl.setopt(pycurl.UPLOAD, 1)
            self.curl.setopt(pycurl.READDATA, BytesIO(body))
            self.curl.setopt(pycurl.INFILESIZE, len(body))
        else:
            self.curl.setopt(pycurl.CUSTOMREQUEST, method)
        self.curl.perform()
        return self.curl.getinfo(pycurl.RESPONSE_CODE), answer.getvalue()


@pytest.fixture
def call(s3_server, bucket):
    caller = Caller(s3_server, bucket)
    yield caller
    caller.curl.close()


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_written_and_read(call, s3_client, key):
    assert call("PUT", key, body=b"content") == (200, b"")
    assert call("GET", key) == (200, b"content")
    found = s3_client.get_object(Bucket=call.side.bucket, Key=key)
    assert found["Body"].read() == b"content"


def test_metadata_arrives_as_it_was_given(call, s3_client):
    headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("x-amz-meta-a", "two  spaces"),
        ("x-amz-meta-b", ""),
    ]
    assert call("PUT", "k", headers=headers, body=b"x") == (200, b"")
    head = s3_client.head_object(Bucket=call.side.bucket, Key="k")
    assert head["ContentType"] == "text/plain; charset=utf-8"
    assert head["Metadata"]["a"] == "two  spaces"
    assert head["Metadata"].get("b", "") == ""


@pytest.mark.parametrize("prefix", ["a b+&=/", "\u00e4", "~*'("])
def test_queries_are_signed(call, prefix):
    assert call("PUT", f"{prefix}k", body=b"x")[0] == 200
    query = [("prefix", prefix), ("list-type", "2"), ("delimiter", "/"), ("encoding-type", "url")]
    status, page = call("GET", query=query)
    assert status == 200
    assert page.count(b"<Contents>") == 1


def test_a_wrong_secret_is_refused(s3_server, bucket):
    caller = Caller(s3_server, bucket, secret_key="wrong")
    status, body = caller("GET", query=[("list-type", "2")])
    caller.curl.close()
    answer = parse_error(status, {}, body)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    error = to_error(answer, caller.side, operation="ListObjectsV2")
    assert type(error).__name__ == "CredentialsRefused"
