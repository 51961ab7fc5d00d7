"""Whole runs of the engine in this process, between two storages."""

import time

from datasync_api.plan import TransferPlan
from datasync_api.sides import PosixSide
from datasync_api.task_options import TaskOptions
from datasync_runner.engine.pipeline import run_plan
from datasync_runner.engine.progress import Board


def plan_of(**wishes):
    """A plan; what is no field of a plan is an option of its task."""
    side = PosixSide(uri="nfs://h/a/", root="/a")
    fields = {name: wishes.pop(name) for name in TransferPlan.model_fields if name in wishes}
    return TransferPlan(
        execution={"namespace": "n", "name": "e", "uid": "u"},
        source=side,
        destination=side,
        options=TaskOptions(**wishes),
        **fields,
    )


async def run_between(source, destination, plan, *, files=None, **how):
    """The board after a run; the storages' `calls` are those of this run alone."""
    board = Board("u", time.monotonic, files=files)
    source.calls.clear()
    destination.calls.clear()
    await run_plan(plan, source, destination, board, **how)
    return board
