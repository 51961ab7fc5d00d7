"""Items of a share looked up: by name, where no listing has told of them, and what none tells.

A name is there only as it is written: what differs in case alone is another one, as in a listing.
Blocking: a round trip for each name.
"""

from collections.abc import Sequence

from datasync_runner.core.entry import Entry
from datasync_runner.storage import errors
from datasync_runner.storage.smb import names
from datasync_runner.storage.smb.describing import describe
from datasync_runner.storage.smb.share import Root, find
from datasync_runner.storage.smb.times import entry_of, kind_of
from datasync_runner.storage.smb.wire import Wire


def inspect(wire: Wire, root: Root, entries: Sequence[Entry]) -> list[Entry | errors.StorageError]:
    """The entries with metadata and descriptors known: Missing and other FileErrors as values.

    Raises: Unavailable, when the connection is lost.
    """
    answers: list[Entry | errors.StorageError] = []
    for entry in entries:
        try:
            answers.append(entry if entry.metadata is not None else _look_up(wire, root, entry.key))
        except errors.FileError as error:
            answers.append(error)
    return describe(wire, root, answers)


def _look_up(wire: Wire, root: Root, key: bytes) -> Entry:
    names.check(key)  # a name with a wildcard would find others
    path = key.removesuffix(b"/")
    cut = path.rfind(b"/") + 1
    name = names.text_of(path[cut:])
    found = find(wire, root, path[:cut], name)
    if found is None or found.name != name:
        raise errors.Missing("it is not there", key)
    return entry_of(key, kind_of(found.state.attributes, found.tag), found.state)
