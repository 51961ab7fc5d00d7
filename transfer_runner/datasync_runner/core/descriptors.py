"""Security descriptors as bytes: one form for what different servers say of one thing.  Pure.

Two servers lay the same parts out in different order, with other gaps and repetitions; so the
parts are taken out and laid out anew (`canonical`), which is what is kept of them and sent.  What a
server writes down of it may still be in other words; `same_meaning` looks through these, when what
was set is proven, in the next run, and when both sides are compared at the end.
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
_DACL_PRESENT, _SACL_PRESENT = 0x4, 0x10
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
_PLAIN_ACES: Final = frozenset({0x00, 0x01, 0x02, 0x03})
"""Who, and which rights: nothing else (MS-DTYP 2.4.4.2 to 2.4.4.9)."""
_ACES_OF_RIGHTS: Final = _PLAIN_ACES | _OBJECT_ACES | {0x09, 0x0A, 0x0D, 0x0E}
"""Those whose mask means rights; that of a label, for example, does not."""
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
    bits = _DACL_BITS
    if information & SACL:
        bits |= _SACL_BITS
    else:
        sacl_at = 0
    if (dacl_at and not control & _DACL_PRESENT) or (sacl_at and not control & _SACL_PRESENT):
        # Read by its bit it lets everybody in, read by its list it does not.
        raise NoDescriptor("it has a list and says that there is none")
    parts = [_sid(told, owner_at), _sid(told, group_at), _acl(told, sacl_at), _acl(told, dacl_at)]
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


def same_meaning(asked: bytes, found: bytes) -> bool:
    """Whether one canonical descriptor says of a file what another one, that was asked for, says.

    Who may what is the same then, for the file and for what will inherit from it, and also once the
    folder above gives other rights.  Source: MS-DTYP 2.5.3.2 (who may what), 2.5.3.4 (inheritance).

    | asked | found | same |
    |---|---|---|
    | no owner | any | yes: none is set |
    | no group | any | yes: none is set |
    | an owner or a group | another one, or none | no |
    | a list, said to be inherited or not | the other | yes |
    | a list, protected or not | the other | no |
    | allow A, allow B | allow B, allow A | yes |
    | deny A, deny B, allow C | deny B, deny A, allow C | yes |
    | deny A, allow B | allow B, deny A | no |
    | allow A, deny B, allow C | deny B, allow A, allow C | no |
    | an entry, inherited or not | the other | no |
    | an entry for the files below | for the folders below | no |
    | generic rights | those that they stand for | yes |
    | the bit of a generic right, in a label | the rights | no |
    | a list | with an entry more, less, or other | no |
    | an empty list: nobody may | none: everybody may | no |
    | an audit list without entries | none | yes |
    """
    if asked == found:
        return True
    _, _, ours, owner_at, group_at, sacl_at, dacl_at = _HEADER.unpack_from(asked)
    _, _, theirs, their_owner_at, their_group_at, their_sacl_at, their_dacl_at = (
        _HEADER.unpack_from(found)
    )
    return (
        ours & _PROTECTED == theirs & _PROTECTED
        and (not owner_at or _sid(asked, owner_at) == _sid(found, their_owner_at))
        and (not group_at or _sid(asked, group_at) == _sid(found, their_group_at))
        and (_runs(asked, sacl_at) or None) == (_runs(found, their_sacl_at) or None)
        and _runs(asked, dacl_at) == _runs(found, their_dacl_at)
    )


def _runs(descriptor: bytes, at: int) -> list[frozenset[bytes]] | None:
    """Entries of one kind that follow each other, for each change of kind; None: no list.

    What all allow, or all deny, adds up in any order; across a change of kind the first decides.
    """
    if not at:
        return None
    entries = map(_resolved, _entries(descriptor, at))
    return [frozenset(run) for _, run in groupby(entries, key=lambda entry: entry[0])]


def _resolved(entry: bytes) -> bytes:
    """An entry whose generic rights are those of files."""
    if entry[0] not in _ACES_OF_RIGHTS or len(entry) < _RIGHTS.size:
        return entry
    kind, flags, size_bytes, rights = _RIGHTS.unpack_from(entry)
    for generic, own in _GENERIC.items():
        if rights & generic:
            rights = rights & ~generic | own
    return _RIGHTS.pack(kind, flags, size_bytes, rights) + entry[_RIGHTS.size :]


def _sid(told: bytes, at: int) -> bytes:
    """An identifier of a user or group; empty where there is none (MS-DTYP 2.4.2.2)."""
    if not at:
        return b""
    head = told[at : at + 2]
    if len(head) < 2 or head[0] != 1 or head[1] > 15:
        raise NoDescriptor("somebody in it has no identifier")
    return _piece(told, at, _SID_BYTES + head[1] * _SUB_AUTHORITY_BYTES)


def _acl(told: bytes, at: int) -> bytes:
    """A list, each entry once and nothing behind them; empty where there is none.

    The first entry that is about a right decides, so that the same one again decides nothing; Samba
    tells owner and group twice once they were set.
    """
    if not at:
        return b""
    entries = dict.fromkeys(map(_without_slack, _entries(told, at)))
    objects = any(entry[0] in _OBJECT_ACES for entry in entries)
    body = b"".join(entries)
    revision = _REVISION_OF_OBJECTS if objects else _REVISION
    return _ACL.pack(revision, 0, _ACL.size + len(body), len(entries), 0) + body


def _without_slack(entry: bytes) -> bytes:
    """A plain entry without what stands behind its identifier, which says nothing."""
    if entry[0] not in _PLAIN_ACES:
        return entry
    who = _sid(entry, _RIGHTS.size)
    size_bytes = _RIGHTS.size + len(who)
    return entry[:2] + size_bytes.to_bytes(2, "little") + entry[4 : _RIGHTS.size] + who


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
