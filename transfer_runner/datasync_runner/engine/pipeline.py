"""One run from end to end: check → prepare ∥ transfer ∥ verify → delete → folders → finish."""

import asyncio
import logging

from datasync_api.patterns import Filter
from datasync_api.plan import TransferPlan
from datasync_runner.core.compare import CompareOptions
from datasync_runner.engine.delete import delete_extra, settle_folders
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.prepare import Kept, Prepare
from datasync_runner.engine.progress import Board
from datasync_runner.engine.spool import Spool
from datasync_runner.engine.transfer import WORKERS, Transfer
from datasync_runner.engine.verify import Verify
from datasync_runner.engine.work import WorkQueue
from datasync_runner.storage.port import Destination

_log = logging.getLogger(__name__)


async def run_plan(
    plan: TransferPlan, source: Destination, destination: Destination, board: Board
) -> None:
    """Do what the plan says; the board has the books.

    Raises: StopError, alone or in an ExceptionGroup.
    """
    patient_source, patient_destination = Patient(source), Patient(destination)
    await patient_source.check()
    await patient_destination.check()
    options = CompareOptions.of(
        plan.options, source_objects=source.objects, destination_objects=destination.objects
    )
    queue = WorkQueue(WORKERS)
    verify = Verify(
        patient_destination,
        tally=board.tally,
        active=plan.options.verify_mode == "OnlyFilesTransferred",
    )
    with Spool() as deletes, Spool() as folders:
        kept = Kept(deletes, folders)
        prepare = Prepare(
            patient_source,
            patient_destination,
            chosen=Filter.parse(plan.includes, plan.excludes),
            options=options,
            board=board,
            queue=queue,
            kept=kept,
        )
        transfer = Transfer(
            patient_source,
            patient_destination,
            options=options,
            board=board,
            queue=queue,
            verify=verify,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(prepare.run())
            group.create_task(transfer.run())
            group.create_task(verify.run())
        tally = board.tally
        await delete_extra(kept, patient_destination, tally=tally, guards=plan.guards)
        await settle_folders(
            kept, patient_source, patient_destination, tally=tally, options=options
        )
    await patient_destination.finish()
    board.ended()
