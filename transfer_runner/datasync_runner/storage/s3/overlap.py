"""An upload that another run has ended or changed meanwhile is begun again, once.

A run cannot tell an upload that a killed one has left from one that is still going, for both may be
seconds old: it goes on with what fits and aborts the rest.  So of two runs that overlap, as where
`datasync run` is started twice, one may find that its upload is gone, or has parts of the other's.
Its file it then sends anew, in an upload beside whatever is under way at that key: whoever ended
the first one is alive, and to take its upload in return would have both begin again and again.  The
last one to complete has written the object, as with any two writers.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from datasync_runner.core.entry import Entry
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Moved, Reader
from datasync_runner.storage.s3.multipart import Upload
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.values import Written

_GONE: Final = frozenset({"NoSuchUpload", "InvalidPart"})
"""The upload is not there, or not with the parts that were sent: where an ETag is no MD5, as with
SSE-KMS and SSE-C, the same part that another run sends once more has another one."""


async def upload(
    objects: Objects, entry: Entry, reader: Reader, moved: Moved, *, budget: ByteBudget
) -> Written:
    """As `Upload.run`.  Raises: Overtaken as well, when the second one is gone too."""
    told = {False: 0, True: 0}

    def counted(size_bytes: int, *, resumed: bool = False) -> None:
        told[resumed] += size_bytes
        moved(size_bytes, resumed=resumed)

    async def send(by: Upload) -> Written:
        for resumed, size_bytes in told.items():  # of the upload before: for nothing
            counted(-size_bytes, resumed=resumed)
        return await by.run(reader, counted)

    return await _twice(objects, entry, send, budget=budget)


async def copy(
    objects: Objects,
    entry: Entry,
    source: list[tuple[str, str]],
    source_etag: str,
    *,
    checksum: int | None,
    budget: ByteBudget,
) -> Written:
    """As `Upload.copy`.  Raises: Overtaken as well, when the second one is gone too."""

    def send(by: Upload) -> Awaitable[Written]:
        return by.copy(source, source_etag, checksum=checksum)

    return await _twice(objects, entry, send, budget=budget)


async def _twice(
    objects: Objects,
    entry: Entry,
    send: Callable[[Upload], Awaitable[Written]],
    *,
    budget: ByteBudget,
) -> Written:
    try:
        return await send(Upload(objects, entry, budget=budget))
    except (errors.Missing, errors.Unexpected) as error:
        if error.error_code not in _GONE:
            raise
    try:
        return await send(Upload(objects, entry, budget=budget, alone=True))
    except (errors.Missing, errors.Unexpected) as error:
        if error.error_code not in _GONE:
            raise
        raise errors.Overtaken(
            "another run, or a rule of the bucket, has twice ended its upload, or replaced parts "
            f"of it ({error.message})",
            entry.key,
        ) from error
