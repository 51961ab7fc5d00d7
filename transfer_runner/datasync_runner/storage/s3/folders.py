"""Listing folder by folder, for servers whose flat listing is not in the order of the keys' bytes.

Each folder's names are sorted here, on disk when they are many, so the order in which the server
tells them does not matter.  The next folders are asked for while one is being used.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import islice
from typing import Final

from datasync_api.patterns import Filter
from datasync_runner.core.entry import Entry, Kind, path_of
from datasync_runner.storage.s3.entries import entries_of, stamp
from datasync_runner.storage.s3.page_stream import Fetch, ListAnswer, ListRequest, pages
from datasync_runner.storage.s3.pages import Page
from datasync_runner.storage.sorting import Sorter

REQUESTS: Final = 8
FOLDERS_AHEAD: Final = 8
PAGES_AHEAD: Final = 1
MAX_NAMES: Final = 200_000
BLOCK: Final = 1000


class FolderListing:
    """What is below a prefix, folder by folder.

    At most 8 requests at once.  Memory: the names of one folder a depth, up to 200,000 each (more
    are on disk, with a sorter's 16 MiB); and a depth the next 8 folders' first five pages.
    """

    def __init__(self, fetch: Fetch, prefix: str, chosen: Filter) -> None:
        self._send, self._prefix, self._chosen = fetch, prefix, chosen
        self._skip = len(prefix.encode())
        self._slots = asyncio.Semaphore(REQUESTS)

    async def entries(self) -> AsyncGenerator[list[Entry]]:
        """Objects in the order of their keys, without implied folders.

        Raises: what `fetch` does, Unavailable.
        """
        root = _Folder(self._fetch, self._prefix, self._skip)
        levels = [_Level(root, self)]
        found: list[Entry] = []
        try:
            while levels:
                level = levels[-1]
                if not level.items and not await level.fill():
                    await levels.pop().close()
                    continue
                while level.items:
                    entry = level.items.popleft()
                    if entry.implied:
                        levels.append(_Level(level.enter(entry.key), self))
                        break
                    found.append(entry)
                if len(found) >= BLOCK:
                    yield found
                    found = []
            if found:
                yield found
        finally:
            for level in levels:
                await level.close()

    def start(self, key: bytes) -> "_Folder":
        """Begin to read a folder."""
        inside = self._prefix + key.decode("utf-8", "surrogateescape")
        return _Folder(self._fetch, inside, self._skip)

    def wanted(self, entry: Entry) -> bool:
        """Not a folder inside of which nothing takes part."""
        return not entry.implied or self._chosen.may_match_below(path_of(entry.key))

    async def _fetch(self, request: ListRequest) -> ListAnswer:
        async with self._slots:
            return await self._send(request)


class _Level:
    """A folder being used: its next names, and the folders among them that are read ahead."""

    def __init__(self, folder: "_Folder", listing: FolderListing) -> None:
        self.items: deque[Entry] = deque()
        self._folder, self._listing = folder, listing
        self._blocks = folder.blocks()
        self._later: deque[bytes] = deque()
        self._started: dict[bytes, _Folder] = {}

    async def fill(self) -> bool:
        """Get the next names; False: there are none."""
        async for block in self._blocks:
            self.items.extend(entry for entry in block if self._listing.wanted(entry))
            self._later.extend(entry.key for entry in self.items if entry.implied)
            self._start()
            if self.items:
                return True
        return False

    def enter(self, key: bytes) -> "_Folder":
        """The folder that is used next; another one is begun in its place."""
        folder = self._started.pop(key)
        self._start()
        return folder

    def _start(self) -> None:
        while self._later and len(self._started) < FOLDERS_AHEAD:
            key = self._later.popleft()
            self._started[key] = self._listing.start(key)

    async def close(self) -> None:
        for folder in (self._folder, *self._started.values()):
            await folder.close()
        await self._blocks.aclose()


class _Folder:
    """The names right below a prefix, read from now on; only the first pages until it is used."""

    def __init__(self, fetch: Fetch, prefix: str, skip: int) -> None:
        self._fetch, self._prefix, self._skip = fetch, prefix, skip
        self._used = asyncio.Event()
        self._names = _Names(skip)
        self._reading = asyncio.create_task(self._read())

    async def blocks(self) -> AsyncGenerator[list[Entry]]:
        """All names in order; common prefixes are implied folders."""
        self._used.set()
        await self._reading
        async with aclosing(self._names.blocks()) as blocks:
            async for block in blocks:
                yield block

    async def close(self) -> None:
        """Stop reading, forget the names."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._names.close()

    async def _read(self) -> None:
        own = self._prefix.encode("utf-8", "surrogateescape")
        count = 0
        async with aclosing(pages(self._fetch, ListRequest(self._prefix, "/"))) as stream:
            async for page in stream:
                await self._names.add(page, own)
                count += 1
                if count >= PAGES_AHEAD:
                    await self._used.wait()


class _Names:
    """One folder's names, sorted in memory while they are few."""

    def __init__(self, skip: int) -> None:
        self._skip = skip
        self._few: dict[bytes, Entry] = {}
        self._many: Sorter | None = None

    async def add(self, page: Page, own: bytes) -> None:
        for entry in entries_of(page, self._skip):
            self._few[entry.key] = entry
        for prefix in page.prefixes:
            if prefix != own:
                key = prefix[self._skip :]
                self._few[key] = Entry(key, Kind.FOLDER, implied=True)
        if len(self._few) >= MAX_NAMES or (self._many and self._few):
            self._many = self._many or Sorter()
            records = list(map(_packed, self._few.values()))
            self._few = {}
            await asyncio.to_thread(self._many.push_many, records)

    async def blocks(self) -> AsyncGenerator[list[Entry]]:
        if self._many is None:
            names = [self._few[key] for key in sorted(self._few)]
            self._few = {}
            for at in range(0, len(names), BLOCK):
                yield names[at : at + BLOCK]
            return
        records = _last_of_each(self._many.sorted())
        while block := await asyncio.to_thread(lambda: list(islice(records, BLOCK))):
            yield list(map(_unpacked, block))

    def close(self) -> None:
        self._few = {}
        if self._many is not None:
            self._many.close()


# A record begins with the key, so that records sort as keys do: a zero byte in it is followed by
# 255, and two of them end it.  A folder sorts behind an object of its name, which is its marker.
_END: Final = b"\0\0"


def _packed(entry: Entry) -> bytes:
    key = entry.key.replace(b"\0", b"\0\xff") + _END
    if entry.implied:
        return key + b"p"
    told = entry.storage_class.encode(), entry.etag.encode()
    return key + b"o%d %d %s %s" % (entry.size_bytes, entry.mtime_ns, *told)


def _unpacked(record: bytes) -> Entry:
    name, _, rest = record.partition(_END)
    key = name.replace(b"\0\xff", b"\0")
    kind = Kind.FOLDER if key.endswith(b"/") else Kind.FILE
    if rest == b"p":
        return Entry(key, kind, implied=True)
    size, mtime, storage_class, tag = rest[1:].split(b" ", 3)
    mtime_ns, etag = int(mtime), tag.decode()
    return Entry(
        key,
        kind,
        int(size),
        mtime_ns,
        etag=etag,
        changed_ns=stamp(mtime_ns, etag),
        storage_class=storage_class.decode(),
    )


def _last_of_each(records: Iterator[bytes]) -> Iterator[bytes]:
    """Of records with one key the last one: a server may tell a name twice."""
    before, name = None, b""
    for record in records:
        its_name = record.partition(_END)[0]
        if before is not None and its_name != name:
            yield before
        before, name = record, its_name
    if before is not None:
        yield before
