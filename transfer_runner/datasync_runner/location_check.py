"""One location that is looked at without a run: reached and entered as a source is, no more.

To open a folder for reading, and to list a bucket, takes the right to list; a whole folder is not
read for it, which may have millions of entries.
"""

import asyncio
import time
from typing import Final

from datasync_api import loading
from datasync_api.check_plan import CheckPlan
from datasync_api.exit_codes import ExitCode
from datasync_api.rate import UNLIMITED
from datasync_runner import signals
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.engine.end import STOPPED, End, stopped_by
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.preflight import enter
from datasync_runner.engine.progress import Board
from datasync_runner.engine.stops import stop_of
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.factory import Means, make_checked_storage, requests_sent
from datasync_runner.storage.throttle import Throttle

_CONNECTIONS: Final = 1


async def look(plan: CheckPlan, board: Board) -> End:
    """Look at it until it answers, or until asked to stop; the board has what was found."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in signals.STOPS:
        loop.add_signal_handler(number, stop.set)
    signals.release()
    looking = asyncio.create_task(_look(plan, board))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({looking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    # What hangs in a storage is left behind: the process ends.
    return looking.result() if looking.done() else STOPPED


async def _look(plan: CheckPlan, board: Board) -> End:
    means = Means(ByteBudget(BUDGET_BYTES), Throttle(UNLIMITED), _CONNECTIONS, time.time_ns())
    try:
        storage = make_checked_storage(plan.location, means)
        loading.end()
        try:
            await enter("source", Patient(storage), board)
        finally:
            board.tally.requests.update(requests_sent(storage))
            await storage.close()
    except Exception as error:
        return stopped_by(stop_of(error))
    return End(ExitCode.DONE, "Success")
