"""The flat listing, as AWS itself answers it: page after page, in the order of the keys' bytes.

The storage tier's server lists folder by folder, so S3's own order is told here by botocore's
stubbed answers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.patterns import Filter
from datasync_api.plan import S3Side
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.storage.errors import ConfigurationInvalid
from datasync_runner.storage.s3.client import make_client
from datasync_runner.storage.s3.listing import Listing

SIDE = S3Side(uri="s3://example/p/", bucket="example", prefix="p/", region="eu-central-1")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EVERYTHING = Filter((), ())
CLIENT = make_client(SIDE)


@contextmanager
def answering(keys: Sequence[str], *, page_size: int) -> Iterator[None]:
    """The client answers ListObjectsV2 with these keys, below the prefix, in this order."""
    pages = [keys[at : at + page_size] for at in range(0, len(keys), page_size)] or [[]]
    with Stubber(CLIENT) as stub:
        for number, page in enumerate(pages):
            more = number + 1 < len(pages)
            contents = [
                {"Key": quote_plus(f"p/{key}", safe="/"), "Size": 5, "LastModified": NOON}
                for key in page
            ]
            token = {"NextContinuationToken": f"t{number + 1}"} if more else {}
            expected = {"Bucket": "example", "Prefix": "p/", "Delimiter": "", "EncodingType": "url"}
            if number:
                expected["ContinuationToken"] = f"t{number}"
            stub.add_response(
                "list_objects_v2",
                {
                    "IsTruncated": more,
                    "Contents": contents,
                    "ResponseMetadata": {"HTTPHeaders": {"server": "AmazonS3"}},
                    **token,
                },
                expected,
            )
        yield
        stub.assert_no_pending_responses()


def listed(keys: Sequence[str], *, page_size: int = 2, chosen: Filter = EVERYTHING) -> list[Entry]:
    with answering(keys, page_size=page_size):
        batches = Listing(CLIENT, SIDE, chosen).batches()
        return [entry for batch in batches for entry in batch.entries]


def test_pages_are_one_stream_with_the_folders_that_keys_imply() -> None:
    found = listed(["a-b", "a/", "a/x", "b/c/d", "b/e", "z"])
    assert [(entry.key, entry.kind, entry.implied) for entry in found] == [
        (b"a-b", Kind.FILE, False),
        (b"a/", Kind.FOLDER, False),
        (b"a/x", Kind.FILE, False),
        (b"b/", Kind.FOLDER, True),
        (b"b/c/", Kind.FOLDER, True),
        (b"b/c/d", Kind.FILE, False),
        (b"b/e", Kind.FILE, False),
        (b"z", Kind.FILE, False),
    ]
    assert found[0].size_bytes == 5
    assert found[0].mtime_ns == int(NOON.timestamp()) * 10**9


@pytest.mark.parametrize("key", ["with space", "a+b", "100%", "ümlaut/日本", "new\nline", "q?&=#"])
def test_odd_keys_come_as_they_are(key: str) -> None:
    assert listed([key])[-1].key == key.encode()


def test_the_marker_of_the_locations_own_folder_is_no_entry() -> None:
    assert [entry.key for entry in listed(["", "a"])] == [b"a"]


def test_filters_apply() -> None:
    found = listed(["a.txt", "b.tmp"], chosen=Filter.parse([], ["*.tmp"]))
    assert [entry.key for entry in found] == [b"a.txt"]


def test_a_server_that_turns_out_unsorted_stops_the_run() -> None:
    with pytest.raises(ConfigurationInvalid, match="out of order"):
        listed(["b", "c", "a", "d"], page_size=2)


@given(st.sets(st.text("ab/-", min_size=1, max_size=6).filter(lambda k: "//" not in f"/{k}")))
def test_any_bucket_is_listed_sorted_and_whole(keys: set[str]) -> None:
    ordered = sorted(keys, key=str.encode)
    found = listed(ordered, page_size=3)
    names = [entry.key for entry in found]
    assert names == sorted(set(names))
    assert {key.decode() for key in names if not _implied(found, key)} == keys
    for key in keys:
        parts = key.rstrip("/").split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            assert ("/".join(parts[:depth]) + "/").encode() in names


def _implied(found: list[Entry], key: bytes) -> bool:
    return any(entry.key == key and entry.implied for entry in found)
