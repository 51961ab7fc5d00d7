"""The calls of one location: each in a thread, errors of the system as ours."""

from collections.abc import Callable
from typing import TypeVar

from datasync_runner.storage.posix_errors import translate
from datasync_runner.storage.threads import Threads

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
