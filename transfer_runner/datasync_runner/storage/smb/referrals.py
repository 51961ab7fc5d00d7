"""Where a path of a DFS namespace really is: what the server refers to.  Pure.

A location may name a namespace's root or a folder behind its links; then it lies on another share,
and that is where we go.  A referral names no port: the location's own is used.  Links further below
are not followed: what lies behind them is for a location of its own.
Source: MS-DFSC 2.2.2, 2.2.4, 2.2.5; MS-SMB2 2.2.31, 2.2.32.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from datasync_api.sides import SmbSide
from datasync_runner.storage.smb.requests import HEADER_BYTES, LAST_FILE, Request
from datasync_runner.storage.smb.responses import sensible

ANSWER_BYTES: Final = 56 * 1024
_IOCTL: Final = 11
_GET_REFERRALS: Final = 0x00060194
_IS_FSCTL: Final = 1
_NEWEST: Final = (4).to_bytes(2, "little")
_ASKED: Final = Struct("<HHI16sIIIIIIII")
_ANSWERED: Final = Struct("<HHI16sIIIIII")
_HEAD: Final = Struct("<HHI")
_ENTRY: Final = Struct("<HHHH")
_OFFSETS: Final = Struct("<HHH")
_ROOT: Final = 1
_LIST_OF_NAMES: Final = 2


class Referral(NamedTuple):
    """One target of what was asked about."""

    target: str
    r"""\server\share, and folders of it."""
    root: bool
    """It is a server of the namespace itself, not what one of its links leads to."""


def question(path: str) -> Request:
    """Ask where a path of a namespace is, on the tree IPC$."""
    body = _NEWEST + path.encode("utf-16-le", "surrogatepass") + b"\0\0"
    where = HEADER_BYTES + _ASKED.size
    head = _ASKED.pack(
        57, 0, _GET_REFERRALS, LAST_FILE, where, len(body), 0, 0, 0, ANSWER_BYTES, _IS_FSCTL, 0
    )
    return Request(_IOCTL, head + body, ANSWER_BYTES)


@sensible
def answer_of(body: bytes | memoryview) -> tuple[int, list[Referral]]:
    """How much of the path the answer is about, in characters of UTF-16, and its targets.

    Raises: Unavailable.
    """
    fields = _ANSWERED.unpack_from(body)
    start, size_bytes = fields[6] - HEADER_BYTES, fields[7]
    data = bytes(body[start : start + size_bytes])
    consumed_bytes, number, _ = _HEAD.unpack_from(data)
    return consumed_bytes // 2, list(_referrals(data, number))


def _referrals(data: bytes, number: int) -> Iterator[Referral]:
    at = _HEAD.size
    for _ in range(number):
        version, size_bytes, kind, flags = _ENTRY.unpack_from(data, at)
        if version == 1:
            target = at + _ENTRY.size
        elif flags & _LIST_OF_NAMES:
            return  # of domains and their controllers, which nobody asked for
        else:
            before = 8 if version == 2 else 4
            target = at + _OFFSETS.unpack_from(data, at + _ENTRY.size + before)[2]
        yield Referral(_text(data, target), kind == _ROOT)
        at += size_bytes


def _text(data: bytes, at: int) -> str:
    end = at
    while data[end : end + 2] not in (b"\0\0", b""):
        end += 2
    return data[at:end].decode("utf-16-le", "surrogatepass")


def namespace_path(side: SmbSide) -> str:
    r"""A side in the words of a namespace.

    | server | share | path | |
    |---|---|---|---|
    | corp | files | a/b/ | \corp\files\a\b |
    | corp | files | | \corp\files |
    """
    return "\\" + "\\".join([side.server, side.share, *_names(side.path, "/")])


def moved(side: SmbSide, target: str, rest: str) -> SmbSide | None:
    r"""The side at a referral's target; None where that is none, or where it is already.

    | target | rest | server, share, path |
    |---|---|---|
    | \nas\data | \b | nas, data, b/ |
    | \nas\data\x | | nas, data, x/ |
    | \nas | | None |
    """
    match _names(target, "\\"):
        case [server, share, *folders]:
            path = "".join(f"{name}/" for name in [*folders, *_names(rest, "\\")])
        case _:
            return None
    same = (server.casefold(), share.casefold(), path.casefold())
    if same == (side.server.casefold(), side.share.casefold(), side.path.casefold()):
        return None
    return side.model_copy(update={"server": server, "share": share, "path": path})


def _names(path: str, mark: str) -> Sequence[str]:
    return [name for name in path.split(mark) if name]
