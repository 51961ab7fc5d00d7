"""Bytes in flight, bounded: who wants to read asks for its share first, in order of asking."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class ByteBudget:
    """A counting semaphore over bytes; a wish above the whole is cut to it."""

    def __init__(self, total_bytes: int) -> None:
        self._total = self._free = total_bytes
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, wish_bytes: int) -> AsyncGenerator[None]:
        """Wait for the share, and give it back at the end."""
        share = min(wish_bytes, self._total)
        async with self._turn:
            while self._free < share:
                self._changed.clear()
                await self._changed.wait()
            self._free -= share
        try:
            yield
        finally:
            self._free += share
            self._changed.set()
