"""The connections of one side: as many as there are calls at once, each for one caller."""

import contextlib
import threading
import time
from collections.abc import Callable, Generator
from typing import Final

from datasync_runner.storage.smb.wire import Wire

IDLE_SECONDS: Final = 300.0
"""A server hangs up on whom it has not heard for long: Windows after 15 minutes."""


class Wires:
    """Connections that are kept for the next caller."""

    def __init__(
        self, connect: Callable[[], Wire], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect, self._clock = connect, clock
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Wire]] = []
        self._closed = False

    def take(self) -> Wire:
        """A connection, to be given back.  Blocks.  Raises as `connect` does."""
        now = self._clock()
        with self._lock:
            idle = self._idle
            fresh = idle.pop()[1] if idle and now - idle[-1][0] < IDLE_SECONDS else None
            stale = [] if fresh else idle
            if stale:
                self._idle = []
        for _, wire in stale:
            wire.close()
        return fresh or self._connect()

    def give_back(self, wire: Wire) -> None:
        """The other end of `take`.  When one was lost the idle ones are not trusted either."""
        dropped: list[Wire] = []
        with self._lock:
            if wire.broken or self._closed:
                dropped, self._idle = [wire, *(one for _, one in self._idle)], []
            else:
                self._idle.append((self._clock(), wire))
        for one in dropped:
            one.close()

    @contextlib.contextmanager
    def lease(self) -> Generator[Wire]:
        """A connection for a while.  Raises as `connect` does."""
        wire = self.take()
        try:
            yield wire
        finally:
            self.give_back(wire)

    def close(self) -> None:
        """Hang up; connections that are in use are closed when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, wire in idle:
            wire.close()
