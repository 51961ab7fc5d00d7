"""POSIX metadata as S3 user metadata, in the schema of AWS DataSync, FSx and Storage Gateway.

It writes one form and reads every known one; junk reads as "not stated", never as an error.
"""

import re
import stat
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from datasync_runner.core.entry import Kind, PosixMetadata

PERMISSIONS, OWNER, GROUP = "file-permissions", "file-owner", "file-group"
MTIME, ATIME, AGENT = "file-mtime", "file-atime", "user-agent"
INODE: Final = "file-inode"
"""Of a file with several names: the number of its inode, as cpio has it in each name's header.

No published schema has hard links; a reader that does not know the key passes over it.  Without the
file system's number, which changes with every mount: what is the same file is proven by more.
"""
POSIX_KEYS: Final = frozenset({PERMISSIONS, OWNER, GROUP, MTIME, ATIME, AGENT, "file-btime", INODE})
USER_AGENT: Final = "datasync-kubernetes"

DEFAULT_MODE: Final = 0o755  # AWS's defaults from S3 to a file system, files and folders alike
DEFAULT_OWNER: Final = 65534

_TYPES: Final = {Kind.FILE: stat.S_IFREG, Kind.FOLDER: stat.S_IFDIR, Kind.SYMLINK: stat.S_IFLNK}
_TIME: Final = re.compile(r"(-?\d{1,20})(?:(ns)|\.(\d{1,18})|/(\d{1,9}))?")
_NS: Final = 1_000_000_000
LATEST_NS: Final = 15_032_385_536 * _NS - 1
"""The last time that ext4 keeps, in 2446; a later one is junk."""
_LONGEST: Final = len(f"{LATEST_NS}ns")
_MAX_INODE: Final = 2**64 - 1
_MAX_ID: Final = 2**32 - 2  # the last value means "leave it" to chown


def with_defaults(stated: PosixMetadata) -> PosixMetadata:
    """What a file system gets where the source states nothing: 0755, 65534:65534."""
    return stated._replace(
        mode=DEFAULT_MODE if stated.mode is None else stated.mode,
        uid=DEFAULT_OWNER if stated.uid is None else stated.uid,
        gid=DEFAULT_OWNER if stated.gid is None else stated.gid,
    )


def to_user_metadata(metadata: PosixMetadata, kind: Kind) -> dict[str, str]:
    """The user metadata that says this; a link always states its type, or it could not return."""
    mode, uid, gid, mtime_ns, atime_ns = metadata
    found = _owners(kind, mode, uid, gid).copy()
    if mtime_ns is not None:
        found[MTIME] = f"{mtime_ns}ns"
    if atime_ns is not None:
        found[ATIME] = f"{atime_ns}ns"
    return found


@lru_cache(1024)
def _owners(kind: Kind, mode: int | None, uid: int | None, gid: int | None) -> dict[str, str]:
    """What is said beside the times: few files of a tree differ in it."""
    found = {AGENT: USER_AGENT}
    if kind is Kind.SYMLINK:
        found[PERMISSIONS] = "0120777"
    elif mode is not None:
        found[PERMISSIONS] = f"{_TYPES[kind] | mode:07o}"
    if uid is not None:
        found[OWNER] = str(uid)
    if gid is not None:
        found[GROUP] = str(gid)
    return found


def from_user_metadata(user: Mapping[str, str]) -> tuple[PosixMetadata, bool]:
    """What user metadata states, and whether it calls the object a symbolic link."""
    if MTIME not in user and "mtime" in user:
        user = {**_of_rclone(user), **user}
    get = user.get
    mode, uid, gid, link = _owned(get(PERMISSIONS, ""), get(OWNER, ""), get(GROUP, ""))
    mtime, atime = get(MTIME, ""), get(ATIME)
    return (
        PosixMetadata(
            mode, uid, gid, parse_time_ns(mtime), parse_time_ns(atime) if atime else None
        ),
        link,
    )


def stated_inode(user: Mapping[str, str]) -> int | None:
    """The inode that user metadata states, where the file had several names."""
    text = user.get(INODE)
    if text is None or not re.fullmatch(r"[0-9]{1,20}", text):
        return None
    return int(text) if int(text) <= _MAX_INODE else None


def _of_rclone(user: Mapping[str, str]) -> dict[str, str]:
    """What rclone states, in our terms: the time always, the rest with `--metadata`.

    | key | rclone | here |
    |---|---|---|
    | mtime | seconds, which may have no fraction | with a fraction, or they were milliseconds |
    | mode | octal, with the type: 100644 | without: it writes no link as one |
    | uid, gid | as they are | as they are |
    """
    mtime = user["mtime"]
    return {
        MTIME: f"{mtime}.0" if mtime.isdecimal() else mtime,
        PERMISSIONS: user.get("mode", "")[-4:],
        OWNER: user.get("uid", ""),
        GROUP: user.get("gid", ""),
    }


@lru_cache(1024)
def _owned(
    permissions: str, owner: str, group: str
) -> tuple[int | None, int | None, int | None, bool]:
    """Mode, owner and group, and whether it is a link: few differ in a tree."""
    mode = int(permissions, 8) if re.fullmatch(r"(0o)?[0-7]{1,7}", permissions) else None
    link = mode is not None and stat.S_IFMT(mode) == stat.S_IFLNK
    return None if mode is None else stat.S_IMODE(mode), _id(owner), _id(group), link


def parse_time_ns(text: str) -> int | None:
    """Nanoseconds since the epoch; None when the text is none of the known forms.

    | text | meaning |
    |---|---|
    | 1595002920000000000ns | nanoseconds |
    | 1734968895000 | milliseconds |
    | 1602647222/222919600 | seconds, nanoseconds |
    | 1602647222.2229196 | seconds |
    """
    digits = text[:-2]
    if len(text) <= _LONGEST and text[-2:] == "ns" and digits.isdecimal() and digits.isascii():
        time_ns = int(digits)  # nearly always
        return time_ns if time_ns <= LATEST_NS else None
    found = _TIME.fullmatch(text.strip()) if text.isascii() else None
    if found is None:
        return None
    whole, unit, fraction, nanoseconds = found.groups()
    value = int(whole)
    if unit:
        time_ns = value
    elif fraction is not None:
        part = int(fraction[:9].ljust(9, "0"))
        time_ns = value * _NS + (-part if whole.startswith("-") else part)
    elif nanoseconds is not None:
        time_ns = value * _NS + int(nanoseconds)
    else:
        time_ns = value * 1_000_000
    return time_ns if abs(time_ns) <= LATEST_NS else None


def _id(text: str) -> int | None:
    value = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else -1
    return value if 0 <= value <= _MAX_ID else None
