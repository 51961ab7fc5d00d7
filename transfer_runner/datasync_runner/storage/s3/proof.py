"""Whether the server really checks checksums: no server is trusted to.

The question is put with something that is written anyway, its bytes right and its checksum wrong.
A server that checks refuses it and stores nothing; one that does not has stored what is to be
there, and gets it once more.  So nothing is left behind, whatever happens, and no right is needed
that a transfer does not have.
"""

import logging
from typing import Final

from datasync_runner.storage import errors
from datasync_runner.storage.s3.algorithms import Algorithm
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.s3.pieces import Pieces

_log = logging.getLogger(__name__)
REFUSALS: Final = frozenset({"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"})


async def refuses(client: Client, call: Call, algorithm: Algorithm) -> bool | None:
    """Whether the server refuses the call with a wrong checksum; None: it gave no clear answer.

    The call has a body and no checksum yet.  Raises: StopError.
    """
    body = call.body.whole() if isinstance(call.body, Pieces) else call.body or b""
    call.headers.append((algorithm.header, algorithm.of(body + b"?")))
    call.once = True
    try:
        await client.ask(call)
    except (errors.Unavailable, errors.FileError) as error:
        return True if error.error_code in REFUSALS else None
    what = (
        "the server takes what has a wrong checksum, so it proves nothing: a run that verifies "
        "reads back what it has written"
    )
    _log.info("notChecked", extra={"fields": {"location": client.side.uri, "message": what}})
    return False
