"""Before anything is listed: are both locations there, and do they let us in?

What is found is told on the board, or by the error; nothing is tried again here.
"""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

from datasync_api.preflight import End
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.storage.errors import OptionsInvalid, StopError


async def preflight(source: Patient, destination: Patient, board: Board) -> None:
    """Check both, the source first; where neither can be used, it is told of.

    A bucket is asked without waiting for the source, for that changes nothing there: a folder of a
    destination is made.  Raises: StopError, which names the location it is about.
    """
    asked = asyncio.create_task(destination.check()) if destination.objects else None
    try:
        await enter("source", source.check(), board)
        await enter("destination", asked or destination.check(), board)
    finally:
        if asked is not None:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)


async def enter(end: End, check: Awaitable[None], board: Board) -> None:
    """Tell on the board that one location let us in.  Raises: StopError, which names it."""
    try:
        await check
    except StopError as error:
        if not isinstance(error, OptionsInvalid):
            error.location = end
        raise
    now = datetime.now(UTC).replace(microsecond=0)
    board.reached = board.reached.model_copy(update={end: now})
