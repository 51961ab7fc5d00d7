"""Pages of one listing, one after the other, with the next request always on its way.

A page names where the next one begins, so only one request of a stream can be under way; it is
sent before the page is read.  A page that arrives damaged is asked for again.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, NamedTuple

from datasync_runner.storage import errors
from datasync_runner.storage.s3.pages import Page, parse_page, quick_token

AHEAD: Final = 2
ATTEMPTS: Final = 3


class ListRequest(NamedTuple):
    """The parameters of ListObjectsV2, as they are before they are encoded."""

    prefix: str
    delimiter: str = ""
    token: str = ""
    start_after: str = ""
    max_keys: int = 1000


class ListAnswer(NamedTuple):
    """What came back."""

    body: bytes
    server: str
    """The Server header, lower case."""


Fetch = Callable[[ListRequest], Awaitable[ListAnswer]]
"""Sends one request, again where that helps.  Raises: StopError, Denied, Unavailable."""


async def read_page(fetch: Fetch, request: ListRequest) -> Page:
    """One page; one that is damaged is asked for again.  Raises: what `fetch` does, Unavailable."""
    for _ in range(ATTEMPTS - 1):
        answer = await fetch(request)
        with contextlib.suppress(errors.Unavailable):
            return parse_page(answer.body)
    return parse_page((await fetch(request)).body)


class _Answered(NamedTuple):
    request: ListRequest
    answer: ListAnswer


async def pages(fetch: Fetch, request: ListRequest) -> AsyncGenerator[Page]:
    """All pages from a request on.  Raises: what `fetch` does, Unavailable.

    Memory: at most four answers (AHEAD waiting, one arriving, one being used).
    """
    attempts, following = 0, request
    while True:
        request = following
        queue: asyncio.Queue[_Answered | Exception | None] = asyncio.Queue(AHEAD)
        sender = asyncio.create_task(_send(fetch, request, queue))
        try:
            while (got := await queue.get()) is not None:
                if isinstance(got, Exception):
                    raise got
                following = got.request
                try:
                    page = parse_page(got.answer.body)
                except errors.Unavailable:
                    attempts += 1
                    if attempts >= ATTEMPTS:
                        raise
                    break
                attempts = 0
                yield page
                if not page.token:
                    return
                if page.token == got.request.token:
                    raise errors.Unavailable("the listing does not get on: the same page again")
                following = got.request._replace(token=page.token)
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)


async def _send(
    fetch: Fetch, request: ListRequest, queue: "asyncio.Queue[_Answered | Exception | None]"
) -> None:
    """Answers as long as each tells at a glance where the next begins; then None."""
    try:
        while True:
            answer = await fetch(request)
            await queue.put(_Answered(request, answer))
            token = quick_token(answer.body)
            if not token or token == request.token:
                break
            request = request._replace(token=token)
        await queue.put(None)
    except Exception as error:
        await queue.put(error)  # the reader raises it
