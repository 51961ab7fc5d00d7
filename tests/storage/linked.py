"""A tree with hard links, a bucket, and a tree again: what the tests of both ways share."""

import contextlib
import time
from collections import Counter

from datasync_api.plan import TransferPlan
from datasync_api.task import Guards
from datasync_api.task_options import TaskOptions
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.factory import Means, make_storages
from datasync_runner.storage.throttle import Throttle
from fixtures.s3 import bucket_of
from runner.engine.test_hard_links import OWNER, groups
from storage.sides import credentials, posix_side, s3_side


class World:
    """A tree, a bucket and a tree again; runs in this process, with their requests."""

    def __init__(self, tmp_path, server, client, bucket):
        self.client, self.bucket = client, bucket
        self.source, self.back = tmp_path / "source", tmp_path / "back"
        for folder in (self.source, self.back):
            folder.mkdir()
        self.objects = s3_side(server, bucket, credentials(tmp_path / "keys", server), "p/")
        self.sent = Counter()
        self.reported = []
        """The entries of the reports that the rules of a run asked for."""

    async def up(self, **more):
        return await self._run(posix_side(self.source), self.objects, **more)

    async def down(self, **more):
        return await self._run(self.objects, posix_side(self.back), **more)

    async def _run(self, source, destination, baseline=None, rules=None, failures=0, **options):
        plan = TransferPlan(
            execution={"namespace": "n", "name": "e", "uid": "u"},
            source=source,
            destination=destination,
            options=TaskOptions(**OWNER, **options),
            guards=Guards(max_delete_percent=100),
            baseline=baseline,
            **(rules or {}),
        )
        means = Means(ByteBudget(BUDGET_BYTES), Throttle(-1), 64, time.time_ns())
        storages = make_storages(plan, means)
        board = Board("u", time.monotonic)
        board.files = FileEvents.of(plan, board.tally, lambda _: None, keep=self.reported.extend)
        try:
            await run_plan(plan, *storages, board)
        finally:
            self.sent = Counter()
            for storage in storages:
                self.sent.update(getattr(storage, "sent", {}))
                await storage.close()
        assert board.tally.failure_count() == failures, board.tally.failures()
        self.board = board
        return board.tally

    def head(self, key):
        return self.client.head_object(Bucket=self.bucket, Key=f"p/{key}")

    def bodies(self):
        """Every object that is no folder's marker, by key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return {
            key.removeprefix("p/"): self.client.get_object(Bucket=self.bucket, Key=key)[
                "Body"
            ].read()
            for key in keys
            if not key.endswith("/")
        }

    def inodes(self):
        """What each object states, where it does."""
        stated = {key: self.head(key)["Metadata"].get("file-inode") for key in self.bodies()}
        return {key: inode for key, inode in stated.items() if inode is not None}

    def right(self):
        """The bucket has what the source has, and states which names are one file."""
        assert self.bodies() == groups(self.source)[1]
        assert self.inodes() == {
            path.relative_to(self.source).as_posix(): str(path.stat().st_ino)
            for path in self.source.rglob("*")
            if path.is_file() and path.stat().st_nlink > 1
        }
        for key in self.bodies():
            told = self.head(key)["Metadata"]["file-mtime"]
            assert told == f"{(self.source / key).stat().st_mtime_ns}ns"


@contextlib.contextmanager
def world_of(server, tmp_path):
    """Its bucket is empty, and removed at the end."""
    with bucket_of(server) as (client, bucket):
        yield World(tmp_path, server, client, bucket)
