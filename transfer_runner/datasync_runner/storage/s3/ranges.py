"""Listing ranges of keys at once, for servers whose pages come slowly.

A listing names its next page only in the page before, so one stream of pages is as slow as the
server's answers.  But it may begin behind any key, so the key space is cut into ranges at guessed
keys, each listed up to where the next one begins.  A range holds the keys behind `after` up to and
with `until`; a cut replaces one range by two that meet, so no guess can lose or double a key.

Pages are given out in order and memory is bounded, so what matters is close ahead: ranges of a few
pages each, cut from the first one that is not read yet.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final

from datasync_runner.storage import errors
from datasync_runner.storage.s3.key_space import KeySpace
from datasync_runner.storage.s3.page_stream import Fetch, ListRequest, read_page
from datasync_runner.storage.s3.pages import Page

REQUESTS: Final = 8
RANGE_PAGES: Final = 4
MAX_RANGES: Final = 24
MAX_PAGES: Final = 48
MAX_KEY_BYTES: Final = 1024
"""S3's limit."""


class _Range:
    """Keys behind `after` up to and with `until` (empty: all), as far as they are not read yet."""

    def __init__(
        self, after: bytes, until: bytes, like: tuple[str, str], *, token: str = ""
    ) -> None:
        self.after, self.until, self.token = after, until, token
        self.like = like
        """First and last key of a page near by: how far apart keys are."""
        self.pages: deque[Page] = deque()
        self.sending = self.started = self.read = False


class RangeListing:
    """What follows a page, in order, with up to 8 requests at once.

    Memory: at most 49 pages, those being read included.
    """

    def __init__(self, fetch: Fetch, prefix: str, page: Page) -> None:
        self._fetch, self._prefix = fetch, prefix
        self._keys = KeySpace()
        self._ranges = [_Range(page.keys[-1], b"", self._learn(page), token=page.token)]
        self._tasks: dict[asyncio.Task[Page], _Range] = {}
        self._daring = 1
        """How many ranges may be begun before it is known whether there is anything in them: twice
        as many after a good guess, half as many after a page most of which was not needed."""

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
        """Use free requests for what is needed first; what is far ahead makes room for it."""
        waiting = sum(len(one.pages) for one in self._ranges)
        while len(self._tasks) < REQUESTS:
            chosen = self._next()
            if chosen is None:
                return
            while waiting + len(self._tasks) >= MAX_PAGES and chosen is not self._ranges[0]:
                last = self._ranges[-1]
                if self._ranges[0].pages or last is chosen or last.sending:
                    return
                waiting -= len(last.pages)
                self._give_up_last()
            self._send(chosen)

    def _next(self) -> _Range | None:
        """The first range that can go on, or that can be cut."""
        unknown = sum(not one.started for one in self._ranges)
        for at, one in enumerate(self._ranges):
            if one.read:
                continue
            if not one.sending and len(one.pages) < RANGE_PAGES:
                return one
            if unknown >= self._daring or len(self._ranges) >= MAX_RANGES:
                continue
            guess = self._keys.pages_on(_text(one.after), one.like, RANGE_PAGES).encode()
            if len(guess) > MAX_KEY_BYTES:
                continue
            if guess > one.after and (not one.until or guess < one.until):
                behind = _Range(guess, one.until, one.like)
                one.until = guess
                self._ranges.insert(at + 1, behind)
                return behind
        return None

    def _give_up_last(self) -> None:
        """Let the range before the last one list the last one's keys, once more."""
        last = self._ranges.pop()
        before = self._ranges[-1]
        if before.read:
            before.after, before.token, before.read = before.until, "", False
        before.until = last.until

    def _send(self, one: _Range) -> None:
        start_after = "" if one.token else one.after.decode()  # a guess: a key came with a token
        request = ListRequest(self._prefix, token=one.token, start_after=start_after)
        one.sending = True
        self._tasks[asyncio.create_task(read_page(self._fetch, request))] = one

    def _arrived(self, one: _Range, page: Page) -> None:
        if page.token and page.token == one.token:
            raise errors.Unavailable("the listing does not get on: the same page again")
        first, one.started, one.sending = not one.started, True, False
        one.token, one.read = page.token, not page.token
        keys = page.keys
        if page.token and keys:  # the last page may hold but one key
            one.like = self._learn(page)
        if not page.token and one in self._ranges:  # nothing is behind this page
            one.until = b""
            del self._ranges[self._ranges.index(one) + 1 :]
        elif one.until and keys and keys[-1] > one.until:
            one.read = True
            page = _cut_off(page, bisect_right(keys, one.until))
        if 2 * len(page.keys) <= len(keys):
            self._daring = max(1, self._daring // 2)
        elif first:
            self._daring = min(REQUESTS, self._daring * 2)
        if page.keys:
            one.after = page.keys[-1]
            one.pages.append(page)

    def _learn(self, page: Page) -> tuple[str, str]:
        keys = [_text(key) for key in page.keys]
        self._keys.learn(keys)
        return keys[0], keys[-1]


def _text(key: bytes) -> str:
    """For guesses alone: what is no UTF-8 is lost."""
    return key.decode("utf-8", "replace")


def _cut_off(page: Page, count: int) -> Page:
    return Page(
        page.keys[:count],
        page.mtimes_ns[:count],
        page.etags[:count],
        page.sizes_bytes[:count],
        page.classes[:count],
        [],
    )
