"""Folders of a destination: made where they are missing, and never entered by another name.

A share that does not tell cases apart would take `DIR` for `dir` without a word, and files of two
folders of the source would meet in one.  So each folder on the way is looked up once, and must be
written exactly as in the key; a link or junction is no folder.  Safe for several threads.
"""

import threading
from collections import OrderedDict
from typing import Final

from datasync_runner.core.entry import parent_of
from datasync_runner.storage import errors
from datasync_runner.storage.smb import names, requests, statuses
from datasync_runner.storage.smb.requests import Access, Disposition, Options
from datasync_runner.storage.smb.share import Root, find, is_folder
from datasync_runner.storage.smb.wire import Wire

KNOWN: Final = 10_000


class Folders:
    """What is known of the folders below one root; at most KNOWN of them."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def ensure(self, wire: Wire, folder: bytes) -> None:
        """Make a folder (a key that ends in a slash; empty for the root) and those above it.

        Raises: NameNotRepresentable, Conflict, other StorageErrors.
        """
        if not folder or self._knows(folder):
            return
        parent = parent_of(folder)
        self.ensure(wire, parent)
        name = names.text_of(folder[len(parent) : -1])
        if not self._stands(wire, parent, name, folder):
            answers = wire.ask(
                self._root.create(
                    folder,
                    access=Access.READ,
                    options=Options.FOLDER,
                    disposition=Disposition.CREATE,
                ),
                requests.close(),
            )
            status = answers[0].status
            if status == statuses.NAME_COLLISION:  # somebody was faster
                if not self._stands(wire, parent, name, folder):
                    raise errors.Unavailable("its folder comes and goes", folder)
            elif status != statuses.OK:
                raise statuses.error_of(status, folder, "make the folder")
        with self._lock:
            self._known[folder] = None
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)

    def forget(self, folder: bytes) -> None:
        """A folder is not where it was, nor is what is in it."""
        with self._lock:
            for known in [one for one in self._known if one.startswith(folder)]:
                del self._known[known]

    def _knows(self, folder: bytes) -> bool:
        with self._lock:
            if folder not in self._known:
                return False
            self._known.move_to_end(folder)
            return True

    def _stands(self, wire: Wire, parent: bytes, name: str, folder: bytes) -> bool:
        """Whether the folder is there.  Raises: Conflict when something else is."""
        found = find(wire, self._root, parent, name)
        if found is None:
            return False
        if found.name != name:
            raise twin(found.name, folder)
        if not is_folder(found):
            raise errors.Conflict("a file or a link stands where a folder should be", folder)
        return True


def twin(name: str, key: bytes) -> errors.Conflict:
    """The error for a name that differs from another one in its case alone."""
    return errors.Conflict(
        f"the share has {name!r} already, and does not tell upper from lower case", key
    )
