"""What is done with a pair in every situation that a sync meets, and why.

Both sides were equal when the last run of the same recipe succeeded; then something happened.
`asked`: a request was made first, a HEAD for each side that is objects (and with compareMode
Checksum a reading of what no server vouches for); where a baseline proves that nothing has changed
none is.  `read`: both files were.  `-`: this cannot happen to that pair.  What a stamp does not
tell and no property shows is listed too, at the end of each part.

| situation | posix → S3 | S3 → posix | S3 → S3 | posix → posix |
| nothing | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| nothing, and no run has succeeded yet | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| nothing, but the recipe is another | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| nothing, but another volume is mounted at one end | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| nothing; the last run wrote it at its very end | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| nothing; it came just before the last run | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| nothing; its mtime lies in the future | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| a run after it copied this, then failed | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| a run after it copied this, then was cancelled | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| summer time begins | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| a folder | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| a symbolic link | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| an object that was uploaded in parts | Skip Same, asked | Skip Same, asked | Skip Same, asked | - |
| an object of another tool, restored before | - | Skip Unchanged | - | - |
| an object of another tool, copied before | - | - | Skip Unchanged | - |
| source: new | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination |
| source: removed | Skip NotAtSource | Skip NotAtSource | Skip NotAtSource | Skip NotAtSource |
| source: removed, preserveDeletedFiles Remove | Delete NotAtSource | Delete NotAtSource | Delete NotAtSource | Delete NotAtSource |
| source: another size | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| source: another size, the old mtime put back | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| source: rewritten, the same size | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| source: touched | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| source: an older mtime set | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| source: chmod | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| source: chown | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| source: chgrp | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| source: chmod and back | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| source: another hard link made | Skip Same, asked | - | - | Skip Same |
| source: an older file renamed over it | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| source: an older file of another size renamed over it | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| source: a folder with an older file moved over its folder | Copy MtimeDiffers, asked | - | - | Copy MtimeDiffers |
| source: a folder moved away and back | Skip Same, asked | - | - | Skip Same |
| source: now a symbolic link | Copy KindDiffers, asked | Copy KindDiffers, asked | Copy KindDiffers, asked | Copy KindDiffers |
| source: now a socket | Skip SpecialFile | - | - | Skip SpecialFile |
| source: a folder got a file | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| source: a folder's chmod | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| source: rewritten while the last run went, after it was read | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| source: rewritten while the last run went, before it was read | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| source: rewritten at the very start of the last run | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| source: user metadata changed | - | Skip Same, asked | UpdateMetadata UserMetadataDiffers, asked | - |
| source: content type changed | - | Skip Same, asked | Skip Same, asked | - |
| source: the same uploaded again | - | Skip Same, asked | Skip Same, asked | - |
| source: another tool uploaded the same again | - | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | - |
| source: an upload in parts, begun before the last run, is there now | - | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | - |
| source: put back to an earlier state, another size | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| source: put back to an earlier state, the same size | Skip Unchanged | Skip Unchanged | Skip Unchanged | Copy MtimeDiffers |
| source: rewritten, the same size, the old mtime put back | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| source: a file of that size and mtime renamed over it | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| destination: removed | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination |
| destination: another size | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| destination: another tool wrote the same size | Copy MtimeUnknown, asked | - | Copy MtimeUnknown, asked | - |
| destination: rewritten, the same size | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| destination: touched | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| destination: chmod | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| destination: chown | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| destination: chgrp | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| destination: an older file renamed over it | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| destination: a folder with an older file moved over its folder | - | Copy MtimeDiffers, asked | - | Copy MtimeDiffers |
| destination: a folder's chmod | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers |
| destination: user metadata changed | Skip Same, asked | - | UpdateMetadata UserMetadataDiffers, asked | - |
| destination: now a symbolic link | Copy KindDiffers, asked | Copy KindDiffers, asked | Copy KindDiffers, asked | Copy KindDiffers |
| destination: now a socket | - | Conflict SpecialFileInTheWay | - | Conflict SpecialFileInTheWay |
| destination: a file system put back to an earlier state | - | Copy MtimeDiffers, asked | - | Copy MtimeDiffers |
| destination: an upload in parts, begun before the last run, is there now | Copy MtimeUnknown, asked | - | Copy MtimeUnknown, asked | - |
| destination: an older version of the object is back | Skip Unchanged | - | Skip Unchanged | - |
| destination: rewritten while the last run went, after we wrote it | Skip Unchanged | Skip Unchanged | Skip Unchanged | Copy MtimeDiffers |
| destination: rewritten, the same size, the old mtime put back | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| both: rewritten alike by somebody else | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| clocks: the source's an hour ahead, nothing | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| clocks: the source's an hour behind, nothing | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| clocks: the source's an hour ahead, rewritten there | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| clocks: the source's an hour behind, rewritten there | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| clocks: the destination's a day ahead, rewritten there | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| clocks: the destination's a day behind, rewritten there | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers |
| clocks: a file server 4 minutes behind us, rewritten right after the start | Copy MtimeDiffers, asked | - | - | Copy MtimeDiffers |
| clocks: a file server 6 minutes behind us, rewritten right after the start | Skip Unchanged | - | - | Copy MtimeDiffers |
| overwriteMode Never, rewritten | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever |
| overwriteMode Never, changed at the destination | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever |
| transferMode All, nothing | Copy TransferModeAll | Copy TransferModeAll | Copy TransferModeAll | Copy TransferModeAll |
| mtime None, touched | Copy SourceNewer, asked | Copy SourceNewer, asked | Copy SourceNewer, asked | Copy SourceNewer |
| posixPermissions None, chmod | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| uid None, chown | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| gid None, chgrp | Skip Same, asked | Skip Same, asked | Skip Same, asked | Skip Same |
| compareMode Checksum, nothing | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| compareMode Checksum, rewritten, the same size, the old mtime put back | Copy ContentDiffers, asked | Copy ContentDiffers, asked | Copy ContentDiffers, asked | Copy ContentDiffers, read |
| compareMode Checksum, touched | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, read |
| compareMode Checksum, other bytes at the destination | Copy ContentDiffers, asked | Copy ContentDiffers, asked | Copy ContentDiffers, asked | Copy ContentDiffers, read |
| no metadata is kept, nothing | Skip Unchanged | Skip Unchanged | Skip Unchanged | Skip Same |
| no metadata is kept, rewritten | Copy SourceNewer | Copy SourceNewer | Copy SourceNewer, asked | Copy SourceNewer |
| no metadata is kept, its mtime lies in the future | Skip Unchanged | - | - | Copy SourceNewer |

And from and to shares, which tell neither owners nor permissions; a stamp there is a ChangeTime that
is not the LastWriteTime.

| situation | SMB → S3 | S3 → SMB | SMB → SMB | SMB → posix | posix → SMB |
| nothing | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| nothing, and no run has succeeded yet | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| nothing, but the recipe is another | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| nothing, but another volume is mounted at one end | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| nothing; the last run wrote it at its very end | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| nothing; it came just before the last run | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| nothing; its mtime lies in the future | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| a run after it copied this, then failed | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| a run after it copied this, then was cancelled | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| summer time begins | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| a folder | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| nothing, on a share whose server has no ChangeTime of its own | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| an object that was uploaded in parts | Skip Same, asked | Skip Same, asked | - | - | - |
| an object of another tool, restored before | - | Skip Unchanged | - | - | - |
| source: new | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination |
| source: removed | Skip NotAtSource | Skip NotAtSource | Skip NotAtSource | Skip NotAtSource | Skip NotAtSource |
| source: removed, preserveDeletedFiles Remove | Delete NotAtSource | Delete NotAtSource | Delete NotAtSource | Delete NotAtSource | Delete NotAtSource |
| source: another size | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| source: another size, the old mtime put back | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| source: rewritten, the same size | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| source: touched | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| source: an older mtime set | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| source: chmod | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| source: chown | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| source: chgrp | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| source: chmod and back | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| source: another hard link made | - | - | - | - | Skip Same |
| source: an older file renamed over it | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| source: an older file of another size renamed over it | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| source: a folder with an older file moved over its folder | Copy MtimeDiffers, asked | - | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| source: a folder moved away and back | Skip Same, asked | - | Skip Same | Skip Same | Skip Same |
| source: now a symbolic link | Skip SpecialFile | Copy KindDiffers, asked | Skip SpecialFile | Skip SpecialFile | Copy KindDiffers |
| source: now a socket | - | - | - | - | Skip SpecialFile |
| source: a folder got a file | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers | UpdateMetadata MetadataDiffers | UpdateMetadata MetadataDiffers |
| source: a folder's chmod | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| source: rewritten while the last run went, after it was read | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| source: rewritten while the last run went, before it was read | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| source: rewritten at the very start of the last run | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| source: user metadata changed | - | Skip Same, asked | - | - | - |
| source: content type changed | - | Skip Same, asked | - | - | - |
| source: the same uploaded again | - | Skip Same, asked | - | - | - |
| source: another tool uploaded the same again | - | Copy MtimeDiffers, asked | - | - | - |
| source: an upload in parts, begun before the last run, is there now | - | Copy MtimeDiffers, asked | - | - | - |
| source: put back to an earlier state, another size | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| source: put back to an earlier state, the same size | Skip Unchanged | Skip Unchanged | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| source: rewritten, the same size, the old mtime put back | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| source: a file of that size and mtime renamed over it | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| destination: removed | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination | Copy NotAtDestination |
| destination: another size | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers | Copy SizeDiffers |
| destination: another tool wrote the same size | Copy MtimeUnknown, asked | - | - | - | - |
| destination: rewritten, the same size | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| destination: touched | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| destination: chmod | UpdateMetadata MetadataDiffers, asked | Skip Same, asked | Skip Same | UpdateMetadata MetadataDiffers | Skip Same |
| destination: chown | UpdateMetadata MetadataDiffers, asked | Skip Same, asked | Skip Same | UpdateMetadata MetadataDiffers | Skip Same |
| destination: chgrp | UpdateMetadata MetadataDiffers, asked | Skip Same, asked | Skip Same | UpdateMetadata MetadataDiffers | Skip Same |
| destination: an older file renamed over it | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| destination: a folder with an older file moved over its folder | - | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| destination: a folder's chmod | UpdateMetadata MetadataDiffers, asked | Skip Same, asked | Skip Same | UpdateMetadata MetadataDiffers | Skip Same |
| destination: user metadata changed | Skip Same, asked | - | - | - | - |
| destination: now a symbolic link | Copy KindDiffers, asked | Conflict SpecialFileInTheWay | Conflict SpecialFileInTheWay | Copy KindDiffers | Conflict SpecialFileInTheWay |
| destination: now a socket | - | - | - | Conflict SpecialFileInTheWay | - |
| destination: a file system put back to an earlier state | - | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| destination: an upload in parts, begun before the last run, is there now | Copy MtimeUnknown, asked | - | - | - | - |
| destination: an older version of the object is back | Skip Unchanged | - | - | - | - |
| destination: rewritten while the last run went, after we wrote it | Skip Unchanged | Skip Unchanged | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| destination: rewritten, the same size, the old mtime put back | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| both: rewritten alike by somebody else | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| clocks: the source's an hour ahead, nothing | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| clocks: the source's an hour behind, nothing | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| clocks: the source's an hour ahead, rewritten there | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| clocks: the source's an hour behind, rewritten there | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| clocks: the destination's a day ahead, rewritten there | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| clocks: the destination's a day behind, rewritten there | Copy MtimeDiffers, asked | Copy MtimeDiffers, asked | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| clocks: a file server 4 minutes behind us, rewritten right after the start | Copy MtimeDiffers, asked | - | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| clocks: a file server 6 minutes behind us, rewritten right after the start | Skip Unchanged | - | Copy MtimeDiffers | Copy MtimeDiffers | Copy MtimeDiffers |
| overwriteMode Never, rewritten | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever |
| overwriteMode Never, changed at the destination | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever | Skip OverwriteNever |
| transferMode All, nothing | Copy TransferModeAll | Copy TransferModeAll | Copy TransferModeAll | Copy TransferModeAll | Copy TransferModeAll |
| mtime None, touched | Copy SourceNewer, asked | Copy SourceNewer | Copy SourceNewer | Copy SourceNewer | Copy SourceNewer |
| posixPermissions None, chmod | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| uid None, chown | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| gid None, chgrp | Skip Same, asked | Skip Same, asked | Skip Same | Skip Same | Skip Same |
| compareMode Checksum, nothing | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| compareMode Checksum, rewritten, the same size, the old mtime put back | Copy ContentDiffers, asked | Copy ContentDiffers, asked | Copy ContentDiffers, read | Copy ContentDiffers, read | Copy ContentDiffers, read |
| compareMode Checksum, touched | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, asked | UpdateMetadata MetadataDiffers, read | UpdateMetadata MetadataDiffers, read | UpdateMetadata MetadataDiffers, read |
| compareMode Checksum, other bytes at the destination | Copy ContentDiffers, asked | Copy ContentDiffers, asked | Copy ContentDiffers, read | Copy ContentDiffers, read | Copy ContentDiffers, read |
| no metadata is kept, nothing | Skip Unchanged | Skip Unchanged | Skip Same | Skip Same | Skip Same |
| no metadata is kept, rewritten | Copy SourceNewer | Copy SourceNewer | Copy SourceNewer | Copy SourceNewer | Copy SourceNewer |
| no metadata is kept, its mtime lies in the future | Skip Unchanged | - | Copy SourceNewer | Copy SourceNewer | Copy SourceNewer |
"""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import UNSTAMPED, Entry, Kind, ObjectHeaders, PosixMetadata
from datasync_runner.core.listed import settled_by
from datasync_runner.storage.s3.entries import stamp
from datasync_runner.storage.smb.times import FILE_MODE, FOLDER_MODE, OWNER

