"""The values that pass through the port between the engine and storage.  Pure, and no I/O."""

from collections.abc import Sequence
from typing import NamedTuple

from datasync_runner.core.entry import UNSTAMPED, Entry
from datasync_runner.storage.errors import StorageError


class Batch(NamedTuple):
    """A piece of a listing: entries by rising key, and folders that could not be listed."""

    entries: Sequence[Entry]
    errors: Sequence[StorageError] = ()
    """A folder's error is told before anything behind the folder is."""
    looked_up: bool = False
    """Its items were asked for one by one: the errors are theirs, and no folder's."""


class Content(NamedTuple):
    """A small file whole, the entry as it was when it was read; a link's body is its target."""

    entry: Entry
    body: bytes


class Standing(NamedTuple):
    """What tells whether a location is the one that a run before has seen."""

    root: str = ""
    """The numbers of the root's file system and of the root, a colon between them.

    Empty where the URI says it all.
    """
    changed_ns: int = UNSTAMPED
    """The root's own change stamp; UNSTAMPED where it has none."""


class Written(NamedTuple):
    """Something that is at the destination now: what it should be there."""

    entry: Entry
    checksum: int | None
    """CRC64NVME of the bytes that left the source; None: none did, and it is proven otherwise."""
    proven: bool = False
    """The destination has computed the same checksum, or tells the ETag of what it was to copy."""
    version_id: str = ""
    """Of an object in a bucket with versioning."""
    etag: str = ""
    """Of an object that was sent, by which a copy means the very same; empty: not known."""


class Link(NamedTuple):
    """Another name for a file that is at the destination already."""

    entry: Entry
    first: bytes
    """The key of the name that is there."""
    inode: tuple[int, int] | None
    """File system and inode of `first` before this run; None: it was not there, or not known."""
    kept: bool
    """`first` was right and must still be that inode; else this run has written it, to another."""


class Duplicate(NamedTuple):
    """Another name for what is at the destination already: an object of its own."""

    entry: Entry
    first: Entry
    """What is there; with its ETag where that very object is meant."""
    checksum: int | None
    """CRC64NVME of what was sent there; None: not known."""


class Examined(NamedTuple):
    """An entry with its metadata known, and what its storage vouches for."""

    entry: Entry
    checksum: int | None = None
    """CRC64NVME of the whole content; None: it has to be read."""
