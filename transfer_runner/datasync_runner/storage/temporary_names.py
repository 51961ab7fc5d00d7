"""The names under which files are written before they get their own, on every file system."""

import hashlib
import re
from typing import Final

from datasync_runner.storage.errors import NameNotRepresentable

TEMPORARY: Final = re.compile(rb"\.datasync-[0-9a-f]{16}(?:[0-9a-f]{16})?\.tmp")
"""Also the shorter form of earlier releases, so that their leftovers go too."""
PREFIX: Final = b".datasync-"


def temporary_name(name: bytes) -> bytes:
    """The same for the same name, so that a later run overwrites what an interrupted one left.

    128 bits: nobody finds two names of one folder that would meet in it.
    """
    return PREFIX + hashlib.blake2b(name, digest_size=16).hexdigest().encode() + b".tmp"


def refuse_temporary(name: bytes) -> None:
    """Raises: NameNotRepresentable for a file that would be taken for one of ours, and removed."""
    if TEMPORARY.fullmatch(name):
        raise NameNotRepresentable("it has the name of a temporary file of the runner itself")
