"""What to do with a pair: the one place where "changed" is decided.

It judges what it is given; what is not known yet and needed is asked for by INSPECT.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from datasync_api.task import TaskOptions
from datasync_runner.core.entry import (
    EVERYTHING,
    Entry,
    HardLink,
    Keeps,
    Kind,
    PosixMetadata,
    WindowsMetadata,
)
from datasync_runner.core.posix_metadata import with_defaults


class Action(Enum):
    """What happens to a pair."""

    COPY = "Copy"
    UPDATE_METADATA = "UpdateMetadata"
    SKIP = "Skip"
    DELETE = "Delete"
    INSPECT = "Inspect"
    CONFLICT = "Conflict"


class Decision(NamedTuple):
    """An action and the stable word that says why."""

    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """The options that a decision depends on."""

    compare: bool = True
    """transferMode Changed."""
    overwrite: bool = True
    delete: bool = False
    mtime: bool = True
    uid: bool = True
    gid: bool = True
    mode: bool = True
    fill_defaults: bool = False
    """The destination is a file system: what the source does not state gets a default."""
    objects: bool = False
    """Both sides are object storage: their user metadata counts."""
    checksum: bool = False
    """compareMode Checksum."""
    time_grain_ns: int = 1
    """The destination keeps times in steps of so much: what is less is no difference."""
    source_before_ns: int = 0
    """The baseline: what the source stamped earlier, and"""
    destination_until_ns: int = -1
    """what the destination stamped no later, has not changed since both were equal."""
    devices: bool = False
    """Device nodes are kept: between file systems."""
    tags: bool = False
    """Both are, and their tags count, which no listing and no HEAD tells."""
    copies_tags: bool = False
    """Tags go with content."""

    @classmethod
    def of(
        cls,
        options: TaskOptions,
        *,
        source_objects: bool,
        destination_objects: bool,
        keeps: Keeps = EVERYTHING,
    ) -> "CompareOptions":
        """What the task's options mean between two kinds of storage; `keeps`: the destination."""
        objects = source_objects and destination_objects
        return cls(
            compare=options.transfer_mode == "Changed",
            overwrite=options.overwrite_mode == "Always",
            delete=options.preserve_deleted_files == "Remove",
            mtime=options.mtime == "Preserve",
            uid=options.uid == "IntValue" and keeps.owners,
            gid=options.gid == "IntValue" and keeps.owners,
            mode=options.posix_permissions == "Preserve" and keeps.owners,
            fill_defaults=not destination_objects,
            objects=objects,
            tags=objects and options.object_tags == "Preserve",
            copies_tags=objects and options.object_tags != "None",
            checksum=options.compare_mode == "Checksum",
            time_grain_ns=keeps.time_grain_ns,
            devices=options.preserve_devices == "Preserve"
            and keeps.owners
            and not destination_objects,
        )

    @property
    def keeps_everything(self) -> bool:
        """Whether all metadata is kept: what is copied whole is then right."""
        return self.mtime and self.mode and self.uid and self.gid and self.time_grain_ns == 1

    @property
    def by_listings(self) -> bool:
        """Whether size and time decide, which every listing tells."""
        properties = self.objects or self.metadata or self.checksum
        return self.compare and self.overwrite and not properties

    @property
    def metadata(self) -> bool:
        """Whether any metadata counts."""
        return self.mtime or self.mode or self.uid or self.gid

    def proven(self, source: Entry, destination: Entry) -> bool:
        """Whether neither has changed since both were equal."""
        return (
            source.changed_ns < self.source_before_ns
            and destination.changed_ns <= self.destination_until_ns
        )


KEPT = Decision(Action.SKIP, "NotAtSource")
DELETE = Decision(Action.DELETE, "NotAtSource")
SPECIAL = Decision(Action.SKIP, "SpecialFile")
IMPLIED = Decision(Action.SKIP, "ImpliedFolder")
NEVER = Decision(Action.SKIP, "OverwriteNever")
UNCHANGED = Decision(Action.SKIP, "Unchanged")
SAME = Decision(Action.SKIP, "Same")
MISSING = Decision(Action.COPY, "NotAtDestination")
NO_MARKER = Decision(Action.COPY, "FolderMarkerMissing")
ALL = Decision(Action.COPY, "TransferModeAll")
SIZE = Decision(Action.COPY, "SizeDiffers")
KIND = Decision(Action.COPY, "KindDiffers")
DEVICE = Decision(Action.COPY, "DeviceDiffers")
MTIME_UNKNOWN = Decision(Action.COPY, "MtimeUnknown")
MTIME = Decision(Action.COPY, "MtimeDiffers")
NEWER = Decision(Action.COPY, "SourceNewer")
METADATA = Decision(Action.UPDATE_METADATA, "MetadataDiffers")
LINKED = Decision(Action.COPY, "LinkedElsewhere")
USER_METADATA = Decision(Action.UPDATE_METADATA, "UserMetadataDiffers")
TAGS = Decision(Action.UPDATE_METADATA, "TagsDiffer")
UNKNOWN = Decision(Action.INSPECT, "MetadataUnknown")
CONTENT_UNKNOWN = Decision(Action.INSPECT, "ContentUnknown")
CONTENT = Decision(Action.COPY, "ContentDiffers")
IN_THE_WAY = Decision(Action.CONFLICT, "SpecialFileInTheWay")


