"""Further names of what a bucket has already: copied there, whatever their size.

What cannot be copied is refused, and travels anew: archived objects, which nobody reads.
"""

import asyncio
from collections.abc import Sequence

from datasync_runner.core.entry import ARCHIVES, Entry
from datasync_runner.core.parts import LARGE_AT_ONCE, WHOLE_COPY_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.s3 import copies
from datasync_runner.storage.s3.gather import Gather, Give
from datasync_runner.storage.s3.multipart import Upload
from datasync_runner.storage.s3.naming import copy_source
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.values import Duplicate, Written


async def duplicate(
    objects: Objects, wished: Sequence[Duplicate], budget: ByteBudget
) -> list[Written | errors.StorageError]:
    """Copies of objects within their place: any error as value.  Raises: StopError."""
    gather: Gather[Written] = Gather(len(wished))
    at_once = asyncio.Semaphore(LARGE_AT_ONCE)
    try:
        async with asyncio.TaskGroup() as group:
            for at, copy in enumerate(wished):
                give = gather.place(at)
                try:
                    if objects.keeping.class_of(copy.first) in ARCHIVES:
                        give(
                            errors.NotSupported("what is archived cannot be copied", copy.entry.key)
                        )
                    elif copy.entry.size_bytes <= WHOLE_COPY_BYTES:
                        copies.duplicate(objects, copy, give)
                    else:
                        group.create_task(_in_parts(objects, copy, budget, give, at_once))
                except errors.FileError as error:
                    give(error)
            return await gather.all()
    except ExceptionGroup as several:  # `except*` would group again what it raises
        raise several.exceptions[0] from None


async def _in_parts(
    objects: Objects,
    copy: Duplicate,
    budget: ByteBudget,
    give: Give[Written],
    at_once: asyncio.Semaphore,
) -> None:
    """As `duplicate`, of more than one request may copy; where the checksum is known."""
    entry, first, checksum = copy
    try:
        if checksum is None:
            raise errors.NotSupported("nothing proves the copy", entry.key)
        etag = first.etag or await _etag_of(objects, first)
        named = copy_source(objects.side, objects.name(first.key), objects.side)
        upload = Upload(objects, entry, budget=budget)
        async with at_once:
            made = await upload.copy(named, etag, checksum=checksum)
        give(made._replace(checksum=checksum))
    except errors.StorageError as error:
        give(error)


async def _etag_of(objects: Objects, first: Entry) -> str:
    """Of what is there now.  Raises: StorageError."""
    found: Gather[dict[str, str]] = Gather(1)
    objects.head(first, found.place(0))
    (headers,) = await found.all()
    if isinstance(headers, errors.StorageError):
        raise headers
    return headers.get("etag", "")
