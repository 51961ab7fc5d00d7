"""What the server really does with checksums: no server is trusted to.

A multipart upload that is aborted again leaves nothing behind and asks for no right that a transfer
does not need: one part is sent with a wrong checksum, which must be refused.
"""

import contextlib
from typing import Final, NamedTuple

from datasync_runner.checksums import crc64, to_header
from datasync_runner.storage import errors
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.metadata import CHECKSUM
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.signer import canonical_query
from datasync_runner.storage.s3.uploads import Uploads

KEY: Final = b".datasync-probe"
_BODY: Final = b"datasync"


class Traits(NamedTuple):
    """What was found out."""

    checksums: bool = False
    """CRC64NVME of whole objects is known to it."""
    checks: bool = False
    """What arrives with a wrong checksum is refused: an accepted object is a proven one."""


async def probe(objects: Objects) -> Traits:
    """Ask the server.  Raises: StopError, Unavailable."""
    client, uploads = objects.client, Uploads(objects)
    path = objects.path(KEY)
    begin = Call(
        "CreateMultipartUpload", "POST", path, "uploads=", body=b"", key=KEY,
        headers=[("x-amz-checksum-algorithm", "CRC64NVME"), ("x-amz-checksum-type", "FULL_OBJECT")],
    )  # fmt: skip
    try:
        upload_id = uploads.id_of((await client.ask(begin)).body, KEY)
    except errors.FileError:
        return Traits()  # an older server, or one where we may not: what is written is read back
    try:
        return Traits(checksums=True, checks=await _refuses(objects, path, upload_id))
    finally:
        with contextlib.suppress(errors.StorageError):
            await uploads.abort(KEY, upload_id)


async def _refuses(objects: Objects, path: str, upload_id: str) -> bool:
    query = canonical_query([("partNumber", "1"), ("uploadId", upload_id)])
    wrong = [(CHECKSUM, to_header(crc64(_BODY) ^ 1))]
    call = Call("UploadPart", "PUT", path, query, headers=wrong, body=_BODY, key=KEY)
    call.once = True
    try:
        await objects.client.ask(call)
    except (errors.Unavailable, errors.FileError) as error:
        return error.error_code in ("BadDigest", "XAmzContentChecksumMismatch", "InvalidDigest")
    return False
