"""One thread at a time through short calls that answer from memory; all at once when they wait.

Threads that make many short system calls fight for the interpreter's lock: four of them take three
times the CPU of one, and longer than one.  So batches on a local file system take turns, across all
locations of the process.  Where a disk must be read, and on a network file system, waiting side by
side pays: there nobody takes a turn.
"""

import contextlib
import resource
import threading
from collections.abc import Generator
from typing import Final

_TURN: Final = threading.Lock()


class Turns:
    """Who may go: one location's threads.  `network`: nobody ever waits for a turn."""

    def __init__(self, *, network: bool) -> None:
        self._network = network
        self._cold = False

    @contextlib.contextmanager
    def taken(self) -> Generator[None]:
        """While a batch's calls are made; what they had to read decides for the next batch."""
        if self._network:
            yield
            return
        before = blocks_read()
        if self._cold:
            yield
        else:
            with _TURN:
                yield
        self._cold = blocks_read() > before


def blocks_read() -> int:
    """How often this thread waited for a disk to be read (getrusage(2), ru_inblock)."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_inblock
