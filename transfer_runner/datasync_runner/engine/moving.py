"""Transfer and verification together: the part of a run that every process can do."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from datasync_api.plan import TransferPlan
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.progress import Board
from datasync_runner.engine.transfer import Transfer
from datasync_runner.engine.verify import Verify
from datasync_runner.engine.work import WorkQueue
from datasync_runner.storage.budget import ByteBudget


class Mover(Protocol):
    """Whoever does what is in the queue."""

    def __call__(self, *, queue: WorkQueue, board: Board) -> Coroutine[Any, Any, None]:
        """Until it is closed and empty.  Raises: StopError."""
        ...


async def move(
    plan: TransferPlan,
    source: Patient,
    destination: Patient,
    *,
    queue: WorkQueue,
    board: Board,
    budget: ByteBudget,
) -> None:
    """Do what is in the queue, in this process.  Raises: StopError."""
    verify = Verify(
        destination,
        tally=board.tally,
        active=plan.options.verify_mode == "OnlyFilesTransferred",
        files=board.files,
    )
    transfer = Transfer(
        source,
        destination,
        options=options_of(plan, source, destination),
        board=board,
        queue=queue,
        verify=verify,
        budget=budget,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(transfer.run())
        group.create_task(verify.run())


def options_of(plan: TransferPlan, source: Patient, destination: Patient) -> CompareOptions:
    """What the plan's options mean between these two."""
    return CompareOptions.of(
        plan.options,
        source_objects=source.objects,
        destination_objects=destination.objects,
        keeps=destination.keeps,
    )
