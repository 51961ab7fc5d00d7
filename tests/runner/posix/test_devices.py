"""Device nodes by option: name, number and metadata; sockets and FIFOs never."""

import errno
import os
import stat

import pytest

from datasync_api.plan import TransferPlan
from datasync_api.sides import PosixSide
from datasync_runner.core.entry import Device, Entry, Kind, PosixMetadata
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.factory import Means, make_storages
from datasync_runner.storage.posix import root as posix_root
from datasync_runner.storage.posix import storage as posix
from datasync_runner.storage.throttle import Throttle
from datasync_runner.storage.values import Content
from runner.posix.large import MTIME_NS, storage
from runner.posix.rights import needs_mknod
from storage.sides import fine, listed, posix_side

NULL = Device(block=False, number=os.makedev(1, 3))
LOOP = Device(block=True, number=os.makedev(7, 200))


@pytest.fixture(params=[False, True], ids=["plain", "verifies"])
async def destination(tmp_path, request):
    made = storage(tmp_path / "root", verifies=request.param)
    await made.check()
    yield made
    await made.close()


def device(key, node, **changes):
    metadata = PosixMetadata(0o640, os.getuid(), os.getgid(), MTIME_NS, MTIME_NS)
    entry = Entry(key, Kind.DEVICE, 0, MTIME_NS, metadata._replace(**changes), node=node)
    return Content(entry, b"")


async def test_nodes_are_made_listed_and_read(destination, tmp_path):
    needs_mknod(tmp_path)
    contents = [device(b"d/null", NULL, mode=0o666), device(b"loop", LOOP)]
    written = fine(await destination.write_small(contents))
    assert {one.proven for one in written} == {destination._verifies}
    assert fine(await destination.verify(written)) == written
    found = (tmp_path / "root/d/null").stat()
    assert (stat.S_ISCHR(found.st_mode), found.st_rdev) == (True, NULL.number)
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o666, MTIME_NS)
    entries = [entry for entry in await listed(destination) if entry.kind is Kind.DEVICE]
    assert [(entry.key, entry.node) for entry in entries] == [(b"d/null", NULL), (b"loop", LOOP)]
    assert fine(await destination.read_small(entries)) == [Content(e, b"") for e in entries]


async def test_a_node_replaces_what_is_in_its_place_and_changes_its_metadata(destination, tmp_path):
    needs_mknod(tmp_path)
    (tmp_path / "root/n").write_text("a file")
    fine(await destination.write_small([device(b"n", NULL)]))
    fine(await destination.write_small([device(b"n", LOOP)]))
    fine(await destination.update_metadata([device(b"n", LOOP, mode=0o600).entry]))
    found = (tmp_path / "root/n").stat()
    assert (stat.S_ISBLK(found.st_mode), found.st_rdev) == (True, LOOP.number)
    assert stat.S_IMODE(found.st_mode) == 0o600
    (written,) = fine(await destination.write_small([device(b"n", LOOP)]))
    other = written._replace(entry=written.entry._replace(node=NULL))
    (answer,) = await destination.verify([other])
    assert isinstance(answer, errors.VerificationFailed)


async def test_a_system_that_makes_none_says_so(destination, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "mknod", refuse)
    (answer,) = await destination.write_small([device(b"n", NULL)])
    assert isinstance(answer, errors.Denied)
    assert "CAP_MKNOD" in answer.message
    assert not list((tmp_path / "root").iterdir())


async def test_a_device_that_became_a_file_is_a_conflict(destination, tmp_path):
    (tmp_path / "root/n").write_text("x")
    (answer,) = await destination.read_small([device(b"n", NULL).entry])
    assert isinstance(answer, errors.Conflict)


async def test_without_the_right_the_run_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(posix_root, "may_mknod", lambda: False)
    side = PosixSide(uri="nfs://h/a/", root=str(tmp_path))
    for asked in (False, True):
        made = posix.PosixStorage(
            side, writes=True, sets_owner=False, started_ns=0, makes_devices=asked
        )
        if asked:
            with pytest.raises(errors.OptionsInvalid, match=r"preserveDevices.*Ownership"):
                await made.check()
        else:
            await made.check()
        await made.close()


@pytest.mark.parametrize(("option", "asked"), [("None", False), ("Preserve", True)])
async def test_the_right_is_asked_for_where_the_task_keeps_devices(
    tmp_path, monkeypatch, option, asked
):
    monkeypatch.setattr(posix_root, "may_mknod", lambda: False)
    plan = TransferPlan(
        execution={"namespace": "n", "name": "e", "uid": "u"},
        source=posix_side(tmp_path),
        destination=posix_side(tmp_path),
        options={"preserveDevices": option, "uid": "None", "gid": "None"},
    )
    means = Means(ByteBudget(BUDGET_BYTES), Throttle(-1), 1, started_ns=0)
    source, destination = make_storages(plan, means)
    await source.check()
    if asked:
        with pytest.raises(errors.OptionsInvalid, match=r"preserveDevices"):
            await destination.check()
    else:
        await destination.check()
    for one in (source, destination):
        await one.close()
