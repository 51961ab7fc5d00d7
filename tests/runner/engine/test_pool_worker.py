"""A worker's side of the pool, in this process: the reason why it stopped is not lost."""

import asyncio
import socket

from datasync_api.plan import TransferPlan
from datasync_runner.core.actions import Action
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.engine import pool_worker
from datasync_runner.engine.wire import Orders, Report, Stopped, Wire
from datasync_runner.engine.work import Work
from datasync_runner.storage.errors import CredentialsRefused
from fakes.storage import FakeStorage

PLAN = TransferPlan.model_validate(
    {
        "execution": {"namespace": "n", "name": "e", "uid": "u1"},
        "source": {"kind": "Posix", "uri": "nfs://h/a/", "root": "/a"},
        "destination": {"kind": "Posix", "uri": "nfs://h/b/", "root": "/b"},
        "options": {},
    }
)
ORDER = Orders([Work(Action.COPY, Entry(b"file", Kind.FILE, 1))])


async def wire_of(end: socket.socket) -> Wire:
    return Wire(*await asyncio.open_connection(sock=end))


async def test_a_worker_that_stops_listens_until_the_run_hangs_up():
    def refused(method, key):
        return CredentialsRefused("the keys were withdrawn") if method == "check" else None

    def storages(budget):
        return FakeStorage(trouble=refused), FakeStorage()

    ours, theirs = socket.socketpair()
    wire = await wire_of(ours)
    working = asyncio.create_task(pool_worker._work(theirs, PLAN, storages, lambda _: {}))
    await wire.send(ORDER)
    while not isinstance(message := await wire.receive(), Stopped):
        assert isinstance(message, Report)
    for _ in range(3):  # what was on its way when the worker stopped
        await wire.send(ORDER)
    assert not working.done()
    assert isinstance(message.error(), CredentialsRefused)
    wire.close()
    assert await working == 0
