"""Whether a batch of small files, or a range of a large one, runs in the loop's own thread.

A batch that answers from memory takes a few milliseconds, and less without a thread: handing the
interpreter's lock to and fro was 13 to 19 % of the CPU of small files, in either direction.  A
batch that waits for a disk or for another machine would hold up every connection of the process.
So each batch is measured, and the last one decides for the next: at most one is slow in the loop.
A range of a large file counts as a batch.  In the loop it is written in pieces of 256 KiB, none of
which is too much to begin with, so the first ranges are written there; once the pieces of one took
too long together, the rest of it and of all that are on their way goes through threads.

    file system   the last batch                        the next one runs in
    network       any                                   a thread
    local         none yet                              a thread; the loop with `quick`
    local         read from a disk                      a thread
    local         took QUICK_SECONDS or longer          a thread
    local         took less, and answered from memory   the loop
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from datasync_runner.storage.posix.turns import blocks_read

R = TypeVar("R")
QUICK_SECONDS: Final = 0.02
"""Far below any time-out of a connection, far above 64 files of 10 KiB in memory (6 ms) and a range
of 8 MiB (4 ms)."""


@dataclass(slots=True)
class Took:
    """How long the calls of one batch have taken so far."""

    seconds: float = 0.0


class Nearby:
    """What one location's last batch was like; `quick`: what is said before there was one.

    `clock`: in seconds, monotonic.
    """

    def __init__(
        self, *, network: bool, quick: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._network, self._clock = network, clock
        self.quick = quick
        """The next batch runs in the loop."""

    def timed(self, call: Callable[[], R], took: Took | None = None) -> R:
        """The call's answer; `took`: of the batch that it is a part of.

        Raises what the call raises.
        """
        took = took or Took()
        began, blocks = self._clock(), blocks_read()
        try:
            return call()
        finally:
            took.seconds += self._clock() - began
            self.quick = not self._network and decide(took.seconds, blocks_read() - blocks)


def decide(took_seconds: float, blocks: int) -> bool:
    """Whether a local batch was quick: its duration, and how many blocks a disk had to read."""
    return took_seconds < QUICK_SECONDS and not blocks
