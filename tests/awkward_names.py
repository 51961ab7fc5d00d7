"""Every awkward name, and what becomes of it between objects, file systems and SMB shares.

One table for docs/names.md (tests/docs), for whole runs over a hostile bucket's names
(runner/engine/test_names.py), and for a real tree to a real server and back, and to a real share
(storage/test_names.py).
"""

from typing import NamedTuple

STORED = "stored"
NOT_THERE = "-"
"""The source cannot have such a name."""
NO_NAME = "NameNotRepresentable"
CONFLICT = "Conflict"
UNLISTED = "takes no part"


class Awkward(NamedTuple):
    """One sort of names: some keys of it, and their fate on each way."""

    what: str
    """As docs/names.md calls it."""
    keys: tuple[bytes, ...]
    to_files: str
    to_objects: str
    to_share: str
    """From a file system; from objects, where no file system can have the name."""
    failing: tuple[bytes, ...] = ()
    """Those of the keys that fail, where not all do."""
    failing_on_share: tuple[bytes, ...] = ()
    """The same of a share; of names that it takes for one, one is stored."""


def deep(count: int, part: bytes = b"d") -> bytes:
    """A file in so many folders."""
    return (part + b"/") * count + b"f"


TABLE = (
    Awkward("an empty part: `a//b`", (b"a//b", b"e/f//"), NO_NAME, NOT_THERE, NO_NAME),
    Awkward("a `/` at the beginning", (b"/x",), NO_NAME, NOT_THERE, NO_NAME),
    Awkward("a part `.`: `a/./b`", (b"p/./q", b"./r", b"s/."), NO_NAME, NOT_THERE, NO_NAME),
    Awkward("a part `..`: `a/../b`", (b"../t", b"u/../../v", b"w/.."), NO_NAME, NOT_THERE, NO_NAME),
    Awkward("NUL", (b"n\0ul",), NO_NAME, NOT_THERE, NO_NAME),
    Awkward("a line break, a tab", (b"new\nline", b"cr\rlf", b"t\tab"), STORED, STORED, NO_NAME),
    Awkward("not UTF-8", (b"latin-\xe9",), NOT_THERE, NO_NAME, NO_NAME),
    Awkward(
        "the same letters in NFC and in NFD",
        ("caf\u00e9".encode(), "cafe\u0301".encode()),
        STORED,
        STORED,
        STORED,
    ),
    Awkward("upper and lower case alone differ", (b"Case", b"case", b"CASE"), STORED, STORED, CONFLICT),
    Awkward("a part of 255 bytes", (b"c" * 255, "ü".encode() * 127 + b"u"), STORED, STORED, STORED),
    Awkward("a part of more than 255 bytes", (b"c" * 256,), NO_NAME, NOT_THERE, NO_NAME),
    Awkward("a key of 1,024 bytes", ((b"k" * 204 + b"/") * 4 + b"k" * 204,), STORED, STORED, STORED),
    Awkward("a path of more than 1,024 bytes", ((b"l" * 250 + b"/") * 4 + b"l" * 250,), NOT_THERE, NO_NAME, STORED),
    Awkward("hundreds of folders", (deep(300),), STORED, STORED, STORED),
    Awkward("a key that is a file and a folder", (b"both", b"both/in"), CONFLICT, NOT_THERE, CONFLICT, (b"both",), (b"both",)),
    Awkward("reserved by Windows: `CON`, `aux.txt`", (b"CON", b"aux.txt", b"nul"), STORED, STORED, NO_NAME),
    Awkward("a dot or a space at the end", (b"dot.", b"space ", b"..."), STORED, STORED, NO_NAME),
    Awkward("a space at the beginning", (b" space",), STORED, STORED, STORED),
    Awkward("`<>:\"|?*`", (b'<>:"|?*',), STORED, STORED, NO_NAME),
    Awkward("a backslash", (b"back\\slash",), STORED, STORED, NO_NAME),
    Awkward("`..` beside a backslash: `..\\a`", (b"..\\x", b"y\\..\\..\\z"), NO_NAME, NO_NAME, NO_NAME),
    Awkward("`+`, `%`, `#`, `&`, `=`", (b"a+b%41#c&d=e",), STORED, STORED, STORED),
    Awkward("begins with a dot, or with `-`", (b".hidden", b"-rf", b"~"), STORED, STORED, STORED),
    Awkward(
        "`.datasync-….tmp`, the runner's own",
        (b".datasync-" + b"0" * 32 + b".tmp",),
        NO_NAME,
        UNLISTED,
        UNLISTED,
    ),
)  # fmt: skip
