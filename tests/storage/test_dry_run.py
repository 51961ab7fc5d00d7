"""A dry run against real servers: it sends no request that writes, and foretells those that do."""

import os
import time

import pytest

from datasync_api.plan import TransferPlan
from datasync_api.task_options import TaskOptions
from datasync_runner.core.parts import MIB
from datasync_runner.engine import pipeline
from datasync_runner.engine.progress import Board
from datasync_runner.storage.posix.storage import PosixStorage
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.temporary_names import temporary_name
from runner.test_process import seen
from storage.sides import credentials, posix_side, s3_side
from storage.test_runs import World, grow

pytestmark = [pytest.mark.storage, pytest.mark.timeout(60)]
WRITES = {
    *("PutObject", "CopyObject", "DeleteObjects", "DeleteObject"),
    *("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
}
READS = {"ListObjectsV2", "HeadObject"}


def since(before, after):
    return {name: count - before.get(name, 0) for name, count in after.items()}


async def test_the_requests_that_write_are_those_that_were_foretold(
    tmp_path, s3_server, bucket, s3_client
):
    root = tmp_path / "tree"
    (root / "folder" / "empty").mkdir(parents=True)
    for number in range(5):
        (root / "folder" / f"file-{number}").write_bytes(b"x" * number)
    (root / "large").write_bytes(os.urandom(17 * MIB))
    there = s3_side(s3_server, bucket, credentials(tmp_path / "secret", s3_server), "here/")
    here = posix_side(root)

    def plan(mode):
        return TransferPlan(
            execution={"namespace": "n", "name": "e", "uid": "u"},
            mode=mode,
            source=here,
            destination=there,
            options=TaskOptions(preserve_deleted_files="Remove"),
        )

    async def run(mode, destination):
        source = PosixStorage(here, writes=False, sets_owner=False, started_ns=0)
        board = Board("u", time.monotonic)
        before = dict(destination.sent)
        try:
            await pipeline.run_plan(plan(mode), source, destination, board)
        finally:
            await source.close()
        return board, since(before, destination.sent)

    destination = S3Storage(there)
    try:
        said, sent = await run("DryRun", destination)
        assert set(sent) <= READS
        assert "Contents" not in s3_client.list_objects_v2(Bucket=bucket)
        assert s3_client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
        _, first = await run("Transfer", destination)
        # The first upload finds out whether the server checks, with one request more.
        probes = sum(first.get(n, 0) - said.requests[n] for n in ("PutObject", "UploadPart"))
        assert 0 <= probes <= 2
        for name in ("CreateMultipartUpload", "CompleteMultipartUpload"):
            assert first[name] == said.requests[name] == 1

        (root / "folder" / "file-1").write_bytes(b"changed")
        (root / "folder" / "file-2").chmod(0o600)
        (root / "folder" / "file-3").unlink()
        said, sent = await run("DryRun", destination)
        assert not {name for name, count in sent.items() if count} - READS
        _, second = await run("Transfer", destination)
        wrote = {name: count for name, count in second.items() if name in WRITES and count}
        foretold = {name: count for name, count in said.requests.items() if name in WRITES}
        assert wrote == foretold
        assert foretold["DeleteObjects"] == foretold["CopyObject"] == 1
    finally:
        await destination.close()


@pytest.mark.parametrize("path", ["", "not/yet/there/"])
def test_it_leaves_no_trace_on_a_share(
    tmp_path, s3_server, s3_client, bucket, smb_server, smb_folder, path
):
    """Nor does it remove what a run that was killed has left."""
    world = World(tmp_path, s3_server, s3_client, bucket, ("posix", "s3"))
    grow(tmp_path / "source")
    (tmp_path / "source/a/link").unlink()  # a share has no links
    (smb_folder / "gone").write_text("gone")
    (smb_folder / os.fsdecode(temporary_name(b"gone"))).write_text("half")
    share = smb_server.side(smb_server.credentials(tmp_path / "login"), f"{smb_folder.name}/{path}")
    rules = {"guards": {"maxDeletePercent": 100}}
    before = seen(smb_folder)

    said = world.run(
        destination=share, rules={"mode": "DryRun", **rules}, preserveDeletedFiles="Remove"
    ).counters
    assert seen(smb_folder) == before
    assert (said.files_transferred, said.folders_transferred, said.files_deleted) == (0, 0, 0)

    done = world.run(destination=share, rules=rules, preserveDeletedFiles="Remove").counters
    assert said.estimated_files_to_transfer == done.files_transferred == 9
    assert said.estimated_bytes_to_transfer == done.bytes_written
    assert said.estimated_folders_to_transfer == done.folders_transferred
    assert said.estimated_files_to_delete == done.files_deleted == (not path)
