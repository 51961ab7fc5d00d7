"""What follows from how the sides of a plan lie to each other: what is refused, what it costs."""

from collections.abc import Mapping
from typing import Final

from datasync_api.prices import EstimatedCost, estimated_cost
from datasync_api.sides import AnySide, S3Side, SmbSide

REPORT_FOLDERS: Final = ("Summary-Reports", "Detailed-Reports")
"""Below them, in a folder for each task and execution, are the files of a report (AWS's names)."""


def cost_of(requests: Mapping[str, int], *sides: AnySide) -> EstimatedCost | None:
    """What requests to these sides cost.

    None where one of them is object storage that is not Amazon's: whose a request was is not known.
    The class of the last side that is a bucket counts: the destination's.
    """
    buckets = [side for side in sides if isinstance(side, S3Side)]
    if not buckets or not all(side.uri.startswith("s3://") for side in buckets):
        return None
    return estimated_cost(requests, storage_class=getattr(buckets[-1], "storage_class", "Standard"))


def reported_into(report: AnySide, synced: AnySide) -> bool:
    """Whether a report's files would lie inside of what a task synchronizes.

    | report | synced | |
    |---|---|---|
    | s3://a/x/ | s3://a/x/ | yes |
    | s3://a/x/y/ | s3://a/x/ | yes |
    | s3://a/ | s3://a/x/ | no: beside it |
    | s3://a/ | s3://a/Summary-Reports/ | yes |
    | s3://a/reports/ | s3://b/ | no |
    """
    if not nested(report, synced):
        return False
    one, other = _place(report), _place(synced)
    if one.startswith(other):
        return True
    return any(other.startswith(one + _cased(folder, report)) for folder in REPORT_FOLDERS)


def _cased(folder: str, side: AnySide) -> str:
    return f"{folder.casefold() if is_of_a_share(side) else folder}/"


def nested(source: AnySide, destination: AnySide) -> bool:
    """Whether one side is the other, or a folder inside it: such a pair is refused.

    | source | destination | nested |
    |---|---|---|
    | s3://a/x/ | s3://a/x/ | yes |
    | s3://a/ | s3://a/x/ | yes |
    | s3://a/x/ | s3://a/xy/ | no |
    | nfs://h/a/ | nfs://h/a/b/ | yes |
    | nfs://h/a/ | s3://a/ | no |
    | smb://h/s/A/ | smb://H/S/a/b/ | yes: SMB does not tell cases apart |
    | smb://h/s/ that a node mounts | smb://H/s/a/ that the runner speaks to | yes |
    | efs://fs-1/ | efs://fs-1/fsap-2/ | yes: wherever an access point leads, it is within |
    | efs://fs-1/a/ | efs://fs-1/fsap-2/ | no: where it leads is not known |
    """
    one, other = _place(source), _place(destination)
    return one.startswith(other) or other.startswith(one)


def is_of_a_share(side: AnySide) -> bool:
    """Whether the side is a share: one that the runner speaks to, or that a node mounted."""
    return isinstance(side, SmbSide) or side.uri.startswith("smb://")


def _place(side: AnySide) -> str:
    """The address by which two sides compare; its scheme tells kinds of storage apart."""
    return side.uri.casefold() if is_of_a_share(side) else side.uri
