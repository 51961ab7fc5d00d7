"""Before anything is listed: are both locations there, and do they let us in?

What is found is told on the board, or by the error.  Who watches is told of a location that takes
long, and at once why: a name that is written wrong is not to be waited for in silence.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from datasync_api.preflight import End
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.storage.errors import NoService, OptionsInvalid, StopError, Unavailable

_log = logging.getLogger(__name__)
SILENT_SECONDS: Final = 2.0
"""How long a location may take until it is said that it does."""
PATIENCE_SECONDS: Final = 60.0
"""How long a location is asked again; a request that is never answered takes minutes by itself.
Longer waits are the Job's: it starts the run again."""
NO_SERVICE_SECONDS: Final = 5.0
"""How long it is hoped for that a server comes where there is none: a pod's network may be ready
some seconds after the pod."""


async def preflight(
    source: Patient,
    destination: Patient,
    board: Board,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Check both, the source first; where neither can be used, it is told of.

    A bucket is asked without waiting for the source, for that changes nothing there: a folder of a
    destination is made.  Raises: StopError, which names the location it is about.
    """
    ours = _Look("source", source, board, clock)
    theirs = _Look("destination", destination, board, clock)
    asked = asyncio.create_task(theirs.enter()) if destination.objects else None
    try:
        await ours.enter()
        await (asked or theirs.enter())
    finally:
        if asked is not None:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)


async def enter(end: End, location: Patient, board: Board) -> None:
    """One location alone.  Raises: StopError, which names it."""
    await _Look(end, location, board, time.monotonic).enter()


class _Look:
    """One location, until it lets us in.

    | what comes | told | tried again |
    |---|---|---|
    | nothing for SILENT_SECONDS | that | - |
    | Unavailable, at first | why, and that it goes on | as often as ever, in PATIENCE_SECONDS |
    | NoService, at first | the same | the same, in NO_SERVICE_SECONDS |
    | either, again | - | the same |
    """

    def __init__(
        self, end: End, location: Patient, board: Board, clock: Callable[[], float]
    ) -> None:
        self._end: End = end
        self._location, self._board, self._clock = location, board, clock
        self._began = 0.0
        self._failed = False

    async def enter(self) -> None:
        """Raises: StopError, which names the location."""
        self._began = self._clock()
        silent = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._silent)
        try:
            await self._location.check(self._goes_on)
        except StopError as error:
            if not isinstance(error, OptionsInvalid):
                error.location = self._end
            raise
        finally:
            silent.cancel()
            self._board.waiting.pop(self._end, None)
        now = datetime.now(UTC).replace(microsecond=0)
        self._board.reached = self._board.reached.model_copy(update={self._end: now})

    def _silent(self) -> None:
        if not self._failed:
            self._tell(f"no answer from the {self._end} for {SILENT_SECONDS:.0f} s; still waiting")

    def _goes_on(self, error: Unavailable, pause_seconds: float) -> bool:
        patience = NO_SERVICE_SECONDS if isinstance(error, NoService) else PATIENCE_SECONDS
        goes_on = self._clock() + pause_seconds <= self._began + patience
        if goes_on and not self._failed:
            how_long = f"{patience:.0f} s"
            self._tell(
                f"cannot reach the {self._end}, trying again for {how_long}: {error.message}"
            )
        self._failed = True
        return goes_on

    def _tell(self, problem: str) -> None:
        self._board.waiting[self._end] = problem[:500]
        _log.warning("waiting", extra={"fields": {"location": self._end, "problem": problem}})
