"""Entry: one file, folder or link of a location, as a listing tells it.

Keys are bytes relative to the location's root; a folder's key ends in a slash, so that both sides
sort alike: by the bytes of the S3 key.  Tuples, because a run makes millions of them.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

_FILETIME_OF_1970: Final = 116_444_736_000_000_000
UNSTAMPED: Final = 2**63 - 1
"""A change stamp that is not known: later than every clock, so that it proves nothing."""

ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""S3's classes of objects that cannot be read until they are restored."""


class Kind(IntEnum):
    """What an entry is."""

    FILE = 0
    FOLDER = 1
    SYMLINK = 2
    SPECIAL = 3
    """A socket or a FIFO: listed so that it is counted, never transferred or deleted."""
    DEVICE = 4
    """A character or block device: name and metadata, where they are asked for."""


class PosixMetadata(NamedTuple):
    """POSIX metadata as a side states it; None: the side does not state it."""

    mode: int | None = None
    """Permission bits, without those of the file's type."""
    uid: int | None = None
    gid: int | None = None
    mtime_ns: int | None = None
    atime_ns: int | None = None


class Keeps(NamedTuple):
    """What a storage can keep of POSIX metadata; what it cannot is neither written nor compared."""

    owners: bool = True
    """Owner, group and permissions."""
    time_grain_ns: int = 1
    """Times are kept in steps of so much, the rest is cut off."""
    descriptors: bool = False
    """Security descriptors of Windows, where the task copies them."""


EVERYTHING: Final = Keeps()


Tags = tuple[tuple[str, str], ...]
"""Names and values, sorted."""


class ObjectHeaders(NamedTuple):
    """What an object carries beside its bytes and its POSIX metadata."""

    content_type: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    content_disposition: str | None = None
    cache_control: str | None = None
    user_metadata: tuple[tuple[str, str], ...] = ()
    """Sorted; without the keys of POSIX metadata."""
    tags: Tags | None = None
    """None: nobody asked for them."""


class HardLink(NamedTuple):
    """A file that has several names: which inode they share."""

    device: int
    """The number of its file system."""
    inode: int
    names: int
    """How many there are, also outside of the location."""


class StatedInode(NamedTuple):
    """What an object says of the file that it was made of: that it was one of several names."""

    inode: int
    """The same at all of them."""


class Device(NamedTuple):
    """What a device node stands for."""

    block: bool
    number: int
    """Major and minor, as the system packs them."""


class WindowsMetadata(NamedTuple):
    """What shares know beside times; only shares state it, and only shares keep it."""

    attributes: int
    """Those that are kept (MS-FSCC 2.6): read-only, hidden, system, archive."""
    created: int
    """A FILETIME: 100 ns since 1601.  0: not known."""
    descriptor: bytes | None = None
    """What the task copies of the security descriptor, always in one form.

    None: the task copies none, or nobody has asked yet, for no listing tells it.
    """

    @property
    def created_ns(self) -> int:
        """The same in nanoseconds since 1970."""
        return (self.created - _FILETIME_OF_1970) * 100


class Entry(NamedTuple):
    """One item of a listing."""

    key: bytes
    kind: Kind
    size_bytes: int = 0
    mtime_ns: int = 0
    """When it changed: the stated time, else the storage's own (S3: Last-Modified)."""
    metadata: PosixMetadata | None = None
    """None: not known yet; a listing of S3 has no user metadata."""
    implied: bool = False
    """A folder that exists only in the keys below it."""
    bare: bool = False
    """A folder for which the storage keeps no metadata, whatever is written to it."""
    etag: str = ""
    headers: ObjectHeaders | None = None
    changed_ns: int = UNSTAMPED
    """Its change stamp: content and metadata at this key are no younger.

    Set by the storage and by no client: ctime, Last-Modified.  Below a folder that may have been
    moved here, when that happened.
    """
    version_id: str = ""
    """Of an object: this version is meant, as a manifest names it; empty: the current one."""
    node: HardLink | StatedInode | Device | WindowsMetadata | None = None
    """What a file system knows beyond the rest, of few entries; a share, of all."""
    storage_class: str = ""
    """S3's: in a listing the object's own; of an entry to be written, that of the object in its
    place, which it keeps.  Empty: not S3, or nothing there."""


def in_place_of(entry: Entry, there: Entry | None) -> Entry:
    """The entry as it takes the place of another one, whose storage class stays.

    | its own class | there | class |
    |---|---|---|
    | GLACIER | - | (none) |
    | GLACIER | STANDARD | STANDARD |
    | (none) | DEEP_ARCHIVE | DEEP_ARCHIVE |
    """
    kept = "" if there is None else there.storage_class
    return entry if entry.storage_class == kept else entry._replace(storage_class=kept)


def shared_inode(entry: Entry) -> int | None:
    """The number of the inode that a file's names share; None: it has one name alone.

    | node | number |
    |---|---|
    | HardLink of one name | - |
    | HardLink of several | the inode's |
    | StatedInode | the one that is stated |
    | any other | - |
    """
    node = entry.node
    if isinstance(node, HardLink):
        return node.inode if node.names > 1 else None
    return node.inode if isinstance(node, StatedInode) else None


def path_of(key: bytes) -> str:
    """The path that people see: from the root, without a slash at the end.

    | key | path |
    |---|---|
    | a/b | /a/b |
    | a/ | /a |
    """
    text = key.decode("utf-8", "surrogateescape")
    return "/" + (text[:-1] if text.endswith("/") else text)


def parent_of(key: bytes) -> bytes:
    """The key of the folder that holds the entry; empty for the root."""
    return key[: key.rfind(b"/", 0, len(key) - 1) + 1]


def folder_key(key: bytes) -> bytes:
    """The key as that of a folder; the root's stays empty."""
    return key if key.endswith(b"/") or not key else key + b"/"


def folders_of(key: bytes, above: bytes = b"") -> Iterator[bytes]:
    """The keys of the folders around an entry, the outermost first, below the folder `above`.

    | key | above | folders |
    |---|---|---|
    | a/b/c | | a/, a/b/ |
    | a/b/c | a/ | a/b/ |
    """
    at = len(above)
    while at := key.find(b"/", at) + 1:
        yield key[:at]
