"""Before anything is listed: are both locations there, and do they let us in?

What is found is told on the board, or by the error; nothing is tried again here.
"""

import asyncio
from datetime import UTC, datetime
from typing import Final

from datasync_api.preflight import End
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.storage.errors import OptionsInvalid, StopError

_ENDS: Final[tuple[End, End]] = ("source", "destination")


async def preflight(source: Patient, destination: Patient, board: Board) -> None:
    """Check both at once; where neither can be used, the source is told of.

    Raises: StopError, which names the location it is about.
    """
    checks = [asyncio.create_task(storage.check()) for storage in (source, destination)]
    try:
        for end, check in zip(_ENDS, checks, strict=True):
            try:
                await check
            except StopError as error:
                if not isinstance(error, OptionsInvalid):
                    error.location = end
                raise
            now = datetime.now(UTC).replace(microsecond=0)
            board.reached = board.reached.model_copy(update={end: now})
    finally:
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)  # of two errors one is told
