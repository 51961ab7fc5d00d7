"""What the tests of large files share: sources of ranges, and storages on folders."""

from pathlib import Path

from datasync_api.sides import PosixSide
from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.core.parts import MIB
from datasync_runner.storage.port import Sink
from datasync_runner.storage.posix.storage import PosixStorage

MTIME_NS = 1_600_000_000_123_456_789


def storage(root: Path, **changes) -> PosixStorage:
    """A folder as a destination that verifies, not yet checked."""
    root.mkdir(exist_ok=True)
    side = PosixSide(uri="nfs://h/a/", root=str(root))
    options = {"writes": True, "sets_owner": False, "started_ns": 2**62, "verifies": True}
    return PosixStorage(side, **(options | changes))


def large(size_bytes: int, *, etag: str = "", key: bytes = b"d/large") -> Entry:
    """A large file's entry."""
    metadata = PosixMetadata(0o640, None, None, MTIME_NS)
    return Entry(key, Kind.FILE, size_bytes, MTIME_NS, metadata, etag=etag)


def body(size_bytes: int) -> bytes:
    """Bytes of which no two ranges are alike."""
    return b"".join(
        number.to_bytes(8, "big") * (MIB // 8) for number in range(-(-size_bytes // MIB))
    )[:size_bytes]


class Ranges:
    """A RangedReader out of memory, which counts what is asked for."""

    def __init__(self, entry: Entry, content: bytes, *, pieces: int = 3) -> None:
        self.entry, self.content = entry, content
        self.checksum: int | None = crc64(content)
        self.asked: list[int] = []
        self.settled = False
        self._pieces = pieces

    async def read(self) -> bytes:
        raise AssertionError("it can be read by ranges")

    async def read_at(self, offset_bytes: int, size_bytes: int) -> list[bytes]:
        self.asked.append(offset_bytes)
        found = self.content[offset_bytes : offset_bytes + size_bytes]
        step = len(found) // self._pieces + 1
        return [found[start : start + step] for start in range(0, len(found), step)]

    async def settle(self) -> None:
        self.settled = True

    async def close(self) -> None:
        pass


class Pouring(Ranges):
    """A PouringReader: what it has goes into sinks, piece by piece; `held` tells what does not."""

    def __init__(self, entry: Entry, content: bytes, *, pieces: int = 3) -> None:
        super().__init__(entry, content, pieces=pieces)
        self.held: list[int] = []

    async def read_at(self, offset_bytes: int, size_bytes: int) -> list[bytes]:
        self.held.append(offset_bytes)
        return await super().read_at(offset_bytes, size_bytes)

    async def pour(self, offset_bytes: int, size_bytes: int, sink: Sink) -> None:
        sink.begin()
        for piece in await super().read_at(offset_bytes, size_bytes):
            sink.take([piece])