PLAIN = ("posix → S3", "S3 → posix", "S3 → S3", "posix → posix")
SHARES = ("SMB → S3", "S3 → SMB", "SMB → SMB", "SMB → posix", "posix → SMB")
PAIRS = (*PLAIN, *SHARES)
START, END = 1000, 2000
"""Of the last run, by both clocks."""
THEN, LATER = 500, 3000
"""Long before the last run, and after it."""
HOUR = 3600
REMOVE, NEVER, ALL = {"delete": True}, {"overwrite": False}, {"compare": False}
BY_CONTENT = {"checksum": True}
NO_OWNERS = {"uid": False, "gid": False, "mode": False}
"""What a share keeps of owners and permissions."""
TOLD_BY_SHARES = {
    Kind.FILE: {"mode": FILE_MODE, "uid": OWNER, "gid": OWNER},
    Kind.FOLDER: {"mode": FOLDER_MODE, "uid": OWNER, "gid": OWNER},
}
NOTHING_KEPT = {"mtime": False, "uid": False, "gid": False, "mode": False}


@dataclass(frozen=True)
class Item:
    """One end of the pair, as it is at rest."""

    kind: Kind = Kind.FILE
    size: int = 3
    mtime: int | None = THEN
    """None: of an object that states none."""
    mode: int | None = 0o644
    uid: int | None = 1000
    gid: int | None = 1000
    content: str = "old"
    user: str = ""
    stamp: int = THEN
    parts: bool = False

    def entry(self, side: str, *, listed: bool) -> Entry:
        """As a listing tells it, or with all that is known once it is asked for."""
        objects = side == "S3"
        if side == "SMB":
            assert self.mtime is not None
            mode = FOLDER_MODE if self.kind is Kind.FOLDER else FILE_MODE
            kind = Kind.SPECIAL if self.kind is Kind.SYMLINK else self.kind
            stated = PosixMetadata(mode, OWNER, OWNER, self.mtime)
            return Entry(b"k", kind, self.size, self.mtime, stated, changed_ns=self.stamp)
        etag = f'"{self.content}{"-2" if self.parts else ""}"' if objects else ""
        stated = PosixMetadata(self.mode, self.uid, self.gid, self.mtime)
        if not objects:
            assert self.mtime is not None
            return Entry(b"k", self.kind, self.size, self.mtime, stated, changed_ns=self.stamp)
        kind = Kind.FILE if listed and self.kind is Kind.SYMLINK else self.kind
        known = Entry(
            b"k",
            kind,
            self.size,
            self.stamp,
            etag=etag,
            changed_ns=stamp(self.stamp, etag),
        )
        if listed:
            return known
        return known._replace(
            metadata=stated,
            mtime_ns=self.stamp if self.mtime is None else self.mtime,
            headers=ObjectHeaders(user_metadata=((("mine", self.user),) if self.user else ())),
        )


