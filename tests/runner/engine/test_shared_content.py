"""Names of one inode on their way to objects: which are copied there, and what is told of them."""

from dataclasses import dataclass, field

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, HardLink
from datasync_runner.storage import errors
from datasync_runner.storage.values import Batch
from fakes.runs import plan_of, run_between
from fakes.storage import FILE, FakeStorage

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


async def run(source, bucket, **wishes):
    bucket.calls.clear()
    return (await run_between(source, bucket, plan_of(**wishes), now_ns=lambda: NOW_NS)).tally


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
