"""Whether an object is what was sent: by its checksum, where that can be believed, or its bytes."""

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry
from datasync_runner.core.parts import RANGE_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.gather import one
from datasync_runner.storage.s3.metadata import stored_checksum
from datasync_runner.storage.s3.naming import version_query
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.reader import ObjectReader
from datasync_runner.storage.values import Written


async def verify(objects: Objects, written: Written) -> Written | errors.StorageError:
    """HEAD or GET of one object.  Raises: StopError."""
    entry = written.entry._replace(version_id="")  # that is the source's
    try:
        headers = await one(objects.head, entry)
        size = headers.get("content-length", "0")
        if size != str(entry.size_bytes):
            return errors.VerificationFailed(
                f"it has {size} bytes instead of {entry.size_bytes}", entry.key
            )
        stored = stored_checksum(headers) if objects.vouches else None
        if stored is None:
            stored = await read_checksum(objects, entry)
    except errors.StopError:
        raise
    except errors.Archived as error:
        return errors.VerificationFailed(f"it cannot be read back: {error.message}", entry.key)
    except errors.StorageError as error:
        return error
    if stored != written.checksum:
        return errors.VerificationFailed("its content differs from what was sent", entry.key)
    return written._replace(proven=True)


async def read_checksum(objects: Objects, entry: Entry) -> int:
    """CRC64NVME of what is read.  Raises: StorageError."""
    headers: list[tuple[str, str]] = []
    checksum = 0
    if entry.size_bytes <= RANGE_BYTES:
        path, query = objects.path(entry.key), version_query(entry.version_id)
        call = Call("GetObject", "GET", path, query, headers=headers)
        return crc64((await objects.client.ask(call)).body)
    plain = entry._replace(etag="")
    reader = ObjectReader(objects.client, objects.path(entry.key), plain, checksum=None)
    while chunk := await reader.read():
        checksum = crc64(chunk, checksum)
    return checksum
