"""Entries to headers and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.checksums import to_header
from datasync_runner.core.entry import Entry, Kind, ObjectHeaders, PosixMetadata
from datasync_runner.core.posix_metadata import AGENT, POSIX_KEYS
from datasync_runner.storage.s3.metadata import (
    CHECKSUM,
    described,
    headers_of,
    modified_ns,
    stored_checksum,
)

NUMBERS = st.none() | st.integers(0, 2**32 - 2)
TIMES = st.none() | st.integers(0, 2**62)
POSIX = st.builds(PosixMetadata, st.none() | st.integers(0, 0o7777), NUMBERS, NUMBERS, TIMES, TIMES)
WORDS = st.text("abcXYZ09 /;=\"'-", min_size=1, max_size=20).map(lambda text: f"x{text}x")
NAMES = st.text("abcdefghij-", min_size=1, max_size=12).filter(
    lambda name: name not in POSIX_KEYS and name != "mtime"
)
USER = st.dictionaries(NAMES, WORDS, max_size=4)


@st.composite
def entries(draw):
    kind = draw(st.sampled_from([Kind.FILE, Kind.FOLDER, Kind.SYMLINK]))
    own = ObjectHeaders(
        draw(st.none() | WORDS),
        draw(st.none() | WORDS),
        draw(st.none() | WORDS),
        draw(st.none() | WORDS),
        draw(st.none() | WORDS),
        tuple(sorted(draw(USER).items())),
    )
    metadata = draw(POSIX)
    key = b"d/" if kind is Kind.FOLDER else b"f"
    size = 0 if kind is Kind.FOLDER else draw(st.integers(0, 2**40))
    return Entry(key, kind, size, metadata.mtime_ns or 0, metadata, headers=own)


@given(entries())
def test_what_is_stated_comes_back(entry):
    found = described(entry.key, dict(headers_of(entry)), entry.size_bytes)
    expected = entry.metadata
    if entry.kind is Kind.SYMLINK:
        expected = expected._replace(mode=0o777)
    assert found == entry._replace(metadata=expected)


@given(entries())
def test_no_header_is_there_twice_and_all_names_are_lower_case(entry):
    names = [name for name, _ in headers_of(entry)]
    assert len(set(names)) == len(names)
    assert names == [name.lower() for name in names]
    assert f"x-amz-meta-{AGENT}" in names


def test_what_is_not_known_is_not_stated():
    entry = Entry(b"f", Kind.FILE)
    assert [name for name, _ in headers_of(entry)] == [f"x-amz-meta-{AGENT}"]


def test_our_metadata_is_stronger_than_foreign_of_the_same_name():
    own = ObjectHeaders(user_metadata=(("file-owner", "7"), ("Mine", "1")))
    entry = Entry(b"f", Kind.FILE, metadata=PosixMetadata(uid=5), headers=own)
    headers = headers_of(entry)
    assert ("x-amz-meta-file-owner", "5") in headers
    assert ("x-amz-meta-mine", "1") in headers
    assert len(headers) == 3


def test_the_time_of_the_server_where_none_is_stated():
    found = described(b"f", {"last-modified": "Sun, 22 Nov 2026 23:06:01 GMT"}, 3)
    assert found.mtime_ns == 1_795_388_761 * 10**9
    assert found.metadata.mtime_ns is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22", "0"])
def test_a_time_that_is_none(text):
    assert modified_ns(text) == 0


@pytest.mark.parametrize(
    ("headers", "bare"),
    [
        ({"content-type": "httpd/unix-directory"}, True),
        ({"content-type": "httpd/unix-directory", "x-amz-meta-a": "1"}, False),
        ({"content-type": "application/x-directory"}, False),
    ],
)
def test_a_folder_that_keeps_no_metadata(headers, bare):
    found = described(b"d/", headers, 7)
    assert (found.kind, found.size_bytes, found.bare) == (Kind.FOLDER, 0, bare)
    assert not described(b"f", headers, 7).bare


@pytest.mark.parametrize(
    ("headers", "checksum"),
    [
        ({CHECKSUM: to_header(9)}, 9),
        ({CHECKSUM: to_header(9), "x-amz-checksum-type": "FULL_OBJECT"}, 9),
        ({CHECKSUM: to_header(9), "x-amz-checksum-type": "COMPOSITE"}, None),
        ({CHECKSUM: to_header(9) + "-3"}, None),
        ({CHECKSUM: "AAAA"}, None),
        ({}, None),
    ],
)
def test_a_stored_checksum(headers, checksum):
    assert stored_checksum(headers) == checksum
