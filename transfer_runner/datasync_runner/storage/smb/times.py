"""Windows' times and attributes as ours.  Pure.

A FILETIME counts 100 ns since 1601 (MS-DTYP 2.3.3); 0 and below say that there is none.
"""

from typing import Final

from datasync_runner.core.entry import UNSTAMPED, Entry, Kind, PosixMetadata, WindowsMetadata
from datasync_runner.core.posix_metadata import LATEST_NS
from datasync_runner.storage.smb.responses import State

GRAIN_NS: Final = 100
_EPOCH: Final = 116_444_736_000_000_000
_EARLIEST_NS: Final = -(2**63)
"""In 1677: what is earlier is a time that nobody has set."""
_FOLDER, _REPARSE = 0x10, 0x400
_SURROGATE: Final = 0x20000000
"""The bit of a tag that says "another named entity" (MS-FSCC 2.1.2.1): links and junctions."""

KEPT: Final = 0x01 | 0x02 | 0x04 | 0x20
"""Attributes that are kept between shares: read-only, hidden, system, archive.

Others are of the file system (compressed, encrypted, sparse), or mean what another server does not.
"""
FILE_MODE: Final = 0o644
FOLDER_MODE: Final = 0o755
OWNER: Final = 65534
"""What AWS DataSync gives files from SMB, which has neither modes nor such owners."""


def to_ns(filetime: int) -> int | None:
    """Nanoseconds since 1970; None where it says none, or one later than files have.

    | FILETIME | ns |
    |---|---|
    | 116444736000000000 | 0 |
    | 116444736000000001 | 100 |
    | 0 | None |
    """
    time_ns = (filetime - _EPOCH) * GRAIN_NS
    return time_ns if filetime > 0 and _EARLIEST_NS <= time_ns <= LATEST_NS else None


def to_filetime(time_ns: int | None) -> int:
    """What is less than 100 ns is cut off; 0 for None: leave the time as it is."""
    return 0 if time_ns is None else time_ns // GRAIN_NS + _EPOCH


def same(wanted_ns: int | None, found_ns: int | None) -> bool:
    """Whether a time is there that was to be kept."""
    if wanted_ns is None:
        return True
    return found_ns is not None and wanted_ns // GRAIN_NS == found_ns // GRAIN_NS


def kind_of(attributes: int, tag: int) -> Kind:
    """What an entry is.

    | reparse point | tag | folder | kind |
    |---|---|---|---|
    | no | | no | FILE |
    | no | | yes | FOLDER |
    | yes | symbolic link, junction | any | SPECIAL: never followed |
    | yes | any other: the server shows what is behind it | no | FILE |
    | yes | any other | yes | FOLDER |
    """
    if attributes & _REPARSE and tag & _SURROGATE:
        return Kind.SPECIAL
    return Kind.FOLDER if attributes & _FOLDER else Kind.FILE


def stamp_of(state: State, moved_ns: int) -> int:
    """The change stamp of what may have been moved to its place then, with a folder around it.

    A ChangeTime that is the LastWriteTime may be nothing but that, as Samba's always is; and every
    client can set that one.

    | ChangeTime | moved | stamp |
    |---|---|---|
    | none: FAT has no such time | any | UNSTAMPED |
    | the LastWriteTime | any | UNSTAMPED |
    | any other | earlier, or 0: never | ChangeTime |
    | any other | later | moved |
    """
    changed_ns = to_ns(state.changed)
    if changed_ns is None or state.changed == state.written:
        return UNSTAMPED
    return max(changed_ns, moved_ns)


def entry_of(
    key: bytes,
    kind: Kind,
    state: State,
    *,
    changed_ns: int = UNSTAMPED,
    descriptor: bytes | None = None,
) -> Entry:
    """The entry of a file or folder; its key ends in a slash where it is a folder."""
    mtime_ns = to_ns(state.written)
    folder = kind is Kind.FOLDER
    metadata = PosixMetadata(
        FOLDER_MODE if folder else FILE_MODE, OWNER, OWNER, mtime_ns, to_ns(state.accessed)
    )
    size_bytes = 0 if folder else state.size_bytes
    windows = WindowsMetadata(state.attributes & KEPT, state.created, descriptor)
    return Entry(
        key, kind, size_bytes, mtime_ns or 0, metadata, changed_ns=changed_ns, node=windows
    )
