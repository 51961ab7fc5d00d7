"""Temporary names, and how a file gets its own without taking another one's.

A server that does not tell cases apart would put `readme` in place of `README`.  So a new file is
renamed without leave to replace: that either succeeds, or something has the name, and only what is
written exactly alike is replaced.  Both steps are the server's, so nobody gets in between.
"""

from typing import Final

from datasync_runner.core.entry import parent_of
from datasync_runner.storage import errors
from datasync_runner.storage.smb import names, requests, statuses
from datasync_runner.storage.smb.folders import twin
from datasync_runner.storage.smb.requests import Access, Disposition, Options, Request
from datasync_runner.storage.smb.share import Root, find, is_folder
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.temporary_names import temporary_name

_ACCESS: Final = Access.READ | Access.WRITE | Access.SET_TIMES | Access.DELETE
_DELETE_PENDING: Final = 0xC0000056


def temporary_key(key: bytes) -> bytes:
    """The key that a file has until it is whole: in its own folder, the same for the same key."""
    folder = parent_of(key)
    return folder + temporary_name(key[len(folder) :])


def creation(root: Root, key: bytes, *, rights: int = 0) -> Request:
    """Make a file that was not there; a link that somebody planted is not followed.

    `rights`: further ones than those to write, name and remove it.
    """
    return root.create(
        key,
        access=_ACCESS | rights,
        options=Options.FILE | Options.ITSELF,
        disposition=Disposition.CREATE,
    )


def creation_error(status: int, key: bytes) -> errors.StorageError:
    """Why a temporary file was not made; what passes by itself is Unavailable."""
    if status == statuses.PATH_NOT_FOUND:
        return errors.Unavailable("its folder was removed", key)
    if status in (statuses.NAME_COLLISION, _DELETE_PENDING):
        return errors.Unavailable("another client still has its temporary file open", key)
    return statuses.error_of(status, key, "write it")


def naming(root: Root, key: bytes, file: bytes, *, replace: bool = False) -> Request:
    """Give an open file its name."""
    return requests.rename(root.at(key), replace=replace, file=file)


def settle_name(wire: Wire, root: Root, key: bytes, *, file: bytes, status: int) -> None:
    """Act on the answer to `naming`: replace what has the name, if it is written alike.

    Raises: Conflict, other StorageErrors.
    """
    if status == statuses.NAME_COLLISION:
        folder = parent_of(key)
        name = names.text_of(key[len(folder) :])
        found = find(wire, root, folder, name)
        if found is not None and found.name != name:
            raise twin(found.name, key)
        if found is not None and is_folder(found):
            raise errors.Conflict("a folder stands where a file should be", key)
        (answer,) = wire.ask(naming(root, key, file, replace=True))
        status = answer.status
    if status != statuses.OK:
        raise statuses.error_of(status, key, "give it its name")
