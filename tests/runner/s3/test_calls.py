"""An answer's headers, as servers and proxies really write them."""

import pytest

from datasync_runner.storage.s3.calls import Answer

INTERIM = b"HTTP/1.1 100 Continue\r\nx-old: 1\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n"


def headers(*lines, before=b""):
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    return Answer(200, before + head, []).headers()


@pytest.mark.parametrize("before", [b"", INTERIM, INTERIM + HINTS])
def test_the_last_response_counts(before):
    assert headers(b'ETag: "1"', before=before) == {"etag": '"1"'}


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"X-Amz-Meta-A:b", "x-amz-meta-a", "b"),
        (b"x-amz-meta-a: \t b c \t", "x-amz-meta-a", "b c"),
        (b"x-amz-meta-a:", "x-amz-meta-a", ""),
        (b"x-amz-meta-a: b:c: d", "x-amz-meta-a", "b:c: d"),
        ("x-amz-meta-a: über".encode(), "x-amz-meta-a", "über"),
        (b"x-amz-meta-a: \xff", "x-amz-meta-a", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_names_and_values(line, name, value):
    assert headers(line) == {name: value}


def test_a_value_that_looks_like_a_status_line_hides_no_header():
    found = headers(b'ETag: "1"', b"Via: HTTP/1.1 proxy", b"x-amz-meta-note: HTTP/1.1 200 OK")
    assert found["etag"] == '"1"'
    assert found["x-amz-meta-note"] == "HTTP/1.1 200 OK"


def test_no_answer_has_no_headers():
    assert Answer(0, b"", [], "refused").headers() == {}


@pytest.mark.parametrize("pieces", [[], [b"ab"], [b"a", b"", b"b"]])
def test_a_body_is_whole(pieces):
    assert Answer(200, b"", pieces).body == b"".join(pieces)
