"""Copies within a place: what is asked for, and what the server must not tell of them."""

import asyncio
from base64 import b64encode

import pytest

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import LARGE_AT_ONCE
from datasync_runner.storage import errors
from datasync_runner.storage.s3 import duplicates, overlap
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.values import Content, Duplicate, Written
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


class Part:
    """Stands for uploads that are copied in parts: how many there are at once, and how they end."""

    def __init__(self, error=None):
        self.going = self.most = self.cancelled = 0
        self.error = error

    def __call__(self, objects, entry, *, budget):
        return self

    async def copy(self, *_, checksum):
        self.going += 1
        self.most = max(self.most, self.going)
        try:
            if self.error is not None and self.going == LARGE_AT_ONCE:
                raise self.error
            await asyncio.sleep(0 if self.error is None else 60)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.going -= 1
        return Written(OTHER, checksum)


async def duplicate_many(storage):
    copies = [Duplicate(OTHER, FILE, CHECKSUM)] * (3 * LARGE_AT_ONCE)
    return await asyncio.wait_for(storage.duplicate(copies), 10)


@pytest.fixture
def in_parts(monkeypatch):
    """Whatever is copied goes in parts."""

    def arrange(parts):
        monkeypatch.setattr(duplicates, "WHOLE_COPY_BYTES", 0)
        monkeypatch.setattr(overlap, "Upload", parts)
        monkeypatch.setattr(Objects, "head", lambda _, __, give: give({"etag": '"1"'}))
        return parts

    return arrange


async def test_few_large_copies_go_on_at_once(keys, in_parts):
    parts = in_parts(Part())
    _, found = await do(keys, duplicate_many)
    assert found == [Written(OTHER, CHECKSUM)] * (3 * LARGE_AT_ONCE)
    assert parts.most == LARGE_AT_ONCE


@pytest.mark.parametrize("error", [ValueError("ours"), errors.ConfigurationInvalid("theirs")])
async def test_no_large_copy_goes_on_when_all_have_to_stop(keys, in_parts, error):
    parts = in_parts(Part(error))
    with pytest.raises(type(error)):
        await do(keys, duplicate_many)
    assert parts.cancelled
    assert not parts.going
