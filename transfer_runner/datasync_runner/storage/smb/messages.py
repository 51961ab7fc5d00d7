"""SMB2 requests and answers as bytes: what this adapter says, and nothing more.  Pure.

The library's own structures cost a tenth of a millisecond each and cut times to microseconds; these
are packed in one step, and keep all 100 ns.  Source: MS-SMB2 section 2.2, MS-FSCC section 2.4.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

CREATE: Final = 5
CLOSE: Final = 6
FLUSH: Final = 7
READ: Final = 8
WRITE: Final = 9
QUERY_DIRECTORY: Final = 14
SET_INFO: Final = 17

LAST_FILE: Final = b"\xff" * 16
"""The file that the chain of requests has opened (MS-SMB2 3.2.4.1.4)."""
CREDIT_BYTES: Final = 64 * 1024
"""What one credit pays for (MS-SMB2 3.1.5.2)."""
HEADER_BYTES: Final = 64


class Request(NamedTuple):
    """A request's command and body, and the most bytes that it sends or asks for."""

    command: int
    body: bytes
    payload_bytes: int = 1
    data: bytes | memoryview = b""
    """What follows the body."""


class Answer(NamedTuple):
    """A status, and the answer's body where the status is 0."""

    status: int
    body: bytes | memoryview
    data: bytes = b""
    """What follows the body, where it came by itself."""


class Access:
    """Rights to ask for (MS-SMB2 2.2.13.1)."""

    READ: Final = 0x01 | 0x80
    """Data (of a folder: its list) and attributes."""
    WRITE: Final = 0x02 | 0x04
    SET_TIMES: Final = 0x100 | 0x80
    DELETE: Final = 0x10000
    """Also to rename."""


class Disposition:
    """What to do about what exists (MS-SMB2 2.2.13, CreateDisposition)."""

    OPEN: Final = 1
    CREATE: Final = 2


class Options:
    """How to open (MS-SMB2 2.2.13, CreateOptions)."""

    FOLDER: Final = 0x01
    FILE: Final = 0x40
    ITSELF: Final = 0x200000
    """A reparse point itself, never what it leads to."""


_SHARE_ALL: Final = 7  # to read, to write, to delete: nobody is kept out
_IMPERSONATION: Final = 2
_CREATE: Final = Struct("<HBBIQQIIIIIHHII")
_CREATED: Final = Struct("<HBBIqqqqqqII16sII")
_CONTEXT: Final = Struct("<IHHHHI")
_CLOSE: Final = Struct("<HHI16s")
_CLOSED: Final = Struct("<HHIqqqqqqI")
_READ: Final = Struct("<HBBIQ16sIIIHHx")
_READ_ANSWER: Final = Struct("<HBBIII")
_ANSWERED: Final = Struct("<8xIH")
READ_HEAD_BYTES: Final = HEADER_BYTES + _READ_ANSWER.size
"""Of an answer to `read`: what servers send before the data."""
_WRITE: Final = Struct("<HHIQ16sIIHHI")
_WRITTEN: Final = Struct("<HHIIHH")
_QUERY: Final = Struct("<HBBI16sHHI")
_QUERIED: Final = Struct("<HHI")
_SET: Final = Struct("<HBBIHHI16s")
_TIMES: Final = Struct("<qqqqII")
_RENAME: Final = Struct("<B7xQI")
_LISTED: Final = Struct("<IIqqqqqqIIIIQ")
_FILE_INFO: Final = 1
_BASIC, _RENAMING, _DISPOSING = 4, 10, 13
_FULL_WITH_ID: Final = 38  # FileIdFullDirectoryInformation
_NORMAL: Final = 0x80
_MIN_RENAME_BYTES: Final = 24  # MS-FSCC 2.4.42.2


