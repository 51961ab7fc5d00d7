"""SMB2 responses from bytes: what this adapter is told, and nothing more.  Pure.

As with requests, one step for each, and all 100 ns of times.  What makes no sense is Unavailable:
where signatures are waived, whatever was on the way may have garbled it.
Source: MS-SMB2 section 2.2, MS-FSCC section 2.4.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from struct import Struct
from struct import error as StructError
from typing import Final, NamedTuple, TypeVar

from datasync_runner.storage import errors
from datasync_runner.storage.smb.requests import CONTEXT, HEADER_BYTES, QFID, READ

_CREATED: Final = Struct("<HBBIqqqqqqII16sII")
_CLOSED: Final = Struct("<HHIqqqqqqI")
_READ_ANSWER: Final = Struct("<HBBIII")
_ANSWERED: Final = Struct("<8xIH")
READ_HEAD_BYTES: Final = HEADER_BYTES + _READ_ANSWER.size
"""Of an answer to `read`: what servers send before the data."""
_WRITTEN: Final = Struct("<HHIIHH")
_QUERIED: Final = Struct("<HHI")
_LISTED: Final = Struct("<IIqqqqqqIIIIQ")


_Given = TypeVar("_Given")
_Told = TypeVar("_Told")
_SENSELESS: Final = (StructError, UnicodeDecodeError)


def sensible(parse: Callable[[_Given], _Told]) -> Callable[[_Given], _Told]:
    """The same; raises Unavailable where the answer ends too early or holds no text."""

    @wraps(parse)
    def careful(answer: _Given) -> _Told:
        try:
            return parse(answer)
        except _SENSELESS as error:
            raise _senseless(error) from error

    return careful


def _senseless(error: Exception) -> errors.Unavailable:
    return errors.Unavailable(f"the server gave an answer that makes no sense: {error}")


class Answer(NamedTuple):
    """A status, and the answer's body where the status is 0."""

    status: int
    body: bytes | memoryview
    data: bytes = b""
    """What follows the body, where it came by itself."""


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


@sensible
def opened(answer: bytes | memoryview) -> Opened:
    """The answer to `create`."""
    fields = _CREATED.unpack_from(answer)
    created, accessed, written, changed, _, size_bytes, attributes = fields[4:11]
    state = State(created, accessed, written, changed, size_bytes, attributes)
    return Opened(fields[12], state)


@sensible
def identity(answer: bytes | memoryview) -> bytes | None:
    """What the answer to `create` says to `IDENTITY`; None: nothing."""
    answer = bytes(answer)
    offset, size_bytes = _CREATED.unpack_from(answer)[13:15]
    at = offset - HEADER_BYTES
    end = at + size_bytes
    while offset and at + CONTEXT.size <= end:
        following, name_at, name_bytes, _, data_at, data_bytes = CONTEXT.unpack_from(answer, at)
        if answer[at + name_at : at + name_at + name_bytes] == QFID:
            return answer[at + data_at : at + data_at + data_bytes][:16]
        if not following:
            return None
        at += following
    return None


@sensible
def closed(answer: bytes | memoryview) -> State:
    """The answer to `close`."""
    created, accessed, written, changed, _, size, attributes = _CLOSED.unpack_from(answer)[3:]
    return State(created, accessed, written, changed, size, attributes)


@sensible
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


@sensible
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
    try:
        yield from _listed(answer)
    except _SENSELESS as error:
        raise _senseless(error) from error


def _listed(answer: bytes | memoryview) -> Iterator[Listed]:
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
