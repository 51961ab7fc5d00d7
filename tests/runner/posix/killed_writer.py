"""Run as a program: fetches a file until some ranges are there, says so, and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from datasync_runner.core.parts import RANGE_BYTES
from runner.posix.large import Ranges, body, large, storage


async def main(root: str, size_bytes: int, ranges: int) -> None:
    """Write all of the first ranges, and never get the others."""
    destination = storage(Path(root))
    await destination.check()

    class Stuck(Ranges):
        async def read_at(self, offset_bytes, size_bytes):
            if offset_bytes >= ranges * RANGE_BYTES:
                await asyncio.Event().wait()
            return await super().read_at(offset_bytes, size_bytes)

    here = 0

    def moved(size_bytes: int, *, resumed: bool = False) -> None:
        del resumed
        nonlocal here
        here += size_bytes
        if here == ranges * RANGE_BYTES:
            print("there", flush=True)

    entry = large(size_bytes, etag="e1")
    await destination.write(entry, Stuck(entry, body(size_bytes)), moved)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
