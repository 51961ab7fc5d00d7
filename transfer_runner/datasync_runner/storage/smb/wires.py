"""The connections of one side: as many as there are calls at once, each for one caller."""

import contextlib
import threading
from collections.abc import Callable, Generator

from datasync_runner.storage.smb.wire import Wire


class Wires:
    """Connections that are kept for the next caller."""

    def __init__(self, connect: Callable[[], Wire]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._idle: list[Wire] = []
        self._closed = False

    def take(self) -> Wire:
        """A connection, to be given back.  Blocks.  Raises as `connect` does."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def give_back(self, wire: Wire) -> None:
        """The other end of `take`.  When one was lost the idle ones are not trusted either."""
        dropped: list[Wire] = []
        with self._lock:
            if wire.broken or self._closed:
                dropped, self._idle = [wire, *self._idle], []
            else:
                self._idle.append(wire)
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
        for wire in idle:
            wire.close()
