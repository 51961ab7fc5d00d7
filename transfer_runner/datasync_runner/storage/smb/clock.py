"""The clock that stamps a share's changes, and which folder of which file system it is.

A file that is made for the purpose tells the server's clock; where nothing may be written, a margin
covers what may lie between that clock and ours.  Blocking.
"""

import time
from typing import Final

from datasync_runner.core.entry import UNSTAMPED
from datasync_runner.storage.smb import requests, responses, statuses, times
from datasync_runner.storage.smb.naming import creation, creation_error, temporary_key
from datasync_runner.storage.smb.requests import Access, Options
from datasync_runner.storage.smb.share import Root, failure
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.values import Standing

NS: Final = 1_000_000_000
MARGIN_SECONDS: Final = 300
"""How far behind ours a server's clock may be."""
_CLOCK: Final = temporary_key(b"clock")


def standing(wire: Wire, root: Root) -> Standing:
    """The numbers of its volume and of itself, where the server tells them.

    Not when it was made: Samba tells another time of it after each change.  Raises: StorageError.
    """
    opening = root.create(
        b"", access=Access.READ, options=Options.FOLDER, context=requests.IDENTITY
    )
    answers = wire.ask(opening, requests.close())
    if error := failure(answers, b"", "look at it"):
        raise error
    opened = answers[0].body
    found = responses.identity(opened)
    itself = f"{found[8:].hex()}:{found[:8].hex()}" if found else ""
    changed_ns = times.to_ns(responses.opened(opened).state.changed)
    return Standing(itself, UNSTAMPED if changed_ns is None else changed_ns)


def earliest_stamp_ns() -> int:
    """Before every stamp of changes from now on."""
    return time.time_ns() - MARGIN_SECONDS * NS


def latest_stamp_ns(wire: Wire, root: Root) -> int | None:
    """The stamp of a file that was made just now, and is gone again.

    None: the server stamps nothing.  Raises: StorageError.
    """
    answers = wire.ask(creation(root, _CLOCK), requests.delete(), requests.close())
    if answers[0].status != statuses.OK:
        raise creation_error(answers[0].status, b"")
    if error := failure(answers, b"", "ask for its time"):
        raise error
    return times.to_ns(responses.opened(answers[0].body).state.changed)
