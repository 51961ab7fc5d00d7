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
    replaced: bool = False
    """The source is another folder than the last successful run has seen."""


def replaced(known: str, root: str) -> bool:
    """Whether a folder (`Standing.root`) is another one than a run has seen before.

    The number of the file system alone says nothing: XFS takes it from the device, which may have
    another one when a volume is attached again.

    | known | now | replaced |
    |---|---|---|
    | 8a1:2 | 8a1:2 | no |
    | 8a1:2 | 7b0:2 | no |
    | 8a1:2 | 8a1:131073 | yes |
    | 0:77 | 8a1:131073 | yes |
    | empty: nothing is known | any | no |
    | any | empty: it is told by its name | no |
    """
    return bool(known and root) and known.rpartition(":")[2] != root.rpartition(":")[2]


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
    | something, replaced | 10 | 1 | - | - | SourceReplaced, limit 0 |
    | something, replaced | 10 | 6 | - | 6 for SourceReplaced | - |
    | something, replaced | 10 | 1 | it may be replaced | - | - |
    | something, replaced | 10 | 6 | it may be replaced, 50 % | - | TooManyDeletions, limit 5 |
    | nothing, replaced | 10 | 10 | - | - | SourceEmpty, limit 0 |
    | nothing, replaced | 10 | 10 | it may be empty | - | SourceReplaced, limit 0 |
    """
    reason, limit = Reason.TOO_MANY_DELETIONS, allowed(extra, plan.guards)
    if not extra.source_items and not plan.guards.allow_empty_source:
        reason, limit = Reason.SOURCE_EMPTY, 0
    elif extra.replaced and not plan.guards.allow_replaced_source:
        reason, limit = Reason.SOURCE_REPLACED, 0
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