def decide(
    source: Entry | None,
    destination: Entry | None,
    o: CompareOptions,
    *,
    same: bool | None = None,
) -> Decision:
    """What to do with a pair, and why.  The first row that holds is taken.

    `same`: whether the contents are, where that was asked for; None: not known.

    | source | destination | when | decision |
    |---|---|---|---|
    | - | special | | Skip NotAtSource |
    | - | device | devices are not kept | Skip NotAtSource |
    | - | implied folder | | Skip ImpliedFolder |
    | - | any | delete | Delete NotAtSource |
    | - | any | not delete | Skip NotAtSource |
    | special | any | | Skip SpecialFile |
    | device | any | devices are not kept | Skip SpecialFile |
    | implied folder | - | destination is objects | Skip ImpliedFolder |
    | any | - | | Copy NotAtDestination |
    | any | special | | Conflict SpecialFileInTheWay |
    | any | device | devices are not kept | Conflict SpecialFileInTheWay |
    | folder | implied folder | source implied too | Skip Same |
    | folder | implied folder | | Copy FolderMarkerMissing |
    | any | any | overwrite Never | Skip OverwriteNever |
    | implied folder | folder | | Skip Same |
    | folder | bare folder | | Skip Same |
    | any | any | transfer mode All | Copy TransferModeAll |
    | file, link | file, link | sizes differ | Copy SizeDiffers |
    | any | any | metadata of one not known, neither changed since the baseline | Skip Unchanged |
    | any | any | metadata of one not known, and it or the kind counts | Inspect MetadataUnknown |
    | file, link, device | another of these | | Copy KindDiffers |
    | device | device | numbers differ | Copy DeviceDiffers |
    | file, link | file, link | by checksum, not compared yet, not proven | Inspect ContentUnknown |
    | file, link | file, link | by checksum, other content | Copy ContentDiffers |
    | file | file | the next row, of a file with more names there | Copy LinkedElsewhere |
    | file, link | file, link | by checksum, same, mtime differs | UpdateMetadata MetadataDiffers |
    | file, link | file, link | both objects, no mtime stated, ETags equal | (go on below) |
    | file, link | file, link | both objects, no mtime stated, source is newer | Copy SourceNewer |
    | file, link | file, link | mtime counts, destination alone states none | Copy MtimeUnknown |
    | file, link | file, link | mtime counts, differs | Copy MtimeDiffers |
    | file, link | file, link | mtime does not count, source's is newer | Copy SourceNewer |
    | file | file | the next row, of a file with more names there | Copy LinkedElsewhere |
    | any | any | mode (not of links), uid, gid that count differ | UpdateMetadata MetadataDiffers |
    | folder, device | the same | mtime counts, differs | UpdateMetadata MetadataDiffers |
    | any | any | of shares, attributes or create times differ | UpdateMetadata MetadataDiffers |
    | file | file | both objects, user metadata differs | UpdateMetadata UserMetadataDiffers |
    | file | file | tags count, differ | UpdateMetadata TagsDiffer |
    | any | any | | Skip Same |
    """
    if source is None:
        return _only_at_destination(destination, o)
    if source.kind is Kind.SPECIAL or (source.kind is Kind.DEVICE and not o.devices):
        return SPECIAL
    if destination is None:
        return IMPLIED if source.implied and not o.fill_defaults else MISSING
    if destination.kind is Kind.SPECIAL or (destination.kind is Kind.DEVICE and not o.devices):
        return IN_THE_WAY
    if destination.implied:
        return SAME if source.implied else NO_MARKER
    if not o.overwrite:
        return NEVER
    if source.implied or destination.bare:
        return SAME
    if not o.compare:
        return ALL
    folder = source.kind is Kind.FOLDER
    if not folder and source.size_bytes != destination.size_bytes:
        return SIZE
    want, have = source.metadata, destination.metadata
    other_kind = source.kind is not destination.kind
    if want is None or have is None:
        if o.proven(source, destination):
            return UNCHANGED
        if o.metadata or o.objects or other_kind:
            return UNKNOWN
    if other_kind:
        return KIND
    if source.kind is Kind.DEVICE:
        if source.node != destination.node:
            return DEVICE
    elif not folder and (changed := _content(source, destination, o, same=same)):
        return changed
    if want is None or have is None:
        return SAME
    return _metadata(source, want, destination, have, o)


