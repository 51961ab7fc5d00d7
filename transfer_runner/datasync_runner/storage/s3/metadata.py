"""Entries to the headers of a request, and the headers of an answer to entries."""

import functools
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

from datasync_runner.checksums import from_header
from datasync_runner.core import posix_metadata
from datasync_runner.core.entry import (
    Entry,
    Kind,
    ObjectHeaders,
    PosixMetadata,
    StatedInode,
    shared_inode,
)
from datasync_runner.storage.s3.keeping import STANDARD, STORAGE_CLASS

META: Final = "x-amz-meta-"
CHECKSUM: Final = "x-amz-checksum-crc64nvme"
BARE_FOLDERS: Final = ("httpd/unix-directory",)
"""SeaweedFS makes a folder of its own from a marker, under this type, and drops user metadata."""
_NOTHING: Final = PosixMetadata()
_NAMES: Final = {name: META + name for name in posix_metadata.POSIX_KEYS}


def headers_of(entry: Entry) -> list[tuple[str, str]]:
    """Headers and user metadata of an object to be written."""
    stated = posix_metadata.to_user_metadata(entry.metadata or _NOTHING, entry.kind)
    if entry.node is not None and (inode := shared_inode(entry)) is not None:
        stated[posix_metadata.INODE] = str(inode)
    own = entry.headers
    if own is None:
        return [(_NAMES[name], value) for name, value in stated.items()]
    user = {**dict(own.user_metadata), **stated}
    found = [(META + name.lower(), value) for name, value in user.items()]
    for name, value in (
        ("content-type", own.content_type),
        ("content-encoding", own.content_encoding),
        ("content-language", own.content_language),
        ("content-disposition", own.content_disposition),
        ("cache-control", own.cache_control),
    ):
        if value:
            found.append((name, value))
    return found


def described(
    key: bytes, headers: Mapping[str, str], size_bytes: int, *, storage_class: str = ""
) -> Entry:
    """The entry that the headers of HEAD or GET describe; its class is the one that is known."""
    user = {name[11:]: value for name, value in headers.items() if name[:11] == META}
    metadata, link = posix_metadata.from_user_metadata(user)
    mtime_ns = metadata.mtime_ns
    if mtime_ns is None:
        mtime_ns = modified_ns(headers.get("last-modified", ""))
    folder = key.endswith(b"/")
    foreign = [name for name in user if name not in posix_metadata.POSIX_KEYS]
    inode = None if folder or link else posix_metadata.stated_inode(user)
    return Entry(
        key,
        Kind.FOLDER if folder else Kind.SYMLINK if link else Kind.FILE,
        0 if folder else size_bytes,
        mtime_ns,
        metadata,
        bare=folder and headers.get("content-type") in BARE_FOLDERS and not user,
        etag=headers.get("etag", ""),
        headers=ObjectHeaders(
            headers.get("content-type"),
            headers.get("content-encoding"),
            headers.get("content-language"),
            headers.get("content-disposition"),
            headers.get("cache-control"),
            tuple([(name, user[name]) for name in sorted(foreign)]) if foreign else (),
        ),
        node=None if inode is None else StatedInode(inode),
        storage_class=storage_class,
    )


@functools.lru_cache(256)
def modified_ns(text: str) -> int:
    """Nanoseconds since the epoch of a Last-Modified header; 0 when it is none."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000
    except ValueError:
        return 0


def stored_checksum(headers: Mapping[str, str]) -> int | None:
    """The whole object's CRC64NVME, where the server tells it."""
    if headers.get("x-amz-checksum-type", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    return from_header(headers.get(CHECKSUM))


def says(found: Mapping[str, str], stated: Sequence[tuple[str, str]]) -> bool:
    """Whether an object's headers are those that were stated, with no other user metadata."""
    told, wanted = {STORAGE_CLASS: STANDARD, **found}, {STORAGE_CLASS: STANDARD, **dict(stated)}
    return all(told.get(name) == value for name, value in wanted.items()) and not any(
        name.startswith(META) and name not in wanted for name in found
    )
