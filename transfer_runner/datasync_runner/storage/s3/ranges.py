"""Listing ranges of keys at once, for servers whose pages come slowly.

A listing names its next page only in the page before, so one stream of pages is as slow as the
server's answers.  But it may begin behind any key, so the key space is cut into ranges at guessed
keys, each listed up to where the next one begins.  A range holds the keys behind `after` up to and
with `until`; a cut replaces one range by two that meet, so no guess can lose or double a key.

Pages are given out in order and memory is bounded, so what matters is close ahead: ranges of a few
pages each, cut from the first one that is not read yet.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from bisect import bisect_right
from typing import Final

from datasync_runner.storage.s3.key_space import KeySpace
from datasync_runner.storage.s3.page_stream import Fetch, ListRequest, read_page
from datasync_runner.storage.s3.pages import Page

REQUESTS: Final = 8
RANGE_PAGES: Final = 4
MAX_RANGES: Final = 24
MAX_PAGES: Final = 48


class _Range:
    """Keys behind `after` up to `until`; empty `until`: up to the end."""

    def __init__(self, after: str, until: str, *, token: str = "") -> None:
        self.after, self.until, self.token = after, until, token
        self.pages: deque[Page] = deque()
        self.count = 0
        self.read = False
        self.sending = False


class RangeListing:
    """What follows a page, in order, with up to 8 requests at once.

    Memory: at most 48 pages, those being read included.
    """

    def __init__(self, fetch: Fetch, prefix: str, page: Page) -> None:
        self._fetch, self._prefix = fetch, prefix
        self._keys = KeySpace()
        self._ranges = [_Range(_text(page.keys[-1]), "", token=page.token)]
        self._page = self._learn(page)
        self._tasks: dict[asyncio.Task[Page], _Range] = {}

    async def pages(self) -> AsyncGenerator[Page]:
        """The pages behind the first, in order.  Raises: what `fetch` does, Unavailable."""
        ranges, tasks = self._ranges, self._tasks
        try:
            while ranges:
                for task in [task for task in tasks if task.done()]:
                    self._arrived(tasks.pop(task), task.result())
                self._send_some()
                front = ranges[0]
                if front.pages:
                    yield front.pages.popleft()
                elif front.read:
                    del ranges[0]
                else:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _send_some(self) -> None:
        """Use free requests for what is needed first."""
        waiting = sum(len(one.pages) for one in self._ranges)
        while len(self._tasks) < REQUESTS:
            front = self._ranges[0]
            full = waiting + len(self._tasks) >= MAX_PAGES
            if full and (front.pages or front.sending or front.read):
                return
            chosen = front if full else self._next() or self._cut()
            if chosen is None:
                return
            self._send(chosen)

    def _next(self) -> _Range | None:
        """The first range that can go on."""
        for one in self._ranges:
            if not one.read and not one.sending and len(one.pages) < RANGE_PAGES:
                return one
        return None

    def _cut(self) -> _Range | None:
        """A new range, cut from the first one of which more than a few pages are left."""
        if len(self._ranges) >= MAX_RANGES:
            return None
        for at, one in enumerate(self._ranges):
            if one.read:
                continue
            guess = self._keys.pages_on(one.after, self._page, RANGE_PAGES)
            if guess is not None and (not one.until or guess < one.until):
                behind = _Range(guess, one.until)
                one.until = guess
                self._ranges.insert(at + 1, behind)
                return behind
        return None

    def _send(self, one: _Range) -> None:
        start_after = "" if one.token else one.after
        request = ListRequest(self._prefix, token=one.token, start_after=start_after)
        one.sending = True
        self._tasks[asyncio.create_task(read_page(self._fetch, request))] = one

    def _arrived(self, one: _Range, page: Page) -> None:
        one.sending = False
        one.token, one.read = page.token, not page.token
        keys = page.keys
        if not keys:
            return
        self._page = self._learn(page)
        until = one.until.encode()
        if until and keys[-1] > until:
            one.read = True
            page = _cut_off(page, bisect_right(keys, until))
        if page.keys:
            one.after = _text(page.keys[-1])
            one.pages.append(page)
            one.count += 1

    def _learn(self, page: Page) -> tuple[str, str]:
        keys = [_text(key) for key in page.keys]
        self._keys.learn(keys)
        return keys[0], keys[-1]


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def _cut_off(page: Page, count: int) -> Page:
    return Page(
        page.keys[:count],
        page.mtimes_ns[:count],
        page.etags[:count],
        page.sizes_bytes[:count],
        [],
    )
