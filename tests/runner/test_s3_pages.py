"""Reading a page of ListObjectsV2: each order of elements, each odd key, nothing half read."""

from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage import errors
from datasync_runner.storage.s3 import pages
from datasync_runner.storage.s3.page_stream import ListRequest
from datasync_runner.storage.s3.pages import Page, parse_page, quick_token
from fakes.listing import HEAD, NOON, Bucket, aws_object, other_object, url

NOON_NS = 1_795_435_200 * 10**9
ODD = ["a b", "a+b", "100%", "%41", "ü/日本", "new\nline", "\r", "\t", "\0", "\x7f", "&amp;", "<a>"]
ODD += ["'\"", "dir/", "a//b", "/", "~", "*", "\U0010ffff", "]]>", "</Contents>", "<!--"]
KEYS = st.text(st.characters(codec="utf-8"), min_size=1)


def page(*objects: str, more: str = "", encoding: str = "url") -> bytes:
    told = f"<EncodingType>{encoding}</EncodingType>" if encoding else ""
    truncated = str(bool(more)).lower()
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    return (
        f"{HEAD}<Name>b</Name>{token}{told}<IsTruncated>{truncated}</IsTruncated>"
        f"{''.join(objects)}</ListBucketResult>"
    ).encode()


def one(key: bytes, size: int = 5) -> Page:
    return Page([key], [NOON_NS], [f'"{size:032x}"'], [size], ["STANDARD"], [])


@pytest.fixture
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(body: bytes) -> Page:
        raise AssertionError(f"not read by the fast reader: {body!r}")

    monkeypatch.setattr(pages, "_read_any", refuse)


@pytest.mark.usefixtures("no_parser")
@pytest.mark.parametrize("key", ODD)
def test_the_fast_reader_knows_awss_order_and_every_key(key: str) -> None:
    assert parse_page(page(aws_object(url(key)))) == one(key.encode())


@pytest.mark.parametrize("key", ODD)
def test_any_other_order_is_read_too(key: str) -> None:
    assert parse_page(page(other_object(url(key)))) == one(key.encode())


@given(st.lists(KEYS, max_size=5), st.sampled_from(["", "bmV4dA=="]))
def test_both_readers_agree(keys: list[str], more: str) -> None:
    body = page(*[aws_object(url(key), at) for at, key in enumerate(keys)], more=more)
    assert parse_page(body) == pages._read_any(body)
    assert parse_page(body).keys == [key.encode() for key in keys]
    assert quick_token(body) == more


@pytest.mark.parametrize("write", [aws_object, other_object])
@pytest.mark.parametrize(
    "written, key",
    [
        ("a &amp; b", b"a & b"),
        ("&lt;&gt;&quot;&apos;", b"<>\"'"),
        ("&#xD;&#10;", b"\r\n"),
        ("a+b%20c", b"a+b%20c"),
        ("two\nlines", b"two\nlines"),
        ("日本", "日本".encode()),
    ],
)
def test_keys_that_are_not_url_encoded_are_plain_xml(
    write: object, written: str, key: bytes
) -> None:
    assert parse_page(page(write(written), encoding="")).keys == [key]  # type: ignore[operator]


@pytest.mark.usefixtures("no_parser")
@pytest.mark.parametrize("quote", ["&quot;", "&#34;", '"'])
def test_each_way_to_write_quotes_is_fast(quote: str) -> None:
    body = page(aws_object("a").replace("&quot;", quote), aws_object("b").replace("&quot;", quote))
    assert parse_page(body).etags == [f'"{5:032x}"'] * 2


AWS = aws_object("a")


