"""SMB2 requests as bytes: what this adapter asks for, and nothing more.  Pure.

The library's own structures cost a tenth of a millisecond each and cut times to microseconds; these
are packed in one step, and keep all 100 ns.  Source: MS-SMB2 section 2.2, MS-FSCC section 2.4.
"""

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
    BACKUP: Final = 0x4000
    """Past the list of rights, for a user with SeBackupPrivilege (to read) or SeRestorePrivilege
    (to write); of no effect for others (MS-FSA 2.1.5.1)."""
    ITSELF: Final = 0x200000
    """A reparse point itself, never what it leads to."""


_SHARE_ALL: Final = 7  # to read, to write, to delete: nobody is kept out
_IMPERSONATION: Final = 2
_CREATE: Final = Struct("<HBBIQQIIIIIHHII")
CONTEXT: Final = Struct("<IHHHHI")
"""A context's head, in a request and in its response (MS-SMB2 2.2.13.2)."""
QFID: Final = b"QFid"
_CLOSE: Final = Struct("<HHI16s")
_READ: Final = Struct("<HBBIQ16sIIIHHx")
_WRITE: Final = Struct("<HHIQ16sIIHHI")
_QUERY: Final = Struct("<HBBI16sHHI")
_SET: Final = Struct("<HBBIHHI16s")
_TIMES: Final = Struct("<qqqqII")
_RENAME: Final = Struct("<B7xQI")
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


IDENTITY: Final = CONTEXT.pack(0, CONTEXT.size, 4, 0, 0, 0) + QFID.ljust(8, b"\0")
"""The context that asks for a file's number and its volume's (MS-SMB2 2.2.13.2.9)."""


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
