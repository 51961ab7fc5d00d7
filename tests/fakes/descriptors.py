"""Security descriptors written down by hand, part by part, after MS-DTYP 2.4."""

import struct

PRESENT, PROTECTED, INHERITED = 0x4, 0x1000, 0x400
AUDITED, AUDIT_INHERITED = 0x10, 0x800
RELATIVE, DEFAULTED = 0x8000, 0x1
OWNER_DACL, EVERYTHING = 7, 15
OBJECT = 5


def sid(*numbers):
    """Somebody."""
    return struct.pack("<BB6s", 1, len(numbers), b"\0\0\0\0\0\5") + struct.pack(
        f"<{len(numbers)}I", *numbers
    )


def ace(kind=0, flags=0, mask=0x1F01FF, who=(32, 544)):
    """An entry of a list."""
    body = struct.pack("<I", mask) + sid(*who)
    return struct.pack("<BBH", kind, flags, 4 + len(body)) + body


def acl(*aces, revision=2, slack=b""):
    """A list; `slack`: what stands behind its entries."""
    body = b"".join(aces)
    size = 8 + len(body) + len(slack)
    return struct.pack("<BBHHH", revision, 0, size, len(aces), 0) + body + slack


OWNER, GROUP = sid(21, 1, 2, 3, 1001), sid(21, 1, 2, 3, 513)
READERS, WRITERS = ace(mask=0x1200A9, who=(11,)), ace(who=(18,))
DACL, SACL = acl(READERS, WRITERS), acl(ace(kind=2, flags=0xC0))


def told(control, *, owner=OWNER, group=GROUP, sacl=b"", dacl=DACL, order="ogsd", gap=b""):
    """A self-relative descriptor with its parts in any order."""
    parts = dict(zip("ogsd", (owner, group, sacl, dacl), strict=True))
    body, at = b"", dict.fromkeys("ogsd", 0)
    for name in order:
        if parts[name]:
            body += gap
            at[name] = 20 + len(body)
            body += parts[name]
    return struct.pack("<BBH4I", 1, 0, control | RELATIVE, *(at[n] for n in "ogsd")) + body


USUAL = told(PRESENT)
OTHER = told(PRESENT, owner=GROUP)
REORDERED = told(PRESENT, dacl=acl(WRITERS, READERS))
"""It says what the usual one says."""
