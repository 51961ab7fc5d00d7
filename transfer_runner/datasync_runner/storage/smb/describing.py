"""Security descriptors read: of a file that is opened, or of many entries at once.

No listing tells them: each costs a round trip, of which many are on their way at once.  Blocking.
"""

from collections.abc import Sequence

from datasync_runner.core.descriptors import SACL
from datasync_runner.core.entry import Entry, Kind, WindowsMetadata
from datasync_runner.storage import errors
from datasync_runner.storage.smb import requests, responses, statuses
from datasync_runner.storage.smb.requests import Access, Options
from datasync_runner.storage.smb.responses import Opened
from datasync_runner.storage.smb.security import queries, told
from datasync_runner.storage.smb.share import Root, failure
from datasync_runner.storage.smb.wire import Wire


def open_described(wire: Wire, root: Root, key: bytes) -> tuple[Opened, bytes | None]:
    """An open file and its descriptor, where it is copied.  Raises: StorageError."""
    access = Access.READ | root.parts.to_read
    opening, *asked = wire.ask(
        root.create(key, access=access, options=Options.FILE), *queries(root.parts)
    )
    if opening.status != statuses.OK:
        raise statuses.error_of(opening.status, key, "open it")
    found = responses.opened(opening.body)
    try:
        return found, told(asked, root.parts, key)
    except errors.StorageError:
        wire.ask(requests.close(found.file))
        raise


def describe(
    wire: Wire, root: Root, entries: Sequence[Entry | errors.StorageError]
) -> list[Entry | errors.StorageError]:
    """The entries with their descriptors known; Denied and other FileErrors as values.

    Raises: Unavailable, when the connection is lost.
    """
    answers = list(entries)
    asked = [
        (at, entry, entry.node)
        for at, entry in enumerate(entries)
        if isinstance(entry, Entry)
        and isinstance(entry.node, WindowsMetadata)
        and entry.node.descriptor is None
        and entry.kind is not Kind.SPECIAL
        and root.parts.information
    ]
    chains = ([_opening(root, one), *queries(root.parts), requests.close()] for _, one, _ in asked)
    for (at, entry, node), (opening, *found, _) in zip(asked, wire.exchange(chains), strict=True):
        try:
            if opening.status != statuses.OK:
                raise statuses.error_of(opening.status, entry.key, "read its security descriptor")
            descriptor = told(found, root.parts, entry.key)
            answers[at] = entry._replace(node=node._replace(descriptor=descriptor))
        except errors.StorageError as error:
            answers[at] = error
    return answers


def check_rights(wire: Wire, root: Root) -> None:
    """Read the descriptor of the root, where they are copied.  Raises: ConfigurationInvalid."""
    if not root.parts.information:
        return
    opening = root.create(b"", access=root.parts.to_read, options=Options.FOLDER)
    answers = wire.ask(opening, *queries(root.parts), requests.close())
    error = failure(answers, b"", "read its security descriptor")
    if error is not None:
        fix = (
            "give the user of the location the right to manage the audit log "
            "(SeSecurityPrivilege), or set options.securityDescriptorCopyFlags to OwnerDACL"
            if root.parts.information & SACL
            else "give the user of the location the right to read permissions, or set "
            "options.securityDescriptorCopyFlags to None"
        )
        raise errors.ConfigurationInvalid(f"{wire.side.uri}: {error.message}; {fix}") from error


def _opening(root: Root, entry: Entry) -> requests.Request:
    kind = Options.FOLDER if entry.kind is Kind.FOLDER else Options.FILE
    return root.create(entry.key, access=root.parts.to_read, options=kind)