@pytest.mark.parametrize(
    "body",
    [
        page(AWS, other_object("b")),
        page(other_object("a"), aws_object("b")),
        page(AWS, "<Contents xmlns=''><Key>b</Key><Size>5</Size></Contents>"),
        page(AWS, "<Contents ><Key>b</Key><Size>5</Size></Contents >"),
        page("<!--", aws_object("gone"), "-->", AWS, aws_object("b")),
        page(AWS, "<!--", aws_object("gone"), "-->", aws_object("b")),
        page(AWS, "\n", aws_object("b")),
        page(AWS, aws_object("<![CDATA[b]]>")),
        page(AWS, aws_object("b")) + b"\n \n",
        page(AWS, aws_object("b").replace("<ETag>", "<ETag></ETag><Was>").replace("</ETag><Check", "</Was><Check")),
        page(AWS, aws_object("b").replace("</Contents>", "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus></Contents>")),
        page(AWS, aws_object("b")).replace(b"<Contents>", b"<s:Contents>").replace(b"</Contents>", b"</s:Contents>").replace(b"xmlns=", b"xmlns:s='http://s3.amazonaws.com/doc/2006-03-01/' xmlns="),
    ],
)  # fmt: skip
def test_no_object_is_lost_whatever_stands_around_it(body: bytes) -> None:
    assert parse_page(body).keys == [b"a", b"b"]


CLASSES = [
    (["STANDARD", "STANDARD"], ["STANDARD", "STANDARD"]),
    (["STANDARD", "GLACIER"], ["STANDARD", "GLACIER"]),
    (["DEEP_ARCHIVE", "DEEP_ARCHIVE"], ["DEEP_ARCHIVE", "DEEP_ARCHIVE"]),
    ([None, None], ["STANDARD", "STANDARD"]),
    (["GLACIER", None], ["GLACIER", "STANDARD"]),
    ([None, "STANDARD"], ["STANDARD", "STANDARD"]),
    (["", "GLACIER"], ["STANDARD", "GLACIER"]),
    (["COLD &amp; DARK", "GLACIER"], ["COLD & DARK", "GLACIER"]),
]


@pytest.mark.parametrize("write", [aws_object, other_object])
@pytest.mark.parametrize("told, read", CLASSES)
def test_storage_classes_are_those_of_their_objects(
    write: object, told: list[str | None], read: list[str]
) -> None:
    objects = [write(key) for key in ("a", "b")]  # type: ignore[operator]
    said = ["" if one is None else f"<StorageClass>{one}</StorageClass>" for one in told]
    found = parse_page(
        page(
            *[
                text.replace("<StorageClass>STANDARD</StorageClass>", element)
                for text, element in zip(objects, said, strict=True)
            ]
        )
    )
    assert found.classes == read
    assert found.keys == [b"a", b"b"]


@pytest.mark.usefixtures("no_parser")
def test_a_page_of_several_classes_is_read_fast() -> None:
    cold = aws_object("b").replace("STANDARD", "GLACIER")
    assert parse_page(page(AWS, cold)).classes == ["STANDARD", "GLACIER"]


def test_common_prefixes_are_told_beside_objects() -> None:
    bucket = Bucket(["p/a b/x", "p/a b/y", "p/a", "p/ü/"])
    found = parse_page(bucket.answer(ListRequest("p/", "/")))
    assert found.keys == [b"p/a"]
    assert found.prefixes == [b"p/a b/", "p/ü/".encode()]
    none = parse_page(bucket.answer(ListRequest("p/a b", "/")))
    assert (none.keys, none.prefixes) == ([], [b"p/a b/"])


def test_an_empty_page_is_one_that_says_so() -> None:
    assert parse_page(page()) == Page([], [], [], [], [], [])
    assert parse_page(page(more="next")).token == "next"


EMPTY = [
    page(),
    page(encoding=""),
    b'<ListBucketResult xmlns="x"><Name>b</Name><Prefix/><KeyCount>0</KeyCount>'
    b"<IsTruncated>false</IsTruncated></ListBucketResult>",
    b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult>\n  <Prefix>a&amp;b/</Prefix>\n'
    b"  <Delimiter></Delimiter>\n  <IsTruncated>false</IsTruncated>\n</ListBucketResult>\n",
]


@pytest.mark.usefixtures("no_parser")
@pytest.mark.parametrize("body", EMPTY)
def test_a_whole_page_without_objects_is_read_fast(body: bytes) -> None:
    assert parse_page(body) == Page([], [], [], [], [], [])


