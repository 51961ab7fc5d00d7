"""The stage that verifies: what the destination has proven is not asked for again."""

import asyncio

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.tally import Tally
from datasync_runner.engine.verify import Verify
from datasync_runner.storage.values import Written
from fakes.storage import FakeStorage


async def verified(*, active: bool, proven: tuple[bool, ...]) -> tuple[int, list[str]]:
    """How many files count as verified, and what the destination was asked."""
    destination, tally = FakeStorage(), Tally()
    written: list[Written] = []
    for number, one in enumerate(proven):
        key = b"%d" % number
        destination.put(key, b"body")
        written.append(Written(destination.items[key].entry, crc64(b"body"), one))
    verify = Verify(destination, tally=tally, active=active)
    async with asyncio.TaskGroup() as group:
        group.create_task(verify.run())
        await verify.put(written)
        await verify.close()
    return tally.files_verified, destination.calls


@pytest.mark.parametrize(
    ("active", "proven", "counted", "asked"),
    [
        pytest.param(True, (), 0, [], id="nothing was written"),
        pytest.param(True, (True, True), 2, [], id="all is proven"),
        pytest.param(True, (True, False), 2, ["verify 1"], id="one is not proven"),
        pytest.param(False, (True, False), 0, [], id="without verification"),
    ],
)
async def test_only_what_is_not_proven_is_asked_for(active, proven, counted, asked):
    assert await verified(active=active, proven=proven) == (counted, asked)
