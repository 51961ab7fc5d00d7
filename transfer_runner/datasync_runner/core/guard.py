"""Whether a run may delete what it found to be extra: the guards of the task, in numbers."""

from typing import NamedTuple

from datasync_api.conditions import Reason
from datasync_api.hold import Hold
from datasync_api.plan import TransferPlan
from datasync_api.task import Guards


class Extra(NamedTuple):
    """What a run has found."""

    deletions: int
    """Files and links that the destination alone has."""
    files: int
    """Files and links at the destination, as far as they take part."""
    source_items: int
    """Everything that the source lists, folders too."""


def held_back(extra: Extra, plan: TransferPlan) -> Hold | None:
    """What has to be acknowledged before anything is deleted; None: nothing has.

    Folders alone are never held back: they hold nothing.

    | source lists | files | to delete | guards | acknowledged | held back |
    |---|---|---|---|---|---|
    | something | 10 | 5 | 50 % | - | - |
    | something | 10 | 6 | 50 % | - | TooManyDeletions, limit 5 |
    | something | 1 | 1 | 50 % | - | -: a share is rounded up to whole files |
    | something | 2 | 2 | 50 % | - | TooManyDeletions, limit 1 |
    | something | 10 | 1 | 0 % | - | TooManyDeletions, limit 0 |
    | something | 10 | 3 | 50 %, 2 files | - | TooManyDeletions, limit 2 |
    | something | 10 | 6 | 50 % | 6 for TooManyDeletions | - |
    | something | 10 | 7 | 50 % | 6 for TooManyDeletions | TooManyDeletions, limit 6 |
    | nothing | 10 | 10 | - | - | SourceEmpty, limit 0 |
    | nothing | 10 | 10 | - | 10 for SourceEmpty | - |
    | nothing | 10 | 10 | - | 10 for TooManyDeletions | SourceEmpty, limit 0 |
    | nothing | 10 | 10 | it may be empty, 50 % | - | - |
    | nothing | 10 | 10 | it may be empty, 2 files | - | TooManyDeletions, limit 2 |
    """
    reason, limit = Reason.TOO_MANY_DELETIONS, allowed(extra, plan.guards)
    if not extra.source_items and not plan.guards.allow_empty_source:
        reason, limit = Reason.SOURCE_EMPTY, 0
    limit = max(limit, plan.acknowledged(reason))
    if extra.deletions <= limit:
        return None
    return Hold(
        token=plan.token(reason, extra.deletions),
        reason=reason,
        deletions=extra.deletions,
        limit=limit,
    )


def allowed(extra: Extra, guards: Guards) -> int:
    """How many files may be deleted without a question."""
    share = extra.files
    if extra.source_items:
        share = -(-extra.files * guards.max_delete_percent // 100)
    return share if guards.max_deleted_files is None else min(share, guards.max_deleted_files)
