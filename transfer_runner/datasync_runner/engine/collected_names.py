"""Names of files that have several, collected while sides are listed, by inode when all are known.

What becomes of them is for who collects them: links between file systems, copies in a bucket.

Memory: MEMORY_BYTES, the rest is on disk (84 bytes, its key, ETag and reason for each).
"""

import asyncio
from typing import Final

from datasync_runner.core.hard_links import Name, packed
from datasync_runner.storage.sorting import Sorter

MEMORY_BYTES: Final = 4 * 1024 * 1024


class CollectedNames:
    """The names of one run."""

    def __init__(self) -> None:
        self._sorter = Sorter(MEMORY_BYTES)

    async def push(self, names: list[Name]) -> None:
        """Collect some."""
        await asyncio.to_thread(self._sorter.push_many, list(map(packed, names)))

    def close(self) -> None:
        """Give the disk's space back."""
        self._sorter.close()
