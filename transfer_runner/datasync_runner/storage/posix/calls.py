"""The calls of one location: each in a thread, errors of the system as ours."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from datasync_runner.storage import errors
from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.folders import Folders
from datasync_runner.storage.posix.nearby import Nearby
from datasync_runner.storage.threads import Threads

T = TypeVar("T")
R = TypeVar("R")


class Calls:
    """A pool of threads whose errors are StorageErrors."""

    def __init__(self, count: int) -> None:
        self.threads = Threads(count, "posix")

    async def about(self, key: bytes, doing: str, call: Callable[[], R]) -> R:
        """The call's answer.  Raises: StorageError."""
        try:
            return await self.threads.run(call)
        except OSError as error:
            raise translate(error, key, doing) from error

    async def batch(self, nearby: Nearby, call: Callable[[], R]) -> R:
        """The answer of many short calls, from the loop's own thread while they are quick.

        Raises what the call raises.
        """
        if nearby.quick:
            await asyncio.sleep(0)  # others have their turn; who was cancelled begins nothing
            return nearby.timed(call)
        return await self.threads.run(partial(nearby.timed, call))

    async def each(
        self,
        folders: Folders,
        call: Callable[[Folders, T], R],
        items: Sequence[T],
        key_of: Callable[[T], bytes],
        doing: str,
    ) -> list[R | errors.StorageError]:
        """The answers about items, in one thread: any FileError and Unavailable as values."""

        def work() -> list[R | errors.StorageError]:
            return [_value(call, folders, item, key_of, doing) for item in items]

        return await self.threads.run(work)


def _value(
    call: Callable[[Folders, T], R],
    folders: Folders,
    item: T,
    key_of: Callable[[T], bytes],
    doing: str,
) -> R | errors.StorageError:
    try:
        return call(folders, item)
    except OSError as error:
        folders.lost(error)
        return translate(error, key_of(item), doing)
    except errors.StorageError as error:
        error.key = error.key or key_of(item)
        return error
