"""What a transfer would ask of S3: requests by kind, counted from what a dry run has decided.

It is the way of a run without mishaps, at servers that check checksums as Amazon S3 does: without
repetitions, without the few requests by which each process gets to know a server, and without those
that go on with an upload of an earlier run.  `datasync_api.prices` puts a price on them.
"""

from collections import Counter
from typing import Final, NamedTuple

from datasync_runner.core.actions import Action
from datasync_runner.core.parts import (
    RANGE_BYTES,
    SINGLE_PUT_BYTES,
    SMALL_BYTES,
    WHOLE_COPY_BYTES,
    layout,
)

DELETED_AT_ONCE: Final = 1000


class Ends(NamedTuple):
    """What the two sides are."""

    source_objects: bool
    destination_objects: bool
    copies: bool
    """The storage copies by itself."""
    tags: bool = False
    """Tags go with content."""


def for_file(action: Action, size_bytes: int, ends: Ends) -> Counter[str]:
    """The requests for one file or link, beside those that the decision took.

    | action | from | to | size | requests |
    |---|---|---|---|---|
    | Copy | files | S3 | up to 16 MiB | PutObject |
    | Copy | files | S3 | more | an upload: see below, n UploadPart |
    | Copy | S3 | files | up to 8 MiB | GetObject |
    | Copy | S3 | files | more | HeadObject, a GetObject for each 8 MiB |
    | Copy | S3 | S3 | up to 8 MiB | GetObject, PutObject |
    | Copy | S3 | S3 | up to 16 MiB | HeadObject, a GetObject for each 8 MiB, PutObject |
    | Copy | S3 | S3 | more | HeadObject, an upload, n GetObject, n UploadPart |
    | Copy | S3 | S3 that copies | up to 1 GiB | CopyObject |
    | Copy | S3 | S3 that copies | more | 2 HeadObject, an upload, n UploadPartCopy |
    | UpdateMetadata | files | S3 | any | HeadObject, CopyObject |
    | UpdateMetadata | S3 | S3 | any | CopyObject |

    An upload: ListMultipartUploads, CreateMultipartUpload, CompleteMultipartUpload; n parts.
    Where tags go with content, a GetObjectTagging for each copy from S3 to S3 but CopyObject.
    """
    asked: Counter[str] = Counter()
    if action is Action.UPDATE_METADATA:
        if ends.destination_objects:
            asked["CopyObject"] += 1
            asked["HeadObject"] += not ends.source_objects
    elif action is Action.COPY and ends.copies:
        if size_bytes <= WHOLE_COPY_BYTES:
            asked["CopyObject"] += 1
        else:
            asked["HeadObject"] += 2
            asked["GetObjectTagging"] += ends.tags
            _upload(asked, "UploadPartCopy", size_bytes)
    elif action is Action.COPY:
        in_parts = ends.destination_objects and size_bytes > SINGLE_PUT_BYTES
        if ends.source_objects:
            asked["HeadObject"] += size_bytes > SMALL_BYTES
            asked["GetObjectTagging"] += ends.tags
            whole = size_bytes <= SMALL_BYTES
            ranges = layout(size_bytes).number if in_parts else -(-size_bytes // RANGE_BYTES)
            asked["GetObject"] += 1 if whole else ranges
        if in_parts:
            _upload(asked, "UploadPart", size_bytes)
        elif ends.destination_objects:
            asked["PutObject"] += 1
    return +asked


def for_duplicate(size_bytes: int, *, there: str = "") -> Counter[str]:
    """The requests for a further name of a file, which the bucket copies within itself.

    `there`: the ETag of the object that is copied, where it is an earlier run's.

    | size | what is copied | requests |
    |---|---|---|
    | up to 1 GiB | just sent | CopyObject |
    | up to 1 GiB | there, sent whole | CopyObject |
    | up to 1 GiB | there, sent in parts | HeadObject, CopyObject |
    | more | just sent | HeadObject, an upload, n UploadPartCopy |
    | more | there | 2 HeadObject, an upload, n UploadPartCopy |

    One HeadObject asks for the checksum of what is there, where no ETag proves a copy; the other
    one verifies what was copied in parts.
    """
    asked: Counter[str] = Counter()
    whole = size_bytes <= WHOLE_COPY_BYTES
    if there and ("-" in there or not whole):
        asked["HeadObject"] += 1
    if whole:
        asked["CopyObject"] += 1
    else:
        asked["HeadObject"] += 1
        _upload(asked, "UploadPartCopy", size_bytes)
    return asked


def _upload(asked: Counter[str], part: str, size_bytes: int) -> None:
    for operation in ("ListMultipartUploads", "CreateMultipartUpload", "CompleteMultipartUpload"):
        asked[operation] += 1
    asked[part] += layout(size_bytes).number


def for_the_end(folders: int, deletions: int, ends: Ends) -> Counter[str]:
    """The requests for folders to be made or updated, and for items to be deleted.

    | to | folders | deletions | requests |
    |---|---|---|---|
    | files | any | any | none |
    | S3 | 3 | 0 | 3 PutObject |
    | S3 | 0 | 1001 | 2 DeleteObjects |
    """
    if not ends.destination_objects:
        return Counter()
    return +Counter(PutObject=folders, DeleteObjects=-(-deletions // DELETED_AT_ONCE))