@pytest.mark.parametrize("body", EMPTY)
def test_no_piece_of_an_empty_page_is_read_fast(body: bytes) -> None:
    whole = len(body.rstrip())
    assert not any(pages._read_fast(body[:length]) for length in range(whole))


@pytest.mark.parametrize(
    "within",
    [
        "<Contents/>",
        "<Contents></Contents>",
        "<Contents >" + aws_object("k")[len("<Contents>") :],
        aws_object("k").replace("Contents", "s3:Contents"),
        aws_object("k").replace("Contents", "Version"),
        "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>",
        "<!--" + aws_object("k") + "-->",
        "<![CDATA[]]>",
        "<IsTruncated>true</IsTruncated>",
        "<IsTruncated>false</IsTruncated>",
        "<Name>a</Nome>",
        "text",
    ],
)
def test_a_page_that_has_anything_else_is_left_to_the_parser(within: str) -> None:
    assert pages._read_fast(page(within)) is None


@pytest.mark.parametrize(
    "text, seconds",
    [
        (NOON, 0),
        ("2026-11-23T12:00:00Z", 0),
        ("2026-11-23T12:00:01.999Z", 1),
        ("2026-11-23T13:00:00.5+01:00", 0),
        ("2026-11-23T12:00:00", 0),
    ],
)
def test_times_are_whole_seconds(text: str, seconds: int) -> None:
    body = page(aws_object("a").replace(NOON, text))
    assert parse_page(body).mtimes_ns == [NOON_NS + seconds * 10**9]


WHOLE = page(AWS, aws_object("b"), more="next")


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_a_page_that_was_cut_off_is_an_error(length: int) -> None:
    with pytest.raises(errors.Unavailable):
        parse_page(WHOLE[:length])


@pytest.mark.parametrize(
    "body, match",
    [
        (b"", "no XML"),
        (b"<html><body>Welcome</body></html>", "no listing but <html>"),
        (b"<Error><Code>SlowDown</Code></Error>", "no listing but <Error>"),
        (page(AWS) + page(AWS), "no XML"),
        (page(AWS).replace(b"<IsTruncated>false</IsTruncated>", b""), "IsTruncated is missing"),
        (page(AWS).replace(b">false<", b">true<"), "not where it begins"),
        (page("<Contents><Size>5</Size></Contents>"), "Key is missing"),
        (page("<Contents><Key>a</Key></Contents>"), "Size is missing"),
        (page(AWS.replace("<Size>5", "<Size>-5")), "a size that is none: '-5'"),
        (page(AWS.replace(NOON, "yesterday")), "a time that is none: 'yesterday'"),
        (page(AWS).replace(b"<Key>a<", b"<Key>\xff<"), "no XML"),
        (page("&lol;").replace(b"<List", b"<!DOCTYPE a [<!ENTITY lol 'x'>]><List", 1), "DOCTYPE"),
    ],
)
def test_what_is_no_whole_page_is_an_error(body: bytes, match: str) -> None:
    with pytest.raises(errors.Unavailable, match=match):
        parse_page(body)


def test_a_servers_entities_are_not_followed(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    evil = f"<!DOCTYPE a [<!ENTITY lol SYSTEM '{secret.as_uri()}'>]><List"
    body = page(aws_object("&lol;")).replace(b"<List", evil.encode(), 1)
    with pytest.raises(errors.Unavailable, match="DOCTYPE"):
        parse_page(body)


def test_the_next_page_is_not_guessed_where_its_name_is_uncertain() -> None:
    assert quick_token(page(AWS, more="a&amp;b")) == ""
    assert parse_page(page(AWS, more="a&amp;b")).token == "a&b"
    assert quick_token(page(AWS, more=escape("<"))) == ""
    assert quick_token(page("<!-- <NextContinuationToken>no</NextContinuationToken> -->")) == ""
    assert quick_token(page(AWS)) == ""
