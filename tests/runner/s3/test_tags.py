"""Object tags: the answer of GetObjectTagging, and the header that gives them."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.entry import Entry, Kind, ObjectHeaders
from datasync_runner.storage.s3.tags import TAGGING, parse_tags, stated_tags

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
TAGS = st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=20), max_size=10)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'


def stated(tags):
    return stated_tags(Entry(b"f", Kind.FILE, headers=ObjectHeaders(tags=tags)))


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        ("<TagSet></TagSet>", ()),
        ("<TagSet/>", ()),
        ("<TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet>", (("a", "1"),)),
        (
            "<TagSet><Tag><Key>b</Key><Value/></Tag>\n <Tag><Value>&lt;&amp;</Value><Key>ä</Key></Tag>"
            "</TagSet>",
            (("b", ""), ("ä", "<&")),
        ),
    ],
)
def test_answers(body, tags):
    assert parse_tags(f"{HEAD}{body}</Tagging>".encode()) == tags
    assert parse_tags(f"<Tagging>{body}</Tagging>".encode()) == tags


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"the object itself",
        b"<html></html>",
        b"<Tagging><TagSet><Tag></Tag></TagSet></Tagging>",
    ],
)
def test_what_is_no_answer(body):
    assert parse_tags(body) is None


@given(TAGS.filter(bool))
def test_a_header_says_all_tags_in_ascii(tags):
    ((name, value),) = stated(tuple(sorted(tags.items())))
    assert name == TAGGING
    assert value.isascii() and value.isprintable() and " " not in value
    assert dict(parse_qsl(value, keep_blank_values=True)) == tags


def test_no_tags_and_unknown_tags_say_nothing():
    assert stated(()) == stated(None) == []
    assert stated_tags(Entry(b"f", Kind.FILE)) == []
