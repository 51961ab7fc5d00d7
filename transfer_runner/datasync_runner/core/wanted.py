"""What shall be at the destination of an entry of the source.

It judges nothing: whether anything has to be written is `compare`'s.
"""

from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.core.posix_metadata import with_defaults


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