@dataclass(frozen=True)
class Situation:
    """What happened to each end since; None: it is gone."""

    source: dict[str, Any] | None = field(default_factory=dict)
    destination: dict[str, Any] | None = field(default_factory=dict)
    both: dict[str, Any] = field(default_factory=dict)
    """What holds of both all the time."""
    options: dict[str, Any] = field(default_factory=dict)
    baseline: bool = True
    ahead: tuple[int, int] = (0, 0)
    """How far each side's clock is ahead."""
    margin: int = 0
    """How long before the start the source counts as seen."""
    pairs: tuple[str, ...] = PAIRS


def changed(**what: Any) -> dict[str, Any]:
    return {"stamp": LATER, **what}


def source(**what: Any) -> Situation:
    return Situation(source=changed(**what))


def destination(**what: Any) -> Situation:
    return Situation(destination=changed(**what))


FROM_OBJECTS = ("S3 → posix", "S3 → S3", "S3 → SMB")
TO_OBJECTS = ("posix → S3", "S3 → S3", "SMB → S3")
FROM_FILES = tuple([pair for pair in PAIRS if pair not in FROM_OBJECTS])
TO_FILES = tuple([pair for pair in PAIRS if pair not in TO_OBJECTS])
FROM_POSIX = tuple([pair for pair in PAIRS if pair.startswith("posix")])
TO_POSIX = tuple([pair for pair in PAIRS if pair.endswith("posix")])
WITH_OBJECTS = (*FROM_OBJECTS, "posix → S3", "SMB → S3")
COPIED = {"stamp": END - 500}
"""When the last run has written the destination."""
UNSTATED = {"mtime": None, "mode": None, "uid": None, "gid": None}
DEFAULTS = {"mode": 0o755, "uid": 65534, "gid": 65534}

