"""Signature Version 4: AWS's published examples, and agreement with botocore's signer.

botocore replaces a Date header by X-Amz-Date; the published example has one.
"""

import calendar
import re
from datetime import UTC, datetime
from hashlib import sha256
from unittest import mock
from urllib.parse import unquote

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage.errors import NotSupported
from datasync_runner.storage.s3.signer import (
    EMPTY_SHA256,
    UNSIGNED,
    Credentials,
    Signer,
    canonical_query,
    encode_key,
)

EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOST = "examplebucket.s3.amazonaws.com"
MAY_24 = calendar.timegm((2013, 5, 24, 0, 0, 0))


def sign(method, path, query="", headers=(), payload=EMPTY_SHA256, *, signer=None, now=MAY_24):
    signer = signer or Signer(EXAMPLE, "us-east-1")
    return signer.lines(method, HOST, path, query, list(headers), payload, now)


def authorization(lines):
    (found,) = [line for line in lines if line.startswith("authorization:")]
    return found.removeprefix("authorization:")


@pytest.mark.parametrize(
    ("method", "key", "query", "headers", "body", "names", "signature"),
    [
        pytest.param(
            "GET", "test.txt", [], [("range", "bytes=0-9")], b"",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            id="GET Object",
        ),
        pytest.param(
            "PUT", "test$file.text", [],
            [
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            b"Welcome to Amazon S3.",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            id="PUT Object",
        ),
        pytest.param(
            "GET", "", [("lifecycle", "")], [], b"",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            id="GET Bucket Lifecycle",
        ),
        pytest.param(
            "GET", "", [("prefix", "J"), ("max-keys", "2")], [], b"",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            id="Get Bucket (List Objects)",
        ),
    ],
)  # fmt: skip
def test_the_examples_that_aws_publishes(method, key, query, headers, body, names, signature):
    payload = sha256(body).hexdigest()
    lines = sign(method, f"/{encode_key(key)}", canonical_query(query), headers, payload)
    assert authorization(lines) == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    assert "x-amz-date:20130524T000000Z" in lines
    assert f"x-amz-content-sha256:{payload}" in lines
    assert not [line for line in lines if line.startswith("host")]


def by_botocore(signer, credentials, now, method, path, query, headers, payload):
    """The Authorization header that botocore makes for the same request."""
    url = f"https://{HOST}{path}" + (f"?{query}" if query else "")
    request = botocore.awsrequest.AWSRequest(method, url, headers=dict(headers))
    keys = botocore.credentials.Credentials(*credentials)
    auth = botocore.auth.S3SigV4Auth(keys, "s3", "eu-central-1")
    moment = datetime.fromtimestamp(now, UTC)
    with (
        mock.patch.object(botocore.auth, "get_current_datetime", lambda: moment),
        mock.patch.object(auth, "payload", lambda request: payload),
    ):
        auth.add_auth(request)
    return request.headers["Authorization"]


KEYS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40)
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
NAMES = st.sampled_from(
    ["cache-control", "content-type", "if-match", "range", "x-amz-copy-source",
     "x-amz-copy-source-if-match", "x-amz-meta-a", "x-amz-meta-a-b", "x-amz-meta-file-mtime",
     "x-amz-storage-class", "x-amz-tagging"]
)  # fmt: skip
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
CREDENTIALS = st.builds(Credentials, VISIBLE, VISIBLE, st.none() | VISIBLE)


@given(
    credentials=CREDENTIALS,
    now=st.integers(0, 2**32),
    method=st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"]),
    key=KEYS,
    query=st.lists(st.tuples(KEYS, KEYS), max_size=4),
    headers=st.dictionaries(NAMES, ASCII | st.just("a  b\t c ")),
    payload=st.sampled_from([UNSIGNED, EMPTY_SHA256]),
)
def test_it_signs_as_botocore_does(credentials, now, method, key, query, headers, payload):
    path, canonical, given_headers = (
        f"/{encode_key(key)}",
        canonical_query(query),
        [*headers.items()],
    )
    signer = Signer(credentials, "eu-central-1")
    lines = sign(method, path, canonical, given_headers, payload, signer=signer, now=now + 0.9)
    theirs = by_botocore(signer, credentials, now, method, path, canonical, given_headers, payload)
    assert authorization(lines) == theirs
    assert (credentials.token is not None) == any("x-amz-security-token" in li for li in lines)


@given(
    seconds=st.lists(st.integers(0, 3 * 86400), min_size=2, max_size=20),
)
def test_what_it_remembers_of_a_day_and_a_second_changes_no_signature(seconds):
    kept = Signer(EXAMPLE, "us-east-1")
    for second in seconds:
        now = MAY_24 + second
        fresh = sign("GET", "/k", now=now)
        assert sign("GET", "/k", signer=kept, now=now) == fresh


def test_the_skew_of_the_clock_is_added():
    signer = Signer(EXAMPLE, "us-east-1")
    signer.skew_seconds = -3600.0
    assert sign("GET", "/k", signer=signer, now=MAY_24 + 3600) == sign("GET", "/k")
    signer.skew_seconds = 0.0
    assert sign("GET", "/k", signer=signer) == sign("GET", "/k")


def test_anonymous_requests_carry_what_they_were_given_alone():
    lines = sign("GET", "/k", headers=[("range", "bytes=0-9")], signer=Signer(None, "us-east-1"))
    assert lines == ["range:bytes=0-9"]


def test_values_are_sent_as_given_and_empty_ones_as_libcurl_wants_them():
    headers = [("x-amz-meta-a", " a  b "), ("x-amz-meta-b", ""), ("x-amz-meta-c", " ")]
    lines = sign("PUT", "/k", headers=headers)
    assert {"x-amz-meta-a: a  b ", "x-amz-meta-b;", "x-amz-meta-c;"} < set(lines)
    assert sign("PUT", "/k", headers=headers, signer=Signer(None, "x")) == [
        "x-amz-meta-a: a  b ", "x-amz-meta-b;", "x-amz-meta-c;",
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["Ärger", "a\r\nx-amz-acl: public-read", "a\nb", "\0", "\udc80"])
@pytest.mark.parametrize("credentials", [EXAMPLE, None])
def test_a_value_that_no_header_carries_is_refused(value, credentials):
    with pytest.raises(NotSupported, match="header x-amz-meta-a cannot carry"):
        sign("PUT", "/k", headers=[("x-amz-meta-a", value)], signer=Signer(credentials, "x"))


@given(KEYS)
def test_keys_are_encoded_once_and_keep_their_slashes(key):
    encoded = encode_key(key)
    assert re.fullmatch(r"([A-Za-z0-9._~/-]|%[0-9A-F]{2})*", encoded)
    assert unquote(encoded) == key
    assert encoded.count("/") == key.count("/")


@pytest.mark.parametrize("render", [str, repr, "{}".format])
def test_credentials_do_not_show(render):
    shown = render(Credentials("AKIA", "the-secret", "the-token"))
    assert "AKIA" in shown
    assert "the-" not in shown


@pytest.mark.parametrize("credentials", [EXAMPLE, Credentials("A", "s", "token"), None])
def test_standing_headers_go_with_every_request_and_are_signed(credentials):
    standing = [("x-amz-request-payer", "requester")]
    with_it = Signer(credentials, "us-east-1", standing=standing)
    without = Signer(credentials, "us-east-1")
    named = sign("GET", "/f", headers=standing, signer=without)
    assert sorted(sign("GET", "/f", signer=with_it)) == sorted(named)
    assert "x-amz-request-payer:requester" in named