def _only_at_destination(destination: Entry | None, o: CompareOptions) -> Decision:
    if destination is None or destination.kind is Kind.SPECIAL:
        return KEPT
    if destination.kind is Kind.DEVICE and not o.devices:
        return KEPT
    if destination.implied:
        return IMPLIED
    return DELETE if o.delete else KEPT


def _content(
    source: Entry, destination: Entry, o: CompareOptions, *, same: bool | None
) -> Decision | None:
    if not o.checksum or o.proven(source, destination):
        return _by_time(source, destination, o)
    if not same:
        return CONTENT_UNKNOWN if same is None else CONTENT
    touched = _by_time(source, destination, o) in (MTIME, MTIME_UNKNOWN)
    return _update(source, destination) if touched else None


def _by_time(source: Entry, destination: Entry, o: CompareOptions) -> Decision | None:
    if not o.mtime:
        return NEWER if source.mtime_ns > destination.mtime_ns else None
    stated = destination.metadata.mtime_ns if destination.metadata else None
    if stated is None:
        if o.objects and source.metadata and source.metadata.mtime_ns is None:
            # A copy inside S3 states what its source does: nothing here.
            same = source.etag == destination.etag != ""
            return NEWER if not same and source.mtime_ns > destination.mtime_ns else None
        return MTIME_UNKNOWN
    return None if _same_time(source.mtime_ns, stated, o) else MTIME


def _same_time(ours_ns: int, theirs_ns: int, o: CompareOptions) -> bool:
    grain_ns = o.time_grain_ns
    return ours_ns == theirs_ns or ours_ns // grain_ns == theirs_ns // grain_ns


def _metadata(
    source: Entry, want: PosixMetadata, destination: Entry, have: PosixMetadata, o: CompareOptions
) -> Decision:
    if o.fill_defaults:
        want = with_defaults(want)
    if (
        (o.mode and want.mode != have.mode and source.kind is not Kind.SYMLINK)
        or (o.uid and want.uid != have.uid)
        or (o.gid and want.gid != have.gid)
        or (
            o.mtime
            and (source.kind is Kind.FOLDER or source.kind is Kind.DEVICE)
            and _moved(want.mtime_ns, have.mtime_ns, o)
        )
        or _windows_differ(source, destination)
    ):
        return _update(source, destination)
    if o.objects and source.headers and destination.headers and source.kind is not Kind.FOLDER:
        if source.headers.user_metadata != destination.headers.user_metadata:
            return USER_METADATA
        if o.tags and source.headers.tags != destination.headers.tags:
            return TAGS
    return SAME


def _moved(want_ns: int | None, have_ns: int | None, o: CompareOptions) -> bool:
    """Whether a folder's or device's time is stated and another one."""
    if want_ns is None or want_ns == have_ns:
        return False
    return have_ns is None or not _same_time(want_ns, have_ns, o)


def _windows_differ(source: Entry, destination: Entry) -> bool:
    """Whether attributes or create times of shares differ.

    Where nobody has set a create time, Samba tells the earliest of the other times, which moves
    with them: to read a folder is enough.  A source's that is one of those counts for nothing.
    """
    ours, theirs = source.node, destination.node
    if ours == theirs or not (
        isinstance(ours, WindowsMetadata) and isinstance(theirs, WindowsMetadata)
    ):
        return False
    told = source.metadata
    made_up = told is not None and ours.created_ns in (told.mtime_ns, told.atime_ns)
    return ours.attributes != theirs.attributes or not made_up


def _update(source: Entry, destination: Entry) -> Decision:
    return METADATA if _names(destination) in (1, _names(source)) else LINKED


def _names(entry: Entry) -> int:
    """How many names a file has: what is written to one of them is written to all."""
    return entry.node.names if isinstance(entry.node, HardLink) else 1


def wanted(source: Entry, o: CompareOptions) -> Entry:
    """The entry as it shall be at the destination; metadata that is not kept is None.

    A folder's own time is kept only where the source states it: what storage says of a marker
    is not when the folder changed.  Times are cut to what the destination keeps.
    """
    have = source.metadata or PosixMetadata()
    stated = have.mtime_ns is not None and have.mtime_ns == source.mtime_ns
    if stated and o.keeps_everything and not (o.fill_defaults and None in have[:3]):
        return source  # as nearly all are
    full = with_defaults(have) if o.fill_defaults else have
    mtime_ns = have.mtime_ns if source.kind is Kind.FOLDER else source.mtime_ns
    if mtime_ns is not None:
        mtime_ns -= mtime_ns % o.time_grain_ns
    return source._replace(
        metadata=PosixMetadata(
            mode=full.mode if o.mode else None,
            uid=full.uid if o.uid else None,
            gid=full.gid if o.gid else None,
            mtime_ns=mtime_ns if o.mtime else None,
            atime_ns=have.atime_ns if o.mtime else None,
        )
    )