SITUATIONS: dict[str, Situation] = {
    # Nothing has happened
    "nothing": Situation(),
    "nothing, and no run has succeeded yet": Situation(baseline=False),
    "nothing, but the recipe is another": Situation(baseline=False),
    "nothing, but another volume is mounted at one end": Situation(baseline=False),
    "nothing; the last run wrote it at its very end": Situation(destination={"stamp": END}),
    "nothing; it came just before the last run": Situation(source={"stamp": START - 1}),
    "nothing; its mtime lies in the future": Situation(both={"mtime": 9000}),
    "a run after it copied this, then failed": Situation(destination={"stamp": END + 500}),
    "a run after it copied this, then was cancelled": Situation(destination={"stamp": END + 400}),
    "summer time begins": Situation(),
    "a folder": Situation(both={"kind": Kind.FOLDER, "size": 0}),
    "a symbolic link": Situation(both={"kind": Kind.SYMLINK, "mode": 0o777}, pairs=PLAIN),
    "nothing, on a share whose server has no ChangeTime of its own": Situation(
        source={"stamp": UNSTAMPED}, destination={"stamp": UNSTAMPED}, pairs=SHARES
    ),
    "an object that was uploaded in parts": Situation(both={"parts": True}, pairs=WITH_OBJECTS),
    "an object of another tool, restored before": Situation(
        source=UNSTATED, destination={**DEFAULTS}, pairs=("S3 → posix", "S3 → SMB")
    ),
    "an object of another tool, copied before": Situation(both=UNSTATED, pairs=("S3 → S3",)),
    # At the source
    "source: new": Situation(source=changed(), destination=None),
    "source: removed": Situation(source=None),
    "source: removed, preserveDeletedFiles Remove": Situation(source=None, options=REMOVE),
    "source: another size": source(size=4, content="new", mtime=LATER),
    "source: another size, the old mtime put back": source(size=4, content="new"),
    "source: rewritten, the same size": source(content="new", mtime=LATER),
    "source: touched": source(mtime=LATER),
    "source: an older mtime set": source(mtime=THEN - 1),
    "source: chmod": source(mode=0o600),
    "source: chown": source(uid=1),
    "source: chgrp": source(gid=1),
    "source: chmod and back": source(),
    "source: another hard link made": Situation(source=changed(), pairs=FROM_POSIX),
    "source: an older file renamed over it": source(content="new", mtime=THEN - 100),
    "source: an older file of another size renamed over it": source(size=4, mtime=THEN - 100),
    "source: a folder with an older file moved over its folder": Situation(
        source=changed(content="new", mtime=THEN - 100), pairs=FROM_FILES
    ),
    "source: a folder moved away and back": Situation(source=changed(), pairs=FROM_FILES),
    "source: now a symbolic link": source(kind=Kind.SYMLINK, mode=0o777, mtime=LATER),
    "source: now a socket": Situation(source=changed(kind=Kind.SPECIAL), pairs=FROM_POSIX),
    "source: a folder got a file": Situation(
        source=changed(mtime=LATER), both={"kind": Kind.FOLDER, "size": 0}
    ),
    "source: a folder's chmod": Situation(
        source=changed(mode=0o700), both={"kind": Kind.FOLDER, "size": 0}
    ),
    "source: rewritten while the last run went, after it was read": Situation(
        source={"stamp": START + 500, "content": "new", "mtime": START + 500}
    ),
    "source: rewritten while the last run went, before it was read": Situation(
        source={"stamp": START + 100, "mtime": START + 100}, destination={"mtime": START + 100}
    ),
    "source: rewritten at the very start of the last run": Situation(
        source={"stamp": START, "content": "new", "mtime": START}
    ),
    "source: user metadata changed": Situation(source=changed(user="new"), pairs=FROM_OBJECTS),
    "source: content type changed": Situation(source=changed(), pairs=FROM_OBJECTS),
    "source: the same uploaded again": Situation(source=changed(), pairs=FROM_OBJECTS),
    "source: another tool uploaded the same again": Situation(
        source=changed(**UNSTATED), pairs=FROM_OBJECTS
    ),
    "source: an upload in parts, begun before the last run, is there now": Situation(
        source={"parts": True, "content": "new", "mtime": THEN + 1}, pairs=FROM_OBJECTS
    ),
    "source: put back to an earlier state, another size": Situation(
        source={"size": 4, "content": "older", "mtime": THEN - 100, "stamp": THEN - 100}
    ),
    "source: put back to an earlier state, the same size": Situation(
        source={"content": "older", "mtime": THEN - 100, "stamp": THEN - 100}
    ),
    "source: rewritten, the same size, the old mtime put back": source(content="new"),
    "source: a file of that size and mtime renamed over it": source(content="new"),
    # At the destination
    "destination: removed": Situation(destination=None),
    "destination: another size": destination(size=4, content="new", mtime=LATER),
    "destination: another tool wrote the same size": Situation(
        destination=changed(content="new", **UNSTATED), pairs=TO_OBJECTS
    ),
    "destination: rewritten, the same size": destination(content="new", mtime=LATER),
    "destination: touched": destination(mtime=LATER),
    "destination: chmod": destination(mode=0o600),
    "destination: chown": destination(uid=1),
    "destination: chgrp": destination(gid=1),
    "destination: an older file renamed over it": destination(content="new", mtime=THEN - 100),
    "destination: a folder with an older file moved over its folder": Situation(
        destination=changed(content="new", mtime=THEN - 100), pairs=TO_FILES
    ),
    "destination: a folder's chmod": Situation(
        destination=changed(mode=0o700), both={"kind": Kind.FOLDER, "size": 0}
    ),
    "destination: user metadata changed": Situation(
        destination=changed(user="new"), pairs=TO_OBJECTS
    ),
    "destination: now a symbolic link": destination(kind=Kind.SYMLINK, mode=0o777),
    "destination: now a socket": Situation(destination=changed(kind=Kind.SPECIAL), pairs=TO_POSIX),
    "destination: a file system put back to an earlier state": Situation(
        destination={"content": "older", "mtime": THEN - 100, "stamp": THEN - 100},
        baseline=False,
        pairs=TO_FILES,
    ),
    "destination: an upload in parts, begun before the last run, is there now": Situation(
        destination={"parts": True, "content": "new", "stamp": THEN, **UNSTATED}, pairs=TO_OBJECTS
    ),
    "destination: an older version of the object is back": Situation(
        destination={"content": "older", "mtime": THEN - 100, "stamp": THEN}, pairs=TO_OBJECTS
    ),
    "destination: rewritten while the last run went, after we wrote it": Situation(
        destination={"content": "new", "mtime": END - 100, "stamp": END - 100}
    ),
    "destination: rewritten, the same size, the old mtime put back": destination(content="new"),
    # Both, and clocks
    "both: rewritten alike by somebody else": Situation(
        source=changed(content="new", mtime=LATER), destination=changed(content="new", mtime=LATER)
    ),
    "clocks: the source's an hour ahead, nothing": Situation(ahead=(HOUR, 0)),
    "clocks: the source's an hour behind, nothing": Situation(ahead=(-HOUR, 0)),
    "clocks: the source's an hour ahead, rewritten there": replace(
        source(content="new", mtime=LATER), ahead=(HOUR, 0)
    ),
    "clocks: the source's an hour behind, rewritten there": replace(
        source(content="new", mtime=LATER), ahead=(-HOUR, 0)
    ),
    "clocks: the destination's a day ahead, rewritten there": replace(
        destination(content="new", mtime=LATER), ahead=(0, 24 * HOUR)
    ),
    "clocks: the destination's a day behind, rewritten there": replace(
        destination(content="new", mtime=LATER), ahead=(0, -24 * HOUR)
    ),
    "clocks: a file server 4 minutes behind us, rewritten right after the start": Situation(
        source={"stamp": START - 240, "content": "new", "mtime": START - 240},
        margin=300,
        pairs=FROM_FILES,
    ),
    "clocks: a file server 6 minutes behind us, rewritten right after the start": Situation(
        source={"stamp": START - 360, "content": "new", "mtime": START - 360},
        margin=300,
        pairs=FROM_FILES,
    ),
    # Options
    "overwriteMode Never, rewritten": replace(source(content="new", mtime=LATER), options=NEVER),
    "overwriteMode Never, changed at the destination": replace(
        destination(content="new", mtime=LATER), options=NEVER
    ),
    "transferMode All, nothing": Situation(options=ALL),
    "mtime None, touched": replace(source(mtime=LATER), options={"mtime": False}),
    "posixPermissions None, chmod": replace(source(mode=0o600), options={"mode": False}),
    "uid None, chown": replace(source(uid=1), options={"uid": False}),
    "gid None, chgrp": replace(source(gid=1), options={"gid": False}),
    "compareMode Checksum, nothing": Situation(options=BY_CONTENT),
    "compareMode Checksum, rewritten, the same size, the old mtime put back": replace(
        source(content="new"), options=BY_CONTENT
    ),
    "compareMode Checksum, touched": replace(source(mtime=LATER), options=BY_CONTENT),
    "compareMode Checksum, other bytes at the destination": replace(
        destination(content="new"), options=BY_CONTENT
    ),
    "no metadata is kept, nothing": Situation(options=NOTHING_KEPT),
    "no metadata is kept, rewritten": replace(
        source(content="new", mtime=LATER), options=NOTHING_KEPT
    ),
    "no metadata is kept, its mtime lies in the future": Situation(
        source={"mtime": 9000}, options=NOTHING_KEPT, pairs=FROM_FILES
    ),
}


