"""Listing a bucket as a sorted stream of entries, with the folders that keys imply.

Flat by ListObjectsV2 where the server lists keys in the order of their bytes, as S3 does; by ranges
of keys at once where its pages come slowly.  Some servers (SeaweedFS) list folder by folder
instead, so that `a/x` comes before `a-b`; there the listing goes folder by folder too and sorts
each one.  A server that turns out to be unsorted midway stops the run: pairing such a listing would
invent deletions.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from itertools import islice
from operator import lt
from typing import Final

from datasync_api.patterns import Filter
from datasync_api.sides import S3Side
from datasync_runner.core.entry import Entry
from datasync_runner.storage import errors
from datasync_runner.storage.s3.entries import Folding, entries_of
from datasync_runner.storage.s3.folders import FolderListing
from datasync_runner.storage.s3.page_stream import (
    Fetch,
    ListAnswer,
    ListRequest,
    pages,
    read_page,
)
from datasync_runner.storage.s3.pages import Page, parse_page
from datasync_runner.storage.s3.ranges import MAX_KEY_BYTES, RangeListing
from datasync_runner.storage.values import Batch

__all__ = ["Fetch", "ListAnswer", "ListRequest", "Listing"]

UNSORTED_SERVERS: Final = ("seaweedfs",)
SLOW_SECONDS: Final = 0.005
"""A page takes about a millisecond to be used: only slower ones are worth more requests."""


class Listing:
    """One pass over what is below a prefix.

    Memory: four pages where they are listed one after the other (`pages`), else what `RangeListing`
    or `FolderListing` takes.  A page of a thousand keys of 60 bytes takes about 0.4 MB.
    """

    def __init__(
        self,
        fetch: Fetch,
        side: S3Side,
        chosen: Filter,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch, self._side, self._chosen, self._clock = fetch, side, chosen, clock
        self._skip = len(side.prefix.encode())
        inside = side.prefix + chosen.start[1:]
        self._prefix = inside if len(inside.encode()) <= MAX_KEY_BYTES else side.prefix
        """Of all keys that can take part."""

    async def batches(self) -> AsyncGenerator[Batch]:
        """Sorted batches of about a page.  Raises: StopError, Denied, Unavailable."""
        request = ListRequest(self._prefix)
        began = self._clock()
        answer = await self._fetch(request)
        slow = self._clock() - began > SLOW_SECONDS
        try:
            first = parse_page(answer.body)
        except errors.Unavailable:
            first = await read_page(self._fetch, request)
        if answer.server.startswith(UNSORTED_SERVERS) or not _rising(first.keys):
            stream = FolderListing(self._fetch, self._side.prefix, self._chosen).entries()
        else:
            stream = self._flat(first, slow=slow)
        folding = Folding(self._chosen)
        async with aclosing(stream):
            async for entries in stream:
                if taken := folding.fold(entries):
                    yield Batch(taken)

    async def _flat(self, first: Page, *, slow: bool) -> AsyncGenerator[list[Entry]]:
        """Objects in the order of their keys, page by page.  Raises: ConfigurationInvalid."""
        last = b""
        async with aclosing(self._all_pages(first, slow=slow)) as stream:
            async for page in stream:
                if page.keys:
                    self._check(page.keys, last)
                    last = page.keys[-1]
                    yield entries_of(page, self._skip)

    async def _all_pages(self, first: Page, *, slow: bool) -> AsyncGenerator[Page]:
        """The pages of a flat listing, by ranges where two in a row came slowly.

        The second page is asked for by the key before it, which shows whether the server knows
        how to begin at a key.
        """
        yield first
        page = first
        after = _last_key(first)
        if slow and page.token and after:
            began = self._clock()
            second = await read_page(self._fetch, ListRequest(self._prefix, start_after=after))
            slow = self._clock() - began > SLOW_SECONDS
            if second.keys and second.keys[0] > page.keys[-1]:
                page = second
                yield page
            else:
                slow = False
        if not page.token:
            return
        if slow and page is not first:
            stream = RangeListing(self._fetch, self._prefix, page).pages()
        else:
            stream = pages(self._fetch, ListRequest(self._prefix, token=page.token))
        async with aclosing(stream):
            async for page in stream:
                yield page

    def _check(self, keys: list[bytes], last: bytes) -> None:
        """The next keys of a flat listing are in order.  Raises: ConfigurationInvalid."""
        prefix = self._prefix.encode()
        if not (keys[0].startswith(prefix) and keys[-1].startswith(prefix)):
            raise errors.ConfigurationInvalid(
                f"{self._side.uri}: the server lists keys outside of the prefix ({keys[-1]!r}); "
                "report the server's name to us"
            )
        if keys[0] <= last or not _rising(keys):
            before = [last, *keys]
            at = next(at for at, key in enumerate(keys) if key <= before[at])
            raise errors.ConfigurationInvalid(
                f"{self._side.uri}: the server lists keys out of order ({keys[at]!r} after "
                f"{before[at]!r}), so both sides cannot be compared; use transferMode All, or "
                "report the server's name to us"
            )


def _rising(keys: list[bytes]) -> bool:
    """Whether each key is greater than the one before."""
    return all(map(lt, keys, islice(keys, 1, None)))


def _last_key(page: Page) -> str:
    """A key to begin behind; empty where there is none, or none that a request can name."""
    try:
        return page.keys[-1].decode() if page.keys else ""
    except UnicodeDecodeError:
        return ""
