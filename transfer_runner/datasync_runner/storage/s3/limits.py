"""How many connections a process keeps busy: a pure controller, told what happened and when.

Few to begin with, because each costs a handshake and memory on both ends; more only while requests
wait although this process has time, that is, while latency is the limit; half as many when the
server asks to slow down, and then back step by step (AIMD).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FIRST: Final = 16
LEAST: Final = 2
MOST: Final = 256
BUSY: Final = 0.75
"""From this share of the time on, more connections only add waiting."""
LOOK_SECONDS: Final = 0.05
PENALTY_SECONDS: Final = 1.0


@dataclass
class ConnectionLimit:
    """The number in force, and what is needed to judge it.

    | looked at | waiting requests | busy | limit |
    |---|---|---|---|
    | too early | any | any | as it is |
    | later | none | any | as it is |
    | later | some | 0.75 or more | as it is |
    | later | some | less | doubled, up to the ceiling |
    | after SlowDown | some | less | a step of 4 up to the old height |
    """

    most: int = MOST
    limit: int = FIRST
    _ceiling: int = MOST
    _looked_at: float = 0.0
    _busy_seconds: float = 0.0
    _slowed_at: float = -PENALTY_SECONDS

    def __post_init__(self) -> None:
        self.limit = min(self.limit, self.most)
        self._ceiling = self.most

    def look(self, now: float, busy: Callable[[], float], *, waiting: int) -> bool:
        """Judge again; True when there are more connections now.

        now: seconds, monotonic; busy: tells how many of them the process was busy so far.
        """
        elapsed = now - self._looked_at
        if elapsed < LOOK_SECONDS:
            return False
        busy_seconds = busy()
        share = (busy_seconds - self._busy_seconds) / elapsed
        fresh = elapsed > 20 * LOOK_SECONDS  # an old look says nothing about now
        self._looked_at, self._busy_seconds = now, busy_seconds
        if fresh or not waiting or share >= BUSY or now - self._slowed_at < PENALTY_SECONDS:
            return False
        if self.limit < self._ceiling:
            self.limit = min(self._ceiling, 2 * self.limit)
        elif self.limit < self.most:
            self._ceiling = self.limit = min(self.most, self.limit + 4)
        else:
            return False
        return True

    def slow_down(self, now: float) -> None:
        """The server asked for less; several answers of one moment count once."""
        if now - self._slowed_at < PENALTY_SECONDS:
            return
        self._slowed_at = now
        self._ceiling = self.limit = max(LEAST, self.limit // 2)
