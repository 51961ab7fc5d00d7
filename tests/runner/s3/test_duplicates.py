"""Copies within a place: what is asked for, and what the server must not tell of them."""

from base64 import b64encode

import pytest

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.values import Content, Duplicate
from fakes.s3_answers import Reply
from runner.s3.test_objects import DIRECTIVE, FILE, TAGGING, do, keys, willing
from storage.sides import fine

assert keys  # a fixture
CHECKSUM = 5
OTHER = Entry(b"g", Kind.FILE, FILE.size_bytes)


def telling(checksum):
    """A server that tells a checksum of what it has copied."""
    told = b64encode(checksum.to_bytes(8, "big"))
    body = b"<R><ChecksumCRC64NVME>%s</ChecksumCRC64NVME></R>" % told
    return lambda asked: Reply(200, body, {"ETag": '"1"'})


async def duplicate(storage):
    return await storage.duplicate([Duplicate(OTHER, FILE, CHECKSUM)])


async def test_what_has_another_checksum_is_no_copy(keys):
    _, (found,) = await do(keys, duplicate, answers=telling(CHECKSUM + 1))
    assert isinstance(found, errors.VerificationFailed)
    _, (found,) = await do(keys, duplicate, answers=telling(CHECKSUM))
    assert (found.entry, found.checksum) == (OTHER, CHECKSUM)


async def test_what_was_sent_is_copied_as_the_very_object_that_it_became(keys):
    async def send_and_duplicate(storage):
        (first,) = fine(await storage.write_small([Content(FILE, bytes(FILE.size_bytes))]))
        there = first.entry._replace(etag=first.etag)
        await storage.duplicate([Duplicate(OTHER, there, first.checksum)])

    asked, _ = await do(keys, send_and_duplicate)
    (copy,) = (one.headers for one in asked if "x-amz-copy-source" in one.headers)
    assert copy["x-amz-copy-source-if-match"] == '"1"'


@pytest.mark.parametrize("tags", ["None", "Preserve"])
async def test_the_tags_of_the_first_name_are_not_those_of_the_others(keys, tags):
    asked, _ = await do(keys, duplicate, answers=willing, tags=tags)
    (copy,) = (one.headers for one in asked if "x-amz-copy-source" in one.headers)
    assert copy[DIRECTIVE] == "REPLACE"
    assert TAGGING not in copy
