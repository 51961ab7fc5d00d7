"""One run from end to end: check → prepare ∥ move → link → delete → what waited for that → folders
→ finish (→ compare)."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, closing
from functools import partial
from typing import Any

from datasync_api.patterns import Filter
from datasync_api.plan import TransferPlan
from datasync_runner.core.file_conditions import Bounds
from datasync_runner.core.parts import BUDGET_BYTES
from datasync_runner.engine import baseline
from datasync_runner.engine.consistency import Consistency
from datasync_runner.engine.contents import Contents
from datasync_runner.engine.delete import delete_extra, held, settle_folders, write_late
from datasync_runner.engine.dry_run import DryRun
from datasync_runner.engine.hard_links import HardLinks, make_links
from datasync_runner.engine.joining import Joining
from datasync_runner.engine.kept import Kept
from datasync_runner.engine.manifest import sides_of
from datasync_runner.engine.moving import Mover, move, options_of
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.preflight import preflight
from datasync_runner.engine.prepare import Prepare
from datasync_runner.engine.progress import Board
from datasync_runner.engine.shared_content import SharedContent
from datasync_runner.engine.spool import Spool
from datasync_runner.engine.transfer import WORKERS
from datasync_runner.engine.unread import Unread
from datasync_runner.engine.work import WorkQueue
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Destination


async def run_plan(
    plan: TransferPlan,
    source: Destination,
    destination: Destination,
    board: Board,
    *,
    mover: Mover | None = None,
    manifest_bucket: Destination | None = None,
    now_ns: Callable[[], int] = time.time_ns,
) -> None:
    """Do what the plan says; the board has the books.  Without a mover this process moves all.

    `manifest_bucket` has the manifest of a plan that says so.

    `now_ns` is asked once, for the run's start: the ages of files count from it.

    A dry run ends where the first thing would be written.  Raises: StopError, alone or in an
    ExceptionGroup; DeletionHeld when all but deletions is done.
    """
    began_ns = now_ns()
    patient_source, patient_destination = Patient(source), Patient(destination)
    await preflight(patient_source, patient_destination, board)
    beginning = await baseline.begin(plan, patient_source, patient_destination)
    replaced = baseline.is_replaced(plan, beginning)
    options = options_of(plan, patient_source, patient_destination)
    comparing = baseline.with_proof(options, plan, beginning)
    conditions = plan.file_conditions
    bounds = Bounds.of(conditions, now_ns=began_ns) if conditions else None
    queue = WorkQueue(WORKERS)
    budget = ByteBudget(BUDGET_BYTES)
    here = partial(move, plan, patient_source, patient_destination, budget=budget)
    dry_run = None
    if plan.mode == "DryRun":
        board.writes = False
        dry_run = DryRun(patient_source, patient_destination, options=options, tally=board.tally)
        mover = dry_run.move
    elif mover is None:
        mover = here
    chosen = Filter.parse(
        plan.includes, plan.excludes, hidden=plan.options.hidden_files == "Include"
    )
    contents = Contents(patient_source, patient_destination, budget)
    async with AsyncExitStack() as stack:
        sides = await stack.enter_async_context(
            sides_of(
                plan.manifest_place,
                patient_source,
                patient_destination,
                bucket=Patient(manifest_bucket) if manifest_bucket is not None else None,
            )
        )
        deletes, folders, restored = (stack.enter_context(Spool()) for _ in range(3))
        links, late_links = (stack.enter_context(Spool()) for _ in range(2))
        unread = None
        if patient_source.objects and patient_destination.links and dry_run is None:
            board.restored = restored.push_all
            unread = stack.enter_context(closing(Unread(patient_source, comparing, board)))
        # What may be deleted is not there yet when files are written; objects have no such ways.
        displaces = options.delete and not patient_destination.objects and dry_run is None
        late = stack.enter_context(Spool()) if displaces else None
        names = None
        if patient_destination.links:
            names = HardLinks(
                patient_destination, contents, orders=links, late=late, late_orders=late_links
            )
        elif patient_destination.duplicates:
            names = SharedContent(patient_destination, contents)
        if names is not None:
            stack.enter_context(closing(names))
        kept = Kept(deletes, late, folders, names, unread)
        prepare = Prepare(
            *sides(),
            chosen=chosen,
            bounds=bounds,
            options=comparing,
            board=board,
            queue=queue,
            kept=kept,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(prepare.run())
            group.create_task(mover(queue=queue, board=board))
        if dry_run is not None:
            await dry_run.end(kept, plan, board, replaced=replaced)
            return
        tally = board.tally
        verifies = plan.options.verify_mode == "OnlyFilesTransferred"
        link = partial(
            make_links,
            destination=patient_destination,
            tally=tally,
            options=options,
            verifies=verifies,
            files=board.files,
        )
        to_move = partial(_fill_and_move, mover=here, board=board)
        joining = Joining(patient_destination, board, unread, verifies=verifies, move=to_move)
        if links.count:
            await to_move(partial(link, links))
        waits = late is not None and late.count > 0
        if restored.count and not waits:  # early: a run that is stopped while it deletes has linked
            await joining.run(restored)
        stop = held(kept, tally, plan, replaced=replaced)
        if stop is None:
            await delete_extra(kept, patient_destination, tally=tally, files=board.files)
        if late is not None and waits:
            await to_move(partial(write_late, late))
        if late_links.count:
            await to_move(partial(link, late_links))
        if restored.count and waits:
            await joining.run(restored)
        await settle_folders(
            kept,
            patient_source,
            patient_destination,
            tally=tally,
            options=options,
            files=board.files,
        )
        await patient_destination.finish()
        if stop is not None:
            raise stop
        proof = None
        if not tally.failure_count():
            # Before all is compared: what is written from here on is stamped later.
            proof = await baseline.conclude(plan, beginning, patient_destination)
        if plan.options.verify_mode == "PointInTimeConsistent":
            consistency = Consistency(
                patient_source,
                patient_destination,
                chosen=chosen,
                bounds=bounds,
                options=options,
                tally=tally,
                files=board.files,
                contents=contents,
            )
            await consistency.run(*sides())
            board.compared = True
    # An archived object that was skipped gets no new stamp when it is restored.
    if not tally.failure_count() and not tally.skips():
        board.baseline = proof
    board.ended()


async def _fill_and_move(
    fill: Callable[[WorkQueue], Coroutine[Any, Any, None]], *, mover: Mover, board: Board
) -> None:
    """What fills a queue to its end, and who moves what is in it.  Raises: StopError."""
    queue = WorkQueue(WORKERS)
    async with asyncio.TaskGroup() as group:
        group.create_task(fill(queue))
        group.create_task(mover(queue=queue, board=board))
