"""Copies that the storage makes by itself, and what travels through here when it may not."""

import pytest

from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.storage import errors
from fakes.storage import FakeStorage
from runner.engine.test_pipeline import bodies, run

LARGE = b"x" * (SMALL_BYTES + 1)


def pair():
    source = FakeStorage(objects=True).put(b"a", b"1").put(b"b", b"2").put(b"large", LARGE)
    return source, FakeStorage(objects=True, copies=True)


def read(storage):
    return [call for call in storage.calls if call.split()[0] == "read"]


async def test_nothing_comes_here_when_the_storage_copies():
    source, destination = pair()
    tally = await run(source, destination)
    assert bodies(destination) == bodies(source)
    assert read(source) == []
    assert (tally.files_transferred, tally.files_verified, tally.failure_count()) == (3, 3, 0)
    assert tally.bytes_transferred == tally.bytes_written == 2 + len(LARGE)


@pytest.mark.parametrize("refused", [{b"a"}, {b"large"}, {b"a", b"b", b"large"}])
async def test_what_the_storage_may_not_read_by_itself_travels_through_here(refused):
    source, destination = pair()
    destination.trouble = lambda name, key: (
        errors.Denied("no right to the source", key) if name == "copy" and key in refused else None
    )
    tally = await run(source, destination)
    assert bodies(destination) == bodies(source)
    assert {call.split()[1].encode() for call in read(source)} == refused - {b"large"}
    assert (tally.files_transferred, tally.files_verified, tally.failure_count()) == (3, 3, 0)
    assert tally.bytes_transferred == tally.bytes_written == 2 + len(LARGE)


async def test_another_refusal_of_a_copy_is_the_files_failure():
    source, destination = pair()
    destination.trouble = lambda name, key: (
        errors.Missing("gone", key) if (name, key) == ("copy", b"a") else None
    )
    tally = await run(source, destination)
    assert set(destination.items) == {b"b", b"large"}
    assert (tally.files_transferred, tally.failure_count()) == (2, 1)
    assert read(source) == []


async def test_who_may_read_neither_by_copy_nor_by_itself_is_told_once():
    source, destination = pair()
    denied = errors.Denied("no", b"a")
    destination.trouble = lambda name, key: denied if (name, key) == ("copy", b"a") else None
    source.trouble = lambda name, key: denied if (name, key) == ("read", b"a") else None
    tally = await run(source, destination)
    assert set(destination.items) == {b"b", b"large"}
    assert (tally.failure_count(), tally.failures()[0].code) == (1, "Denied")


async def test_a_changed_option_that_drops_metadata_forbids_copies():
    """A copy keeps all there is, so owners that are not to be kept must be left out here."""
    source, destination = pair()
    await run(source, destination, uid="None")
    assert not [call for call in destination.calls if call.startswith("copy")]
    assert destination.items[b"a"].entry.metadata.uid is None