def judge(situation: Situation, pair: str) -> str:
    """What `decide` says of the listings, and once more when it asked for more."""
    if pair not in situation.pairs:
        return "-"
    ends = pair.split(" → ")
    objects = [end == "S3" for end in ends]
    changes = situation.source, situation.destination
    kind = situation.both.get("kind", Kind.FILE)
    told = TOLD_BY_SHARES[kind] if ends[0] == "SMB" else {}
    firsts = Item(**told, **situation.both), Item(**{**COPIED, **told, **situation.both})
    items = [
        None if change is None else replace(first, **change)
        for first, change in zip(firsts, changes, strict=True)
    ]
    items = [
        None if item is None else replace(item, stamp=item.stamp + ahead)
        for item, ahead in zip(items, situation.ahead, strict=True)
    ]
    kept = NO_OWNERS if ends[1] == "SMB" else {}
    options = CompareOptions(
        fill_defaults=not objects[1], objects=all(objects), **{**kept, **situation.options}
    )
    if situation.baseline:
        options = replace(
            options,
            source_before_ns=START - situation.margin + situation.ahead[0],
            destination_until_ns=END + situation.ahead[1],
        )

    def entries(*, listed: bool) -> list[Entry | None]:
        return [
            item and item.entry(end, listed=listed) for item, end in zip(items, ends, strict=True)
        ]

    listed = entries(listed=True)
    decision, asked = decide(*listed, options), ""
    if decision.action is Action.INSPECT:
        same = items[0].content == items[1].content if options.checksum else None
        decision = decide(*entries(listed=False), options, same=same)
        asked = ", asked" if any(objects) or not options.checksum else ", read"
    settled = settled_by(options)
    if settled is not None and settled(*listed):
        assert decision.action is Action.SKIP and not asked
    return f"{decision.action.value} {decision.reason}{asked}"


def tables() -> list[list[list[str]]]:
    """The docstring's tables, each a list of rows."""
    found: list[list[list[str]]] = []
    for line in (__doc__ or "").splitlines():
        if line.startswith("| "):
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if row[0] == "situation":
                found.append([])
            found[-1].append(row)
    return found


CASES = [
    (row[0], pair, expected)
    for heads, *rows in tables()
    for row in rows
    for pair, expected in zip(heads[1:], row[1:], strict=True)
]


@pytest.mark.parametrize(("number", "pairs"), [(0, PLAIN), (1, SHARES)])
def test_a_table_has_every_situation_of_its_pairs_once(number, pairs):
    table = tables()[number]
    assert table[0] == ["situation", *pairs]
    happen = [name for name, what in SITUATIONS.items() if set(pairs) & set(what.pairs)]
    assert [row[0] for row in table[1:]] == happen
    assert len(happen) >= 60


@pytest.mark.parametrize(("name", "pair", "expected"), CASES)
def test_situation(name, pair, expected):
    assert judge(SITUATIONS[name], pair) == expected
