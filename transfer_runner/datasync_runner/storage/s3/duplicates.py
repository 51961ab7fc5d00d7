"""Further names of what a bucket has already: copied there, whatever their size.

What cannot be copied is refused, and travels anew: archived objects, which nobody reads.
"""

import asyncio
from collections.abc import Sequence

from datasync_runner.core.entry import ARCHIVES
from datasync_runner.core.parts import LARGE_AT_ONCE, WHOLE_COPY_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.s3 import copies, overlap
from datasync_runner.storage.s3.gather import Gather, Give, one
from datasync_runner.storage.s3.metadata import stored_checksum
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
                    elif copy.checksum is None and not _proves(copy):
                        group.create_task(_by_checksum(objects, copy, budget, give, at_once))
                    elif copy.entry.size_bytes <= WHOLE_COPY_BYTES:
                        copies.duplicate(objects, copy, give)
                    else:
                        group.create_task(_in_parts(objects, copy, budget, give, at_once))
                except errors.FileError as error:
                    give(error)
            return await gather.all()
    except ExceptionGroup as several:  # `except*` would group again what it raises
        raise several.exceptions[0] from None


def _proves(copy: Duplicate) -> bool:
    """Whether the ETag of a copy tells that it is one: that of parts tells how they were cut."""
    return copy.entry.size_bytes <= WHOLE_COPY_BYTES and "-" not in copy.first.etag


async def _by_checksum(
    objects: Objects,
    copy: Duplicate,
    budget: ByteBudget,
    give: Give[Written],
    at_once: asyncio.Semaphore,
) -> None:
    """As `duplicate`, of what is there from an earlier run: by the checksum that is stored."""
    try:
        headers = await one(objects.head, copy.first)
        checksum = stored_checksum(headers) if objects.vouches else None
        etag = headers.get("etag", "")
        if checksum is None or copy.first.etag not in ("", etag):
            raise errors.NotSupported("nothing proves the copy", copy.entry.key)
        copy = Duplicate(copy.entry, copy.first._replace(etag=etag), checksum)
        if copy.entry.size_bytes <= WHOLE_COPY_BYTES:
            copies.duplicate(objects, copy, give)
        else:
            await _in_parts(objects, copy, budget, give, at_once)
    except errors.StorageError as error:
        give(error)


async def _in_parts(
    objects: Objects,
    copy: Duplicate,
    budget: ByteBudget,
    give: Give[Written],
    at_once: asyncio.Semaphore,
) -> None:
    """As `duplicate`, of more than one request may copy; the checksum is known."""
    entry, first, checksum = copy
    try:
        etag = first.etag or (await one(objects.head, first)).get("etag", "")
        named = copy_source(objects.side, objects.name(first.key), objects.side)
        async with at_once:
            made = await overlap.copy(objects, entry, named, etag, checksum=checksum, budget=budget)
        give(made._replace(checksum=checksum))
    except errors.StorageError as error:
        give(error)