def create(
    path: str,
    *,
    access: int,
    options: int,
    disposition: int = Disposition.OPEN,
    context: bytes = b"",
) -> Request:
    """Open or make what is at a path below the share (backslashes, none at the beginning)."""
    name = path.encode("utf-16-le", "surrogatepass")
    where = HEADER_BYTES + _CREATE.size
    behind = -(-(where + len(name)) // 8) * 8 if context else 0
    head = _CREATE.pack(
        57, 0, 0, _IMPERSONATION, 0, 0, access, 0, _SHARE_ALL, disposition, options,
        where, len(name), behind, len(context),
    )  # fmt: skip
    if context:
        name = name.ljust(behind - where, b"\0") + context
    return Request(CREATE, head + (name or b"\0\0"))


IDENTITY: Final = _CONTEXT.pack(0, _CONTEXT.size, 4, 0, 0, 0) + b"QFid".ljust(8, b"\0")
"""The context that asks for a file's number and its volume's (MS-SMB2 2.2.13.2.9)."""


def identity(answer: bytes | memoryview) -> bytes | None:
    """What the answer to `create` says of that; None: nothing."""
    answer = bytes(answer)
    offset, size_bytes = _CREATED.unpack_from(answer)[13:15]
    at = offset - HEADER_BYTES
    end = at + size_bytes
    while offset and at + _CONTEXT.size <= end:
        following, name_at, name_bytes, _, data_at, data_bytes = _CONTEXT.unpack_from(answer, at)
        if answer[at + name_at : at + name_at + name_bytes] == b"QFid":
            return answer[at + data_at : at + data_at + data_bytes][:16]
        if not following:
            return None
        at += following
    return None


def close(file: bytes = LAST_FILE) -> Request:
    """Close a file, and be told its state once more."""
    return Request(CLOSE, _CLOSE.pack(24, 1, 0, file))


def flush(file: bytes = LAST_FILE) -> Request:
    """Have what was written on the server's disk."""
    return Request(FLUSH, _CLOSE.pack(24, 0, 0, file))


def read(offset_bytes: int, size_bytes: int, file: bytes = LAST_FILE) -> Request:
    """Ask for at most so many bytes."""
    body = _READ.pack(49, 0x50, 0, size_bytes, offset_bytes, file, 0, 0, 0, 0, 0)
    return Request(READ, body, size_bytes)


def write(data: bytes | memoryview, offset_bytes: int, file: bytes = LAST_FILE) -> Request:
    """Write bytes."""
    where = HEADER_BYTES + _WRITE.size
    head = _WRITE.pack(49, where, len(data), offset_bytes, file, 0, 0, 0, 0, 0)
    return Request(WRITE, head, len(data), data)


def query(pattern: str, size_bytes: int, file: bytes = LAST_FILE) -> Request:
    """The next entries of an open folder, at most so many bytes of them."""
    name = pattern.encode("utf-16-le", "surrogatepass")
    where = HEADER_BYTES + _QUERY.size
    head = _QUERY.pack(33, _FULL_WITH_ID, 0, 0, file, where, len(name), size_bytes)
    return Request(QUERY_DIRECTORY, head + name, size_bytes)


def set_times(*, accessed: int = 0, written: int = 0, file: bytes = LAST_FILE) -> Request:
    """Set times (FILETIMEs; 0: leave it)."""
    return _set(_BASIC, _TIMES.pack(0, accessed, written, 0, 0, 0), file)


def set_attributes(attributes: int, *, created: int = 0, file: bytes = LAST_FILE) -> Request:
    """Set all attributes (0: take them away) and the create time (a FILETIME; 0: leave it)."""
    return _set(_BASIC, _TIMES.pack(created, 0, 0, 0, attributes or _NORMAL, 0), file)


def rename(path: str, *, replace: bool, file: bytes = LAST_FILE) -> Request:
    """Give a file another path below the share."""
    name = path.encode("utf-16-le", "surrogatepass")
    body = _RENAME.pack(replace, 0, len(name)) + name
    return _set(_RENAMING, body.ljust(_MIN_RENAME_BYTES, b"\0"), file)


def delete(file: bytes = LAST_FILE) -> Request:
    """Remove a file or an empty folder when it is closed."""
    return _set(_DISPOSING, b"\1", file)


def _set(kind: int, body: bytes, file: bytes) -> Request:
    where = HEADER_BYTES + _SET.size
    head = _SET.pack(33, _FILE_INFO, kind, len(body), where, 0, 0, file)
    return Request(SET_INFO, head + body, len(body))


class State(NamedTuple):
    """What a server says of a file; times are FILETIMEs."""

    created: int
    accessed: int
    written: int
    changed: int
    size_bytes: int
    attributes: int


class Opened(NamedTuple):
    """An open file."""

    file: bytes
    state: State


def opened(answer: bytes | memoryview) -> Opened:
    """The answer to `create`."""
    fields = _CREATED.unpack_from(answer)
    created, accessed, written, changed, _, size_bytes, attributes = fields[4:11]
    state = State(created, accessed, written, changed, size_bytes, attributes)
    return Opened(fields[12], state)


def closed(answer: bytes | memoryview) -> State:
    """The answer to `close`."""
    created, accessed, written, changed, _, size, attributes = _CLOSED.unpack_from(answer)[3:]
    return State(created, accessed, written, changed, size, attributes)


def data_of(answer: Answer) -> bytes:
    """The answer to `read`."""
    if answer.data:
        return answer.data
    _, offset, _, size_bytes, _, _ = _READ_ANSWER.unpack_from(answer.body)
    start = offset - HEADER_BYTES
    return bytes(answer.body[start : start + size_bytes])


def is_data(head: bytes | memoryview, size_bytes: int) -> bool:
    """Whether a frame of that size is one answer to `read`, with all behind its head the data.

    The head: the first READ_HEAD_BYTES of the frame.
    """
    status, command = _ANSWERED.unpack_from(head)
    _, offset, _, data_bytes, _, _ = _READ_ANSWER.unpack_from(head, HEADER_BYTES)
    whole = (offset, offset + data_bytes) == (READ_HEAD_BYTES, size_bytes)  # so of no chain
    return whole and (command, status) == (READ, 0)


def count_of(answer: bytes | memoryview) -> int:
    """The answer to `write`: how many bytes were written."""
    return _WRITTEN.unpack_from(answer)[2]


class Listed(NamedTuple):
    """One line of a folder's list."""

    name: str
    state: State
    tag: int
    """What kind of reparse point it is, if it is one."""
    file_id: int


def listed(answer: bytes | memoryview) -> Iterator[Listed]:
    """The answer to `query`."""
    answer = bytes(answer)
    _, offset, size_bytes = _QUERIED.unpack_from(answer)
    at = offset - HEADER_BYTES
    end = at + size_bytes
    unpack, width = _LISTED.unpack_from, _LISTED.size
    while at + width <= end:
        (
            following, _, created, accessed, written, changed, size, _,
            attributes, length, tag, _, file_id,
        ) = unpack(answer, at)  # fmt: skip
        start = at + width
        name = answer[start : start + length].decode("utf-16-le", "surrogatepass")
        state = State(created, accessed, written, changed, size, attributes)
        yield Listed(name, state, tag, file_id)
        if not following:
            return
        at += following
