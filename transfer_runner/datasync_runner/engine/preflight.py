"""Before anything is listed: are both locations there, and do they let us in?

What is found is told on the board, or by the error; nothing is tried again here.
"""

from datetime import UTC, datetime
from typing import Final

from datasync_api.preflight import End
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.storage.errors import OptionsInvalid, StopError

_ENDS: Final[tuple[End, End]] = ("source", "destination")


async def preflight(source: Patient, destination: Patient, board: Board) -> None:
    """Check both, the source first.  Raises: StopError, which names the location it is about."""
    for end, storage in zip(_ENDS, (source, destination), strict=True):
        try:
            await storage.check()
        except StopError as error:
            if not isinstance(error, OptionsInvalid):
                error.location = end
            raise
        now = datetime.now(UTC).replace(microsecond=0)
        board.reached = board.reached.model_copy(update={end: now})
