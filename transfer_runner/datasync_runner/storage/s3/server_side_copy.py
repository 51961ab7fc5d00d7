"""Copies from one bucket to another that the storage makes itself, whatever their size."""

import asyncio
from collections.abc import Sequence

from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import WHOLE_COPY_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.s3 import copies, overlap
from datasync_runner.storage.s3.gather import Gather, Give, one
from datasync_runner.storage.s3.metadata import stored_checksum
from datasync_runner.storage.s3.naming import copy_source
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.reader import pinned
from datasync_runner.storage.s3.verification import read_checksum
from datasync_runner.storage.values import Written


async def copy_batch(
    source: Objects, objects: Objects, budget: ByteBudget, entries: Sequence[Entry]
) -> list[Written | errors.StorageError]:
    """Copies of `source`'s objects among `objects`: any FileError and Unavailable as values.

    Raises: StopError.
    """
    gather: Gather[Written] = Gather(len(entries))
    large: list[asyncio.Task[None]] = []
    for at, entry in enumerate(entries):
        if entry.size_bytes > WHOLE_COPY_BYTES:
            copying = _copy_in_parts(source, objects, entry, budget, gather.place(at))
            large.append(asyncio.create_task(copying))
            continue
        try:
            copies.copy(objects, entry, source.side, gather.place(at))
        except errors.FileError as error:
            gather.put(at, error)
    found = await gather.all()
    return [
        answer
        if isinstance(answer, errors.StorageError) or answer.proven
        else await _with_checksum(answer, source)
        for answer in found
    ]


async def _copy_in_parts(
    source: Objects, objects: Objects, entry: Entry, budget: ByteBudget, give: Give[Written]
) -> None:
    try:
        name = source.name(entry.key)
        found, checksum = await pinned(source, entry)
        found = found._replace(storage_class=entry.storage_class)
        named = copy_source(source.side, name, objects.side, version_id=entry.version_id)
        made = overlap.copy(objects, found, named, found.etag, checksum=checksum, budget=budget)
        give(await made)
    except errors.StorageError as error:
        give(error)


async def _with_checksum(answer: Written, source: Objects) -> Written | errors.StorageError:
    """What is not proven is compared with the source's checksum, stored or read."""
    try:
        stored = stored_checksum(await one(source.head, answer.entry))
        if stored is None:
            stored = await read_checksum(source, answer.entry)
    except errors.StorageError as error:
        return error
    return answer._replace(checksum=stored)
