"""Error answers: what they say, and what they are for the caller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.sides import S3Side
from datasync_runner.storage import errors
from datasync_runner.storage.s3.answers import MAX_BODY_BYTES, has_error, parse_error
from datasync_runner.storage.s3.errors import CODES, denied, to_error

SIDE = S3Side(uri="s3://data/p/", bucket="data", prefix="p/", region="eu-west-1")
SECRET = SIDE.model_copy(update={"credentials_path": "/secret"})

MALFORMED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the
region 'eu-west-1' is wrong; expecting 'eu-central-1'</Message><Region>eu-central-1</Region>
<RequestId>1</RequestId></Error>"""
REDIRECT = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>PermanentRedirect</Code><Message>Please send all future requests to this endpoint.
</Message><Endpoint>data.s3-eu-central-1.amazonaws.com</Endpoint><Bucket>data</Bucket></Error>"""
SKEWED = b"""<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message>
<RequestTime>20260101T000000Z</RequestTime><ServerTime>2026-01-01T01:00:00Z</ServerTime>
<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds></Error>"""
ONE_O_CLOCK = 1_767_229_200.0


def body(code, message=""):
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def error_of(status, content=b"", *, side=SIDE, **headers):
    answer = parse_error(status, headers, content)
    return to_error(answer, side, operation="PutObject", key=b"k")


@pytest.mark.parametrize(
    ("code", "status", "ours"),
    [
        ("SlowDown", 503, errors.Throttled),
        ("ServiceUnavailable", 503, errors.Throttled),
        ("SomethingNew", 503, errors.Throttled),
        ("SomethingNew", 429, errors.Throttled),
        ("SomethingNew", 500, errors.Unavailable),
        ("SomethingNew", 408, errors.Unavailable),
        ("SomethingNew", 400, errors.Unexpected),
        ("SomethingNew", 403, errors.Unexpected),
        ("InternalError", 500, errors.Unavailable),
        ("InternalError", 200, errors.Unavailable),
        ("RequestTimeout", 400, errors.Unavailable),
        ("BadDigest", 400, errors.Unavailable),
        ("SignatureDoesNotMatch", 403, errors.CredentialsRefused),
        ("ExpiredToken", 400, errors.CredentialsRefused),
        ("AuthorizationHeaderMalformed", 400, errors.CredentialsRefused),
        ("AccessDenied", 403, errors.Denied),
        ("InvalidObjectState", 403, errors.Archived),
        ("NoSuchKey", 404, errors.Missing),
        ("NoSuchBucket", 404, errors.BucketMissing),
        ("PreconditionFailed", 412, errors.ChangedDuringTransfer),
        ("KeyTooLongError", 400, errors.NameNotRepresentable),
        ("MetadataTooLarge", 400, errors.NotSupported),
        ("QuotaExceeded", 403, errors.Full),
        ("PermanentRedirect", 301, errors.ConfigurationInvalid),
    ],
)
def test_error_codes(code, status, ours):
    error = error_of(status, body(code, "why"))
    assert type(error) is ours
    assert f"PutObject: {code}: why" in error.message
    assert (error.error_code, error.key) == (code, b"k")


@pytest.mark.parametrize("content", [b"", b"<html><body>Bad gateway</body></html>", b"\xff\x00"])
@pytest.mark.parametrize(
    ("status", "ours", "text"),
    [
        (301, errors.ConfigurationInvalid, "301: Moved Permanently"),
        (307, errors.Unavailable, "307: Temporary Redirect"),
        (400, errors.Unexpected, "400: Bad Request"),
        (403, errors.Denied, "403: Forbidden"),
        (404, errors.Missing, "404: Not Found"),
        (408, errors.Unavailable, "408: Request Timeout"),
        (412, errors.ChangedDuringTransfer, "412: Precondition Failed"),
        (429, errors.Throttled, "429: Too Many Requests"),
        (499, errors.Unexpected, "499: an answer without an explanation"),
        (500, errors.Unavailable, "500: Internal Server Error"),
        (501, errors.NotSupported, "501: Not Implemented"),
        (502, errors.Unavailable, "502: Bad Gateway"),
        (503, errors.Throttled, "503: Service Unavailable"),
        (507, errors.Full, "507: Insufficient Storage"),
    ],
)
def test_answers_without_a_code_are_told_by_their_status(content, status, ours, text):
    error = error_of(status, content)
    assert type(error) is ours
    assert f"PutObject: {text}" in error.message
    assert error.error_code == str(status)


def test_throttling_is_unavailability():
    assert issubclass(errors.Throttled, errors.Unavailable)


@pytest.mark.parametrize(
    ("status", "headers", "content", "region", "location"),
    [
        (400, {}, MALFORMED, "eu-central-1", ""),
        (301, {}, REDIRECT, "", "data.s3-eu-central-1.amazonaws.com"),
        (301, {"x-amz-bucket-region": "eu-central-1"}, b"", "eu-central-1", ""),
        (307, {"location": "https://other/data"}, b"", "", "https://other/data"),
        (
            301,
            {"x-amz-bucket-region": "us-east-2", "location": "https://a"},
            REDIRECT,
            "us-east-2",
            "https://a",
        ),
    ],
)
def test_a_bucket_that_is_elsewhere(status, headers, content, region, location):
    answer = parse_error(status, headers, content)
    assert answer.moved
    assert (answer.region, answer.location) == (region, location)


@pytest.mark.parametrize("region", ["a\nb", "x" * 65, "a/b", "evil.com#", ""])
def test_what_cannot_be_a_region_is_none(region):
    answer = parse_error(
        400, {}, MALFORMED.replace(b"eu-central-1</Region>", region.encode() + b"</Region>")
    )
    assert answer.region == ""
    assert not answer.moved


def test_the_region_header_of_another_error_moves_nothing():
    assert not parse_error(403, {"x-amz-bucket-region": "us-east-1"}, body("AccessDenied")).moved


def test_a_wrong_region_is_named_with_the_right_one():
    error = error_of(400, MALFORMED)
    assert isinstance(error, errors.ConfigurationInvalid)
    assert "the bucket is in region eu-central-1, the location says eu-west-1" in error.message


@pytest.mark.parametrize(
    ("status", "code", "renewable"),
    [
        (400, "ExpiredToken", True),
        (400, "InvalidToken", True),
        (400, "TokenRefreshRequired", True),
        (400, "", True),  # all that HEAD says
        (403, "InvalidAccessKeyId", False),
        (403, "", False),
    ],
)
def test_when_new_credentials_may_help(status, code, renewable):
    content = body(code) if code else b""
    assert parse_error(status, {}, content).renewable is renewable


@pytest.mark.parametrize(
    ("content", "date", "server_seconds"),
    [
        (SKEWED, "Thu, 01 Jan 2026 00:59:59 GMT", ONE_O_CLOCK),
        (body("RequestTimeTooSkewed"), "Thu, 01 Jan 2026 01:00:00 GMT", ONE_O_CLOCK),
        (body("RequestTimeTooSkewed"), "soon", None),
        (body("RequestTimeTooSkewed"), "", None),
    ],
)
def test_the_clock_of_the_server(content, date, server_seconds):
    answer = parse_error(403, {"date": date}, content)
    assert answer.server_seconds == server_seconds
    assert answer.skewed is (server_seconds is not None)
    error = to_error(answer, SECRET, operation="PutObject")
    assert isinstance(error, errors.CredentialsRefused)
    assert "set the node's clock" in error.message


def test_refused_credentials_say_what_to_do():
    with_secret = error_of(403, body("InvalidAccessKeyId", "unknown"), side=SECRET)
    assert "the storage refused the credentials" in with_secret.message
    assert "AWS_ACCESS_KEY_ID" in with_secret.message
    by_chain = error_of(403, body("InvalidAccessKeyId", "unknown"))
    assert "service account" in by_chain.message
    told = denied(errors.Denied("ListObjectsV2: 403: no"), SIDE)
    assert "s3:ListBucket" in told.message
    assert "expectedBucketOwner" not in told.message
    owned = SIDE.model_copy(update={"expected_bucket_owner": "123456789012"})
    told = denied(errors.Denied("ListObjectsV2: 403: no"), owned)
    assert "expectedBucketOwner, which says 123456789012" in told.message
    role = SIDE.model_copy(update={"role_arn": "arn:aws:iam::123456789012:role/r"})
    assert "role/r" in error_of(403, body("InvalidAccessKeyId"), side=role).message


def test_a_missing_bucket_says_where():
    assert "no bucket 'data' at S3 in eu-west-1" in error_of(404, body("NoSuchBucket")).message


def test_texts_are_unescaped_and_on_one_line():
    answer = parse_error(400, {}, body("Odd", "a &lt;b&gt;\n &amp; c&#0;&#27;[31m"))
    assert answer.text == "a <b> & c\ufffd[31m"


def test_a_giant_message_is_cut():
    assert len(parse_error(400, {}, body("Odd", "x" * 2000)).text) == 500
    far = b"<Error>" + b" " * MAX_BODY_BYTES + b"<Code>Odd</Code></Error>"
    assert parse_error(400, {}, far).code == "400"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>', True),
        (b"  \n<Error><Code>SlowDown</Code></Error>", True),
        (b'<Error xmlns="x"><Code>SlowDown</Code></Error>', True),
        (b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>", False),
        (b"<Errors/>", False),
        (b"", False),
    ],
)
def test_an_error_behind_status_200(content, expected):
    assert has_error(content) is expected


@given(
    status=st.integers(0, 999),
    headers=st.dictionaries(
        st.sampled_from(["date", "location", "x-amz-bucket-region"]), st.text(max_size=40)
    ),
    content=st.binary(max_size=200)
    | st.tuples(st.sampled_from(sorted(CODES)), st.text(max_size=40)).map(lambda it: body(*it)),
)
def test_no_answer_is_too_strange(status, headers, content):
    answer = parse_error(status, headers, content)
    error = to_error(answer, SIDE, operation="GetObject", key=b"k")
    assert error.error_code == answer.code
    assert error.message.isprintable()
