"""The log on its way to CloudWatch Logs: from a bounded queue, by a thread, whatever goes wrong.

A delivery that fails never fails the transfer and never holds it up: while the service does not
answer, lines wait; when too many wait, the oldest are lost and counted; when the service refuses,
all further ones are.  Stdout has every line in any case.

Memory: `LIMIT_BYTES` of lines that wait, each counted with `EVENT_COST_BYTES` for what Python needs
for it, and one batch on its way, with its request: 3 MiB and twice 1 MiB.  9 MiB in all.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from datasync_api.report import LogDelivery
from datasync_runner.core.log_batches import MAX_BATCH_BYTES, Event, batch_length, event

_log = logging.getLogger(__name__)
LIMIT_BYTES: Final = 4 * 1024 * 1024
EVENT_COST_BYTES: Final = 200
FLUSH_SECONDS: Final = 5.0
"""The longest that a line waits for others to go with it."""
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 15.0
_SLOW: Final = (
    "CloudWatch Logs took lines slower than the run wrote them, or kept not all; use logLevel "
    "Basic, or read the pod's own log, which has every line"
)
T = TypeVar("T")


class DeliveryError(Exception):
    """What happened, why, and how to fix it."""


class DeliveryRefused(DeliveryError):
    """The service will say no again: no right, no credentials, no such group."""


class DeliveryUnavailable(DeliveryError):
    """The service did not answer, or asked to come back later."""


class Stream(Protocol):
    """A log stream, as far as it is needed; both calls block."""

    def open(self) -> None:
        """Make sure that it is there.  Raises: DeliveryRefused, DeliveryUnavailable."""
        ...

    def send(self, events: Sequence[Event]) -> int:
        """Hand over one batch; the answer is how many of it the service would not keep.

        Raises: DeliveryRefused, DeliveryUnavailable.
        """
        ...


class Delivery:
    """Takes lines from any thread without ever waiting, and sends them in the order of time."""

    def __init__(
        self,
        stream: Stream,
        *,
        limit_bytes: int = LIMIT_BYTES,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._limit_bytes = stream, limit_bytes
        self._clock, self._timer = clock, timer
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._waiting: deque[Event] = deque()
        self._waiting_bytes = 0
        self._on_its_way = 0
        self._last_ms = 0
        self._lost = 0
        self._problem = self._trouble = ""
        self._refused = self._told = False
        self._thread = threading.Thread(target=self._run, name="cloudwatch-logs", daemon=True)
        self._thread.start()

    def write(self, lines: Sequence[str]) -> None:
        """Take lines; a clock that was set back does not bring them out of order."""
        with self._changed:
            if self._refused:
                self._lost += len(lines)
                return
            self._last_ms = max(self._last_ms, int(self._clock() * 1000))
            for line in lines:
                one = event(self._last_ms, line)
                self._waiting.append(one)
                self._waiting_bytes += _cost(one)
            while self._waiting_bytes > self._limit_bytes:
                self._waiting_bytes -= _cost(self._waiting.popleft())
                self._lost += 1
            self._changed.notify_all()

    def close(self, seconds: float) -> LogDelivery:
        """Send what waits, for at most so long, and say what became of all."""
        with self._changed:
            self._deadline = self._timer() + seconds
            self._closing.set()
            self._changed.notify_all()
        self._thread.join(seconds)
        with self._changed:
            left = len(self._waiting) + self._on_its_way
            self._lost += left
            self._refused = True  # the thread may still hang in a call
            self._waiting.clear()
            problem = self._problem or (self._trouble or _SLOW if self._lost else "")
            return LogDelivery(lost_lines=self._lost, problem=problem[:512])

    def _run(self) -> None:
        try:
            self._patiently(self._stream.open)
            while batch := self._next():
                rejected = self._patiently(partial(self._stream.send, batch))
                with self._changed:
                    self._on_its_way = 0
                    self._lost += rejected
        except DeliveryError as error:
            self._give_up(str(error))
        except Exception as error:
            _log.exception("crashed")
            self._give_up(f"{type(error).__name__}: {error}; this is a defect of the runner")

    def _next(self) -> list[Event]:
        """The next batch, when it is full or its first line has waited; empty when all is sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            self._changed.wait_for(
                lambda: self._closing.is_set() or self._waiting_bytes >= MAX_BATCH_BYTES,
                timeout=FLUSH_SECONDS,
            )
            batch = [self._waiting.popleft() for _ in range(batch_length(self._waiting))]
            self._waiting_bytes -= sum(map(_cost, batch))
            self._on_its_way = len(batch)
            return batch

    def _patiently(self, call: Callable[[], T]) -> T:
        """The call's answer; while the service is away it is asked again, until the end is near."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                answer = call()
            except DeliveryUnavailable as error:
                self._trouble = str(error)
                self._tell(self._trouble)
                if self._closing.is_set() and self._timer() + pause > self._deadline:
                    raise
                self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self._trouble = ""
                return answer

    def _rest(self, seconds: float) -> None:
        """A pause, shorter when the end comes meanwhile."""
        if self._closing.is_set():
            time.sleep(seconds)
        else:
            self._closing.wait(seconds)

    def _give_up(self, problem: str) -> None:
        with self._changed:
            self._lost += len(self._waiting) + self._on_its_way
            self._on_its_way = 0
            self._waiting.clear()
            self._refused = True
            self._problem = problem
        self._tell(problem)

    def _tell(self, problem: str) -> None:
        """Once, in the log that everybody can read."""
        if not self._told:
            self._told = True
            _log.warning("logDelivery", extra={"fields": {"problem": problem}})


def _cost(one: Event) -> int:
    return one.size_bytes + EVENT_COST_BYTES
