"""What of security descriptors a task copies: a question of both its ends.  Pure.

Only a share tells owner, group and access list in Windows' terms, and only a share can keep them.
"""

from datasync_api.plan import TransferPlan
from datasync_api.side_pairs import is_of_a_share
from datasync_api.sides import AnySide, SmbSide
from datasync_api.task_options import SecurityDescriptorCopyFlags, TaskOptions


def copied(plan: TransferPlan) -> SecurityDescriptorCopyFlags:
    """What a run copies: AWS's default between shares is OWNER_DACL.

    | source, destination | option | copied |
    |---|---|---|
    | shares | absent | OwnerDACL |
    | shares | any | the same |
    | a share that a node mounts, or no share, at either end | absent or None | None |
    """
    if not _shares(plan.source, plan.destination):
        return "None"
    return plan.options.security_descriptor_copy_flags or "OwnerDACL"


def problem(options: TaskOptions, source: AnySide, destination: AnySide) -> str | None:
    """Why the option cannot work between two sides, and what to do; None: it can."""
    asked = options.security_descriptor_copy_flags
    if asked in (None, "None") or _shares(source, destination):
        return None
    other = destination if isinstance(source, SmbSide) else source
    if is_of_a_share(other):
        return (
            f"securityDescriptorCopyFlags {asked} needs the runner to speak SMB itself at both "
            f"ends, and {other.uri} is mounted, which shows none: set access of that location to "
            "Direct, or options.securityDescriptorCopyFlags to None"
        )
    return (
        f"securityDescriptorCopyFlags {asked} needs an SMB share at both ends, and {other.uri} is "
        "none: set options.securityDescriptorCopyFlags to None, or leave it out"
    )


def _shares(source: AnySide, destination: AnySide) -> bool:
    return isinstance(source, SmbSide) and isinstance(destination, SmbSide)
