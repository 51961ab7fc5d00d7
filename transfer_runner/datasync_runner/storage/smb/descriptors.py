"""Security descriptors as bytes: one form for what different servers say of one thing.  Pure.

What is in them (identifiers, rights, conditions) is passed on as it is, and nobody here reads it.
But two servers lay the same parts out in different order, with other gaps and repetitions; so the
parts are taken out and laid out anew, that equal ones compare equal.
What is no descriptor is refused, never sent.  Source: MS-DTYP 2.4.2, 2.4.4, 2.4.5, 2.4.6.
"""

from collections.abc import Iterator
from itertools import groupby
from struct import Struct
from typing import Final

OWNER, GROUP, DACL, SACL = 0x1, 0x2, 0x4, 0x8
"""SECURITY_INFORMATION (MS-DTYP 2.4.7): which parts are meant."""

_HEADER: Final = Struct("<BBHIIII")
_ACL: Final = Struct("<BBHHH")
_ACE: Final = Struct("<BBH")
_SID_BYTES: Final = 8
_SUB_AUTHORITY_BYTES: Final = 4
_SELF_RELATIVE: Final = 0x8000
_DACL_BITS: Final = 0x1404
"""That there is one, that it was inherited, that it shall not be."""
_SACL_BITS: Final = 0x2810
_INHERITED: Final = 0x0C00
_PROTECTED: Final = 0x3000
"""That a list takes nothing from the folder above, of both lists."""
_REQUIRED: Final = 2
"""A server keeps the bits of _INHERITED only with those that are this much lower."""
_OBJECT_ACES: Final = frozenset({0x05, 0x06, 0x07, 0x08, 0x0B, 0x0C, 0x0F, 0x10})
_REVISION, _REVISION_OF_OBJECTS = 2, 4
_RIGHTS: Final = Struct("<BBHI")
_INHERITED_ENTRY: Final = 0x10
_GENERIC: Final = {
    0x10000000: 0x1F01FF,
    0x20000000: 0x1200A0,
    0x40000000: 0x120116,
    0x80000000: 0x120089,
}
"""What all, execute, write and read are of a file (MS-SMB2 2.2.13.1.1, MS-DTYP 2.4.3)."""


class NoDescriptor(ValueError):
    """The bytes are none."""


def canonical(told: bytes, information: int) -> bytes:
    """What a server has told, in the one form; `information`: the parts that count.

    Raises: NoDescriptor.
    """
    if len(told) < _HEADER.size:
        raise NoDescriptor("it is shorter than its header")
    revision, _, control, owner_at, group_at, sacl_at, dacl_at = _HEADER.unpack_from(told)
    if revision != 1 or not control & _SELF_RELATIVE:
        raise NoDescriptor("it is not of the known form")
    bits = _DACL_BITS | (_SACL_BITS if information & SACL else 0)
    parts = [
        _sid(told, owner_at),
        _sid(told, group_at),
        _acl(told, sacl_at) if information & SACL else b"",
        _acl(told, dacl_at),
    ]
    offsets: list[int] = []
    end = _HEADER.size
    for part in parts:
        offsets.append(end if part else 0)
        end += len(part)
    return _HEADER.pack(1, 0, control & bits | _SELF_RELATIVE, *offsets) + b"".join(parts)


def to_be_set(descriptor: bytes, information: int) -> tuple[bytes, int]:
    """A canonical descriptor as it is sent, and the parts that are meant: no owner that has none.

    Without the bits that ask for it a server forgets that a list was inherited (MS-DTYP 2.4.6).
    """
    control, owner_at, group_at = _HEADER.unpack_from(descriptor)[2:5]
    control |= (control & _INHERITED) >> _REQUIRED
    if not owner_at:
        information &= ~OWNER
    if not group_at:
        information &= ~GROUP
    return descriptor[:2] + control.to_bytes(2, "little") + descriptor[4:], information


def same_meaning(asked: bytes, found: bytes, information: int) -> bool:
    """Whether a file has what was asked for, in canonical form; `information`: what was set.

    A server may write down as its own what decides the same (MS-DTYP 2.5.3.2): whether a list and
    its entries were inherited, rights by their own names for generic ones, and entries that all
    allow, or all deny, in another order.  Who may what is never its own to say.
    """
    return _meaning(asked, information) == _meaning(found, information)


def _meaning(descriptor: bytes, information: int) -> tuple[object, ...]:
    _, _, control, owner_at, group_at, sacl_at, dacl_at = _HEADER.unpack_from(descriptor)
    return (
        control & _PROTECTED,
        _sid(descriptor, owner_at) if information & OWNER else b"",
        _sid(descriptor, group_at) if information & GROUP else b"",
        _runs(descriptor, sacl_at) or None,  # an empty list audits nothing, as none
        _runs(descriptor, dacl_at),
    )


def _runs(descriptor: bytes, at: int) -> list[frozenset[bytes]] | None:
    """Entries of one kind that follow each other, for each change of kind; None: no list."""
    if not at:
        return None
    entries = map(_effective, _entries(descriptor, at))
    return [frozenset(run) for _, run in groupby(entries, key=lambda entry: entry[0])]


def _effective(entry: bytes) -> bytes:
    if len(entry) < _RIGHTS.size:
        return entry
    kind, flags, size_bytes, rights = _RIGHTS.unpack_from(entry)
    for generic, own in _GENERIC.items():
        if rights & generic:
            rights = rights & ~generic | own
    head = _RIGHTS.pack(kind, flags & ~_INHERITED_ENTRY, size_bytes, rights)
    return head + entry[_RIGHTS.size :]


def _sid(told: bytes, at: int) -> bytes:
    """An identifier of a user or group; empty where there is none (MS-DTYP 2.4.2.2)."""
    if not at:
        return b""
    head = told[at : at + 2]
    if len(head) < 2 or head[0] != 1 or head[1] > 15:
        raise NoDescriptor("its owner or group is no identifier")
    return _piece(told, at, _SID_BYTES + head[1] * _SUB_AUTHORITY_BYTES)


def _acl(told: bytes, at: int) -> bytes:
    """A list, each entry once and nothing behind them; empty where there is none.

    The first entry that is about a right decides, so that the same one again decides nothing; Samba
    tells owner and group twice once they were set.
    """
    if not at:
        return b""
    entries = dict.fromkeys(_entries(told, at))
    objects = any(entry[0] in _OBJECT_ACES for entry in entries)
    body = b"".join(entries)
    revision = _REVISION_OF_OBJECTS if objects else _REVISION
    return _ACL.pack(revision, 0, _ACL.size + len(body), len(entries), 0) + body


def _entries(told: bytes, at: int) -> Iterator[bytes]:
    _, _, size_bytes, count, _ = _ACL.unpack(_piece(told, at, _ACL.size))
    whole, start = _piece(told, at, size_bytes), _ACL.size
    for _ in range(count):
        entry_bytes = _ACE.unpack(_piece(whole, start, _ACE.size))[2]
        if entry_bytes < _ACE.size:
            raise NoDescriptor("an entry of a list has no size")
        yield _piece(whole, start, entry_bytes)
        start += entry_bytes


def _piece(data: bytes, at: int, size_bytes: int) -> bytes:
    piece = data[at : at + size_bytes]
    if len(piece) != size_bytes:
        raise NoDescriptor("a part of it lies outside")
    return piece
