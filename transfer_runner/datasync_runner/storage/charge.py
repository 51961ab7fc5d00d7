"""Paying for bytes that no connection is charged for: the throttle of file systems and shares."""

import asyncio

from datasync_runner.storage.throttle import Throttle


class Charge:
    """Waits until bytes may go; one wait at a time in a process, as the throttle wants it."""

    def __init__(self, throttle: Throttle | None) -> None:
        self._throttle = throttle
        self._one = asyncio.Lock()

    @property
    def grain_bytes(self) -> int | None:
        """How much to move at once so that the rate holds; None: any amount."""
        throttle = self._throttle
        return None if throttle is None else throttle.grain_bytes

    async def pay(self, size_bytes: int) -> None:
        """Return when that many bytes may go."""
        throttle = self._throttle
        if throttle is None:
            return
        async with self._one:
            while size_bytes > 0:
                grain_bytes = min(size_bytes, throttle.grain_bytes)
                if seconds := throttle.take(grain_bytes):
                    await asyncio.sleep(seconds)
                size_bytes -= grain_bytes
