"""Names of one inode on their way to objects: which are copied there, and what is told of them."""

import json
from dataclasses import dataclass, field

import pytest

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, HardLink
from datasync_runner.core.parts import BATCH_BYTES
from datasync_runner.core.tally import Tally
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.storage import errors
from datasync_runner.storage.values import Batch
from fakes.runs import plan_of, run_between
from fakes.storage import FILE, FakeStorage
from runner.engine.test_task_report import plan as report_plan

NOW_NS = FILE.mtime_ns + 3600 * 1_000_000_000


@dataclass
class Bucket(FakeStorage):
    """Objects with ETags, which it copies within itself where it is willing."""

    objects: bool = True
    willing: bool = True

    async def duplicate(self, copies):
        return self._each("duplicate", copies, self._duplicate)

    def _duplicate(self, copy):
        there = self.items[copy.first.key]
        if not self.willing or copy.first.etag not in ("", there.entry.etag):
            return errors.NotSupported("no copy of that", copy.entry.key)
        return self._write(there._replace(entry=copy.entry))

    def _keep(self, entry, body):
        return super()._keep(entry._replace(etag=f'"{crc64(body)}"'), body)

    def bodies(self):
        return {key: content.body for key, content in self.items.items()}

    def count(self, what):
        """How many items were called for in the last run."""
        return [call.split()[0] for call in self.calls].count(what)


@dataclass
class Tree(FakeStorage):
    """Names of one inode; some may have been listed before they are what they are now."""

    listed_before: dict[bytes, Entry] = field(default_factory=dict)

    def write(self, body, *names, mtime_ns=FILE.mtime_ns):
        metadata = FILE._replace(mtime_ns=mtime_ns)
        for name in names:
            self.put(name, body, metadata=metadata, node=HardLink(1, 7, len(names)))

    async def listing(self, chosen):
        async for batch in super().listing(chosen):
            entries = [self.listed_before.get(entry.key, entry) for entry in batch.entries]
            yield Batch(entries)


async def run(source, bucket, files=None, **wishes):
    plan = plan_of(**wishes)
    return (await run_between(source, bucket, plan, files=files, now_ns=lambda: NOW_NS)).tally


async def told(source, bucket, what, **wishes):
    """A field of the report's entries, by key."""
    kept = []
    events = FileEvents.of(report_plan(), Tally(), lambda _: None, keep=kept.extend)
    await run(source, bucket, files=events, **wishes)
    entries = [json.loads(entry.text) for entry in kept]
    return {entry["RelativePath"]: entry[what] for entry in entries if what in entry}


async def test_a_new_name_is_copied_from_one_that_is_right():
    source, bucket = Tree(), Bucket()
    source.write(b"old", b"a", b"b")
    await run(source, bucket)
    source.write(b"old", b"a", b"b", b"c")
    tally = await run(source, bucket)
    assert (tally.bytes_transferred, bucket.count("duplicate")) == (0, 1)
    assert bucket.bodies() == {b"a": b"old", b"b": b"old", b"c": b"old"}


async def test_names_that_were_listed_after_a_rewrite_are_not_copied_from_what_was_right_before():
    """Nor is a new name, listed then, given the old content with the new time."""
    source, bucket = Tree(), Bucket()
    source.write(b"old", b"a", b"b")
    await run(source, bucket)
    source.listed_before[b"a"] = source.items[b"a"].entry
    source.write(b"new", b"a", b"b", b"c", mtime_ns=FILE.mtime_ns + 1)
    tally = await run(source, bucket)
    assert bucket.bodies() == {b"a": b"old", b"b": b"new", b"c": b"new"}
    assert (tally.files_transferred, tally.bytes_transferred) == (2, len(b"new"))
    source.listed_before.clear()
    await run(source, bucket)
    assert bucket.bodies() == {b"a": b"new", b"b": b"new", b"c": b"new"}


@pytest.mark.parametrize("willing", [True, False])
async def test_of_each_name_it_is_told_whether_something_was_overwritten(willing):
    source, bucket = Tree(), Bucket(willing=willing)
    source.write(b"old", b"a", b"b")
    await run(source, bucket)
    source.write(b"changed", b"a", b"b", b"c")
    overwrite = await told(source, bucket, "Overwrite")
    assert overwrite == {"/a": "True", "/b": "True", "/c": "False"}


@pytest.mark.parametrize(
    ("wishes", "reason"), [({}, "Same"), ({"overwrite_mode": "Never"}, "OverwriteNever")]
)
async def test_of_each_name_it_is_told_why_it_was_left(wishes, reason):
    source, bucket = Tree(), Bucket()
    source.write(b"old", b"a", b"b")
    await run(source, bucket)
    reasons = await told(source, bucket, "SkipReason", **wishes)
    assert reasons == {"/a": reason, "/b": reason}


async def test_names_that_cannot_be_copied_are_sent_in_batches_that_fit_into_memory(monkeypatch):
    source, bucket, read = Tree(), Bucket(willing=False), []
    read_small = source.read_small

    async def note(entries):
        read.append(len(entries))
        return await read_small(entries)

    monkeypatch.setattr(source, "read_small", note)
    source.write(bytes(BATCH_BYTES // 2), *[b"%d" % number for number in range(6)])
    assert (await run(source, bucket)).files_transferred == 6
    assert max(read) == 2
