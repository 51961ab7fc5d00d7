"""When what shares alone have differs: attributes, create times and security descriptors.

It says what differs; whether that counts, and what is done then, is `compare`'s.
"""

from datasync_runner.core.descriptors import same_meaning
from datasync_runner.core.entry import Entry, WindowsMetadata


def described(source: Entry, destination: Entry) -> bool:
    """Whether both security descriptors are known, where there are any."""
    ours, theirs = source.node, destination.node
    if not (isinstance(ours, WindowsMetadata) and isinstance(theirs, WindowsMetadata)):
        return True
    return None not in (ours.descriptor, theirs.descriptor)


def descriptors_differ(source: Entry, destination: Entry) -> bool:
    """Whether both security descriptors are known, and the destination's says something else."""
    ours, theirs = source.node, destination.node
    return (
        isinstance(ours, WindowsMetadata)
        and isinstance(theirs, WindowsMetadata)
        and ours.descriptor is not None
        and theirs.descriptor is not None
        and not same_meaning(ours.descriptor, theirs.descriptor)
    )


def windows_differ(source: Entry, destination: Entry) -> bool:
    """Whether attributes, create times or known security descriptors of shares differ.

    Where nobody has set a create time, Samba tells the earliest of the other times, which moves
    with them: to read a folder is enough.  A source's that is one of those counts for nothing.
    """
    ours, theirs = source.node, destination.node
    if ours == theirs or not (
        isinstance(ours, WindowsMetadata) and isinstance(theirs, WindowsMetadata)
    ):
        return False
    if descriptors_differ(source, destination):
        return True
    if ours.attributes != theirs.attributes:
        return True
    told = source.metadata
    made_up = told is not None and ours.created_ns in (told.mtime_ns, told.atime_ns)
    return ours.created != theirs.created and not made_up
