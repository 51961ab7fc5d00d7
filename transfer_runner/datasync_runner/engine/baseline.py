"""The proof that a run begins with, and the one that it leaves to the next.

A pair that neither side has changed since a run of the same recipe succeeded is equal still.  What
a stamp does not tell cannot be seen by it: a file system or a bucket put back to an earlier state,
and what others wrote at the destination while that run was still going.
"""

import logging
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from datasync_api.baseline import Baseline, moment
from datasync_api.plan import TransferPlan
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import UNSTAMPED
from datasync_runner.core.guard import replaced
from datasync_runner.engine.patient import Patient
from datasync_runner.storage.errors import FileError, StorageError, Unavailable
from datasync_runner.storage.values import Standing

_log = logging.getLogger(__name__)


class Beginning(NamedTuple):
    """Where both sides stood before anything was listed."""

    source: Standing
    destination: Standing
    source_ns: int | None
    """No change of the source from here on is stamped earlier."""


async def begin(plan: TransferPlan, source: Patient, destination: Patient) -> Beginning | None:
    """Look at both sides; None: no proof can be made or used.  Raises: StopError.

    With minAge, and by a manifest, files take part later that the last run has passed over: it
    proves nothing of them.
    """
    ripens = plan.file_conditions is not None and plan.file_conditions.min_age is not None
    if plan.options.transfer_mode != "Changed" or ripens or plan.manifest_place is not None:
        return None
    try:
        return Beginning(
            await source.standing(),
            await destination.standing(),
            await source.earliest_stamp(),
        )
    except (Unavailable, FileError) as error:
        _cannot(error)
        return None


def is_replaced(plan: TransferPlan, beginning: Beginning | None) -> bool:
    """Whether the source is another folder than the one that the baseline was made of.

    Whatever else has changed: also where the baseline proves nothing any more.
    """
    if plan.baseline is None or beginning is None:
        return False
    return replaced(plan.baseline.source_root, beginning.source.root)


def with_proof(
    options: CompareOptions, plan: TransferPlan, beginning: Beginning | None
) -> CompareOptions:
    """The options, with the plan's baseline where it holds.

    | recipe | roots | the destination's root | holds |
    |---|---|---|---|
    | the same | the same | changed no earlier than our last run ended | yes |
    | | | tags are compared: a new one moves no stamp | no |
    | another | | | no |
    | | another file system or folder | | no |
    | | | older than our last run: put back to an earlier state | no |
    """
    known = plan.baseline
    if known is None or beginning is None:
        return options
    reason = "tags are compared" if options.tags else _refuted(known, plan, beginning)
    if reason:
        _log.info("baseline", extra={"fields": {"used": False, "reason": reason}})
        return options
    _log.info("baseline", extra={"fields": {"used": True}})
    return replace(
        options, source_before_ns=known.source_ns, destination_until_ns=known.destination_ns
    )


def _refuted(known: Baseline, plan: TransferPlan, beginning: Beginning) -> str:
    """Why the baseline proves nothing now; empty: it does."""
    if known.recipe != plan.hash():
        return "the recipe has changed"
    if known.source_root != beginning.source.root:
        return "the source is another file system or folder"
    if known.destination_root != beginning.destination.root:
        return "the destination is another file system or folder"
    if _rounded_up(beginning.destination.changed_ns) < known.destination_time:
        return "the destination was put back to an earlier state"
    return ""


async def conclude(
    plan: TransferPlan, beginning: Beginning | None, destination: Patient
) -> Baseline | None:
    """What a run without failures proves; None where a clock cannot be asked."""
    if beginning is None or beginning.source_ns is None:
        return None
    try:
        destination_ns = await destination.latest_stamp()
    except StorageError as error:  # everything is transferred: that stands
        _cannot(error)
        return None
    if destination_ns is None:
        return None
    return Baseline(
        recipe=plan.hash(),
        source_time=moment(beginning.source_ns),
        destination_time=_rounded_up(destination_ns),  # or our last writes would be later
        source_root=beginning.source.root,
        destination_root=beginning.destination.root,
    )


def _rounded_up(time_ns: int) -> datetime:
    return moment(min(time_ns, UNSTAMPED - 999) + 999)


def _cannot(error: StorageError) -> None:
    _log.warning("baseline", extra={"fields": {"used": False, "reason": error.message}})
