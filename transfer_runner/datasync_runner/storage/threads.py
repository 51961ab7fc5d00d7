"""Blocking calls in a bounded pool of threads, with a cancellation that waits for the thread.

A call that was cancelled but still runs could use a descriptor after it was closed; so a cancelled
caller goes on only when its thread is done.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

R = TypeVar("R")
BUFFER_BYTES: Final = 256 * 1024
"""What stays in a core's cache between a read, its checksum and a write."""

_local = threading.local()


def buffer() -> memoryview:
    """This thread's own buffer: whatever was read into it is gone with the next use."""
    try:
        return _local.buffer
    except AttributeError:
        _local.buffer = memoryview(bytearray(BUFFER_BYTES))
        return _local.buffer


class Threads:
    """A pool for one storage."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, call: Callable[[], R]) -> R:
        """The call's answer; raises what the call raises."""
        submitted = self._pool.submit(call)
        answer = asyncio.wrap_future(submitted)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not submitted.cancel():
                await asyncio.wait([answer])
            raise

    def close(self) -> None:
        """Drop what has not begun; raises nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)
