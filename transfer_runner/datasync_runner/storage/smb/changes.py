"""What else is done to a destination: entering it, times, folders, removal, reading back.

Blocking.
"""

from collections.abc import Sequence

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.smb import names, requests, responses, statuses
from datasync_runner.storage.smb.describing import check_rights
from datasync_runner.storage.smb.folders import Folders
from datasync_runner.storage.smb.requests import Access, Disposition, Options
from datasync_runner.storage.smb.responses import Answer
from datasync_runner.storage.smb.security import check_set, setting_error, settings
from datasync_runner.storage.smb.share import (
    Root,
    checksum_of,
    failure,
    open_file,
    remove_files,
    remove_folder,
)
from datasync_runner.storage.smb.target import check_end, times_of, windows_of
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.values import Written


def enter(wire: Wire, *, root: Root, create: bool) -> None:
    """Open a location's folder; `create`: make what is missing of it.

    Raises: ConfigurationInvalid where its descriptor is needed and not told; other StorageErrors.
    """
    path = root.at(b"")
    answers = _look_at_folder(wire, root, path, Disposition.OPEN)
    if create and answers[0].status in statuses.NOT_THERE:
        names_of_folders = path.split("\\")
        for count in range(1, len(names_of_folders) + 1):
            part = "\\".join(names_of_folders[:count])
            made = _look_at_folder(wire, root, part, Disposition.CREATE)
            if made[0].status != statuses.NAME_COLLISION and (
                error := failure(made, b"", "make the folder")
            ):
                raise error
        answers = _look_at_folder(wire, root, path, Disposition.OPEN)
    if error := failure(answers, b"", "open the folder"):
        raise error
    check_rights(wire, root)


def _look_at_folder(wire: Wire, root: Root, path: str, disposition: int) -> list[Answer]:
    options = Options.FOLDER | root.parts.options
    opening = requests.create(path, access=Access.READ, options=options, disposition=disposition)
    return wire.ask(opening, requests.close())


def set_times(
    wire: Wire, root: Root, entries: Sequence[Entry]
) -> list[Entry | errors.StorageError]:
    """Give files and folders that are there the entries' descriptors, times and attributes."""
    failed: dict[bytes, errors.StorageError] = {}
    chains: dict[bytes, list[requests.Request]] = {}
    protected: dict[bytes, tuple[Entry, int]] = {}
    for entry in entries:
        if entry.kind is Kind.SYMLINK:
            failed[entry.key] = errors.NotSupported("a share has no symbolic links", entry.key)
            continue
        rights = 0
        wanted = settings(entry, root.parts)
        if wanted:
            protected[entry.key] = entry, 1 + len(wanted)
            rights = root.parts.to_write
        wanted += [one for one in (times_of(entry), windows_of(entry)) if one]
        if wanted:
            chains[entry.key] = [_opening(root, entry, rights=rights), *wanted, requests.close()]
    for key, answers in zip(chains, wire.exchange(chains.values()), strict=True):
        if error := _failure(answers, key, root, protected.get(key)):
            failed[key] = error
    return [failed.get(entry.key, entry) for entry in entries]


def _failure(
    answers: list[Answer], key: bytes, root: Root, protected: tuple[Entry, int] | None
) -> errors.StorageError | None:
    if protected:
        entry, end = protected
        if answers[0].status != statuses.OK:
            return setting_error(answers[0].status, key)
        try:
            check_set(answers[1:end], entry, root.parts)
        except errors.StorageError as error:
            return error
    return failure(answers, key, "set its times and attributes")


def _opening(root: Root, entry: Entry, *, rights: int) -> requests.Request:
    kind = Options.FOLDER if entry.kind is Kind.FOLDER else Options.FILE
    return root.create(entry.key, access=Access.SET_TIMES | rights, options=kind)


def write_folders(
    wire: Wire, root: Root, folders: Folders, entries: Sequence[Entry]
) -> list[Entry | errors.StorageError]:
    """Make folders where they are missing, and give them the entries' times."""
    failed: dict[bytes, errors.StorageError] = {}
    for entry in entries:
        try:
            names.check(entry.key)
            folders.ensure(wire, entry.key)
        except errors.StorageError as error:
            if wire.broken:
                raise
            failed[entry.key] = error
    answers = set_times(wire, root, [entry for entry in entries if entry.key not in failed])
    there = iter(answers)
    return [failed[entry.key] if entry.key in failed else next(there) for entry in entries]


def delete(
    wire: Wire, root: Root, folders: Folders, keys: Sequence[bytes]
) -> list[bytes | errors.StorageError]:
    """Remove items; the folders after all files, in the order of the question."""
    files = [key for key in keys if not key.endswith(b"/")]
    found = dict(zip(files, remove_files(wire, root, files), strict=True))
    for key in keys:
        if key not in found:
            found[key] = remove_folder(wire, root, key)
            folders.forget(key)
    return [found[key] for key in keys]


def verify(wire: Wire, root: Root, written: Written) -> Written | errors.StorageError:
    """Compare a file with what was sent.  Raises: Unavailable, when the connection is lost."""
    entry = written.entry
    try:
        file, _ = open_file(wire, root, entry.key)
        try:
            found = checksum_of(wire, file, entry.size_bytes, entry.key)
        finally:
            (closing,) = wire.ask(requests.close(file))
        if closing.status != statuses.OK:
            return statuses.error_of(closing.status, entry.key, "close it")
        check_end(entry, responses.closed(closing.body))
    except errors.FileError as error:
        return error
    if found != (written.checksum, entry.size_bytes):
        return errors.VerificationFailed("its content differs from what was sent", entry.key)
    return written
