"""Versity's gateway before a folder: there a key is a path, so no key is both a file and a folder."""

import pytest

from datasync_runner.storage import errors
from fixtures.s3 import bucket_of
from storage.sides import file, fine, folder, listed, make_s3, posix_side
from storage.test_runs import World


@pytest.fixture
def gateway(versitygw):
    """A client of the gateway, and a bucket of it."""
    with bucket_of(versitygw) as made:
        yield made


@pytest.fixture
async def storage(tmp_path, versitygw, gateway):
    storage = make_s3(tmp_path, versitygw, *gateway).storage
    yield storage
    await storage.close()


async def test_a_key_that_is_file_and_folder_conflicts_with_what_is_there(storage):
    await storage.check()
    fine(await storage.write_small([file(b"file"), file(b"folder/below")]))
    answers = await storage.write_small([file(b"file/below"), file(b"folder"), file(b"other")])
    answers += await storage.write_folders([folder(b"file/")])
    failed = [answer for answer in answers if isinstance(answer, errors.StorageError)]
    assert [type(error) for error in failed] == [errors.Conflict] * 3
    assert [error.key for error in failed] == [b"file/below", b"folder", b"file/"]
    keys = [entry.key for entry in await listed(storage)]
    assert keys == [b"file", b"folder/", b"folder/below", b"other"]


@pytest.mark.timeout(60)
def test_what_changed_its_kind_is_right_after_a_second_run(tmp_path, versitygw, gateway):
    """New objects come before what is extra is deleted."""
    world = World(tmp_path, versitygw, *gateway, ("posix", "s3"))
    source = tmp_path / "source"
    (source / "was-folder").mkdir()
    (source / "was-folder/x").write_bytes(b"x")
    (source / "was-file").write_bytes(b"y")
    for number in range(8):
        (source / f"other-{number}").touch()
    assert world.run().counters.files_transferred == 10
    (source / "was-folder/x").unlink()
    (source / "was-folder").rmdir()
    (source / "was-folder").write_bytes(b"x")
    (source / "was-file").unlink()
    (source / "was-file").mkdir()
    (source / "was-file/y").write_bytes(b"y")
    first = world.run(preserveDeletedFiles="Remove")
    assert {failure.code for failure in first.failures} == {"Conflict"}
    assert world.run(preserveDeletedFiles="Remove").outcome == "Success"
    assert world.contents(world.destination) == world.contents(posix_side(source))
