"""An in-memory storage that keeps the port's contract: a file system, or objects."""

from collections.abc import Callable
from dataclasses import dataclass, field

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import EVERYTHING, Entry, Keeps, Kind, PosixMetadata, parent_of
from datasync_runner.core.posix_metadata import with_defaults
from datasync_runner.storage import errors
from datasync_runner.storage.port import nobody
from datasync_runner.storage.values import Batch, Content, Examined, Standing, Written

FILE = PosixMetadata(0o644, 1000, 1000, 1_000_000_000, 1_000_000_000)
FOLDER = PosixMetadata(0o755, 1000, 1000, 1_000_000_000, 1_000_000_000)


@dataclass
class FakeStorage:
    """Entries with bodies; `trouble` may name an error for a method and a key."""

    objects: bool = False
    keeps: Keeps = EVERYTHING
    items: dict[bytes, Content] = field(default_factory=dict)
    listing_errors: list[errors.StorageError] = field(default_factory=list)
    trouble: Callable[[str, bytes], errors.StorageError | None] = lambda _, __: None
    calls: list[str] = field(default_factory=list)
    copies: bool = False
    """It can copy from objects by itself."""
    spoil: bool = False
    """What is written is damaged on its way to the disk."""
    clock_ns: int = 5_000_000_000
    stamps: int = 10_000
    """The clock of change stamps: it ticks with each change, in microseconds."""
    root: str = ""
    vouches: bool = False
    """It tells checksums of its own."""

    def put(self, key: bytes, body: bytes = b"", **changes):
        kind = Kind.FOLDER if key.endswith(b"/") else Kind.FILE
        metadata = FOLDER if kind is Kind.FOLDER else FILE
        changes = {"changed_ns": self._stamp(), **changes}
        entry = Entry(key, kind, len(body), metadata.mtime_ns, metadata)._replace(**changes)
        if entry.metadata is not None and entry.metadata.mtime_ns is not None:
            entry = entry._replace(mtime_ns=entry.metadata.mtime_ns)
        self.items[key] = Content(entry, body)
        return self

    async def check(self):
        self.calls.append("check")
        if error := self.trouble("check", b""):
            raise error

    async def listing(self, chosen):
        self.calls.append("listing")
        if error := self.trouble("listing", b""):
            raise error
        entries = [self.items[key].entry for key in sorted(self.items)]
        paths = ["/" + entry.key.decode("utf-8", "surrogateescape") for entry in entries]
        entries = [e for e, path in zip(entries, paths, strict=True) if chosen.matches(path)]
        if self.objects:
            entries = [entry._replace(metadata=None) for entry in entries]
        yield Batch(entries[:2], self.listing_errors)
        yield Batch(entries[2:])

    async def standing(self):
        return Standing(self.root)

    async def earliest_stamp(self):
        return self.stamps + 1000

    async def latest_stamp(self):
        if error := self.trouble("clock", b""):
            raise error
        return self.stamps

    async def inspect(self, entries):
        unknown = [entry for entry in entries if entry.metadata is None]
        answers = iter(self._each("inspect", unknown, self._inspect))
        return [next(answers) if entry.metadata is None else entry for entry in entries]

    async def examine(self, entries):
        answers = await self.inspect(entries)
        return [a if isinstance(a, errors.StorageError) else self._known(a) for a in answers]

    def _known(self, entry):
        vouched = self.vouches and entry.key in self.items
        return Examined(entry, crc64(self.items[entry.key].body) if vouched else None)

    async def read_small(self, entries):
        return self._each("read", entries, lambda entry: self.items[entry.key])

    async def open(self, entry):
        if error := self.trouble("open", entry.key):
            raise error
        self.calls.append(f"open {entry.key.decode()}")
        return FakeReader(self.items[entry.key])

    async def write_small(self, contents):
        return self._each("write", contents, self._write)

    async def write(self, entry, reader, moved=nobody):
        if error := self.trouble("write", entry.key):
            raise error
        body = b""
        while chunk := await reader.read():
            body += chunk
            moved(len(chunk))
        return self._write(Content(entry, body))

    def copies_from(self, source):
        return self.copies and source.objects

    async def copy(self, entries, source):
        return self._each("copy", entries, lambda entry: self._write(source.items[entry.key]))

    async def update_metadata(self, entries):
        return self._each("update", entries, self._update)

    async def write_folders(self, entries):
        return self._each("folder", entries, lambda entry: self._keep(entry, b""))

    async def delete(self, keys):
        return self._each("delete", keys, self._delete)

    async def verify(self, written):
        return self._each("verify", written, self._verify)

    async def finish(self):
        self.calls.append("finish")

    async def close(self):
        self.calls.append("close")

    def _each(self, name, things, call):
        answers = []
        for thing in things:
            key = _key(thing)
            self.calls.append(f"{name} {key.decode()}")
            answers.append(self.trouble(name, key) or call(thing))
        return answers

    def _write(self, content):
        entry, body = content
        self._keep(entry, body[:-1] + b"?" if self.spoil else body)
        return Written(entry, crc64(body))

    def _inspect(self, entry):
        found = self.items.get(entry.key)
        if found is None:
            return errors.Missing("it is not there", entry.key)
        return found.entry._replace(version_id=entry.version_id)

    def _keep(self, entry, body):
        metadata = entry.metadata or PosixMetadata()
        mtime_ns = self.clock_ns if metadata.mtime_ns is None else metadata.mtime_ns
        if not self.objects:
            metadata = with_defaults(metadata)._replace(mtime_ns=mtime_ns)
            self._touch(entry.key)
        kept = entry._replace(metadata=metadata, mtime_ns=mtime_ns, changed_ns=self._stamp())
        self.items[entry.key] = Content(kept, body)
        return entry

    def _stamp(self):
        self.stamps += 1000
        return self.stamps

    def _touch(self, key):
        """A file system's folder gets a new time when something is made or removed inside."""
        folder = self.items.get(parent_of(key))
        if folder is not None:
            metadata = folder.entry.metadata._replace(mtime_ns=self.clock_ns)
            entry = folder.entry._replace(
                metadata=metadata, mtime_ns=self.clock_ns, changed_ns=self._stamp()
            )
            self.items[entry.key] = Content(entry, b"")

    def _update(self, entry):
        kept = entry._replace(changed_ns=self._stamp())
        self.items[entry.key] = Content(kept, self.items[entry.key].body)
        return entry

    def _delete(self, key):
        if key.endswith(b"/") and any(k != key and k.startswith(key) for k in self.items):
            return errors.Conflict("it is not empty", key)
        del self.items[key]
        if not self.objects:
            self._touch(key)
        return key

    def _verify(self, written):
        if crc64(self.items[written.entry.key].body) != written.checksum:
            return errors.VerificationFailed("it differs", written.entry.key)
        return written


def _key(thing):
    if isinstance(thing, bytes):
        return thing
    return thing.key if isinstance(thing, Entry) else thing.entry.key


class FakeReader:
    """A large file in two chunks."""

    def __init__(self, content):
        self.entry = content.entry
        middle = len(content.body) // 2
        self._chunks = [content.body[:middle], content.body[middle:]]

    async def read(self):
        while self._chunks:
            if chunk := self._chunks.pop(0):
                return chunk
        return b""

    async def close(self):
        pass
