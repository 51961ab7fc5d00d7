"""What to do with a pair: the one place where "changed" is decided.

It judges what it is given; what is not known yet and needed is asked for by INSPECT.
"""

from datasync_runner.core.actions import (
    ALL,
    CONTENT,
    CONTENT_UNKNOWN,
    DELETE,
    DESCRIPTOR_UNKNOWN,
    DEVICE,
    IMPLIED,
    IN_THE_WAY,
    KEPT,
    KIND,
    LINKED,
    METADATA,
    MISSING,
    MTIME,
    MTIME_UNKNOWN,
    NEVER,
    NEWER,
    NO_MARKER,
    SAME,
    SIZE,
    SPECIAL,
    TAGS,
    UNCHANGED,
    UNKNOWN,
    USER_METADATA,
    Decision,
)
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import (
    Entry,
    HardLink,
    Kind,
    PosixMetadata,
    shared_inode,
)
from datasync_runner.core.posix_metadata import with_defaults
from datasync_runner.core.windows_metadata import described, windows_differ


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
    | any | any | descriptors count, one is not known, not proven | Inspect DescriptorUnknown |
    | file | file | the next row, of a file with more names there | Copy LinkedElsewhere |
    | any | any | mode (not of links), uid, gid that count differ | UpdateMetadata MetadataDiffers |
    | folder, device | the same | mtime counts, differs | UpdateMetadata MetadataDiffers |
    | any | any | of shares, attributes or create times differ | UpdateMetadata MetadataDiffers |
    | file | file | to objects, inodes of several names differ | UpdateMetadata MetadataDiffers |
    | any | any | of shares, known descriptors differ | UpdateMetadata MetadataDiffers |
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
    if o.descriptors and not (described(source, destination) or o.proven(source, destination)):
        return DESCRIPTOR_UNKNOWN
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
        or windows_differ(source, destination)
        or (
            o.inodes
            and source.node != destination.node
            and shared_inode(source) != shared_inode(destination)
        )
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


def _update(source: Entry, destination: Entry) -> Decision:
    return METADATA if _names(destination) in (1, _names(source)) else LINKED


def _names(entry: Entry) -> int:
    """How many names a file has: what is written to one of them is written to all."""
    return entry.node.names if isinstance(entry.node, HardLink) else 1
