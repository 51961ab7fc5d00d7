"""Small files and links, a batch in one thread call: read whole, written whole or not at all.

Writing: a temporary name in the target's own folder, metadata first, then rename, so that a reader
sees the old file or the new one.  A batch that verifies goes in steps of `GROUP` files: write all,
sync all, read all back, rename all; so a disk's journal commits once, and damaged data never gets
the final name.

Durability: a verified file's bytes are on the disk (fdatasync) before they are read back past the
page cache; without verification that is left to the kernel.  A rename is never forced to the disk:
after a power loss the old file or the new one is there, whole.

Descriptors: GROUP files and the folders of a batch, a thread.
"""

import contextlib
import errno
import os
from collections.abc import Sequence
from typing import Final

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import SMALL_BYTES
from datasync_runner.storage import errors
from datasync_runner.storage.port import Content, Written
from datasync_runner.storage.posix_errors import translate
from datasync_runner.storage.posix_files import checksum_of, open_file, read_link, write_all
from datasync_runner.storage.posix_folders import Borrowed, Folders
from datasync_runner.storage.posix_metadata import (
    NOTHING,
    apply_to_name,
    difference,
    entry_of,
    settle_owner_and_mode,
    stamp,
    times,
    usual_mode,
)
from datasync_runner.storage.posix_names import READ, create, temporary_name

GROUP: Final = 32
TRIES: Final = 3

_REGULAR: Final = 0o100000


def read_batch(folders: Folders, entries: Sequence[Entry]) -> list[Content | errors.StorageError]:
    """Whole files and links' targets; a file that changes is read again, three times in all.

    Errors as values: any FileError, Unavailable.
    """
    answers: list[Content | errors.StorageError] = []
    with Borrowed(folders) as borrowed:
        for entry in entries:
            try:
                answers.append(_read(folders, borrowed, entry))
            except OSError as error:
                folders.lost(error)
                answers.append(translate(error, entry.key, "read it"))
            except errors.StorageError as error:
                error.key = entry.key
                answers.append(error)
    return answers


def _read(folders: Folders, borrowed: Borrowed, entry: Entry) -> Content:
    """In four calls when the file is still what was listed: its time and size say that it did not
    change since, hence not while it was read."""
    key, kind, size_bytes, mtime_ns, metadata, *_ = entry
    if kind is Kind.SYMLINK:
        return read_link(folders, key)
    if metadata is None or kind is not Kind.FILE:
        return _read_slowly(folders, key)
    folder_fd, name = borrowed.at(key)
    fd = os.open(name, READ, dir_fd=folder_fd)
    try:
        body = os.pread(fd, size_bytes + 1, 0)  # of a FIFO it would take nothing
        found = os.fstat(fd)
    except OSError as error:
        if error.errno != errno.ESPIPE:
            raise
        raise errors.Conflict("it is no regular file any more", key) from error
    finally:
        os.close(fd)
    mode, uid, gid, *_ = metadata
    if (
        found.st_mtime_ns == mtime_ns
        and len(body) == size_bytes == found.st_size
        and found.st_mode == _REGULAR | (mode or 0)
        and found.st_uid == uid
        and found.st_gid == gid
    ):
        return Content(entry, body)
    return _read_slowly(folders, key)


def _read_slowly(folders: Folders, key: bytes) -> Content:
    for _ in range(TRIES):
        fd = open_file(folders, key)
        try:
            before = os.fstat(fd)
            if before.st_size > SMALL_BYTES:
                break
            size = before.st_size + 1
            pieces = list(iter(lambda fd=fd, size=size: os.read(fd, size), b""))
            same = stamp(before) == stamp(os.fstat(fd))
        finally:
            os.close(fd)
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if same and len(body) == before.st_size:
            return Content(entry_of(key, before), body)
    raise errors.ChangedDuringTransfer("it kept changing while it was read", key)


class _New:
    """A file under its temporary name."""

    __slots__ = ("at", "checksum", "content", "fd", "folder_fd", "name", "path")

    def __init__(self, at: int, content: Content, folder_fd: int, name: bytes) -> None:
        self.at, self.content, self.folder_fd, self.name = at, content, folder_fd, name
        self.path = temporary_name(name)
        self.checksum = 0
        self.fd = -1

    def discard(self) -> None:
        """Close and remove it; raises nothing."""
        with contextlib.suppress(OSError):
            if self.fd >= 0:
                os.close(self.fd)
        with contextlib.suppress(OSError):
            os.unlink(self.path, dir_fd=self.folder_fd)


class SmallWriter:
    """Writes batches below one root; `verifies`: proves each file before it gets its name."""

    def __init__(self, folders: Folders, *, verifies: bool) -> None:
        self._folders, self._verifies = folders, verifies
        self._uid, self._gid = os.geteuid(), os.getegid()
        self._steps = (self._sync, self._prove, self._rename) if verifies else (self._rename,)
        self._group = GROUP if verifies else 1

    def write_batch(self, contents: Sequence[Content]) -> list[Written | errors.StorageError]:
        """Write whole files and links.  Errors as values: any FileError, Unavailable."""
        answers: list[Written | errors.StorageError] = []
        with Borrowed(self._folders, create=True) as borrowed:
            for start in range(0, len(contents), self._group):
                self._write_group(borrowed, contents[start : start + self._group], answers)
        return answers

    def _write_group(
        self,
        borrowed: Borrowed,
        contents: Sequence[Content],
        answers: list[Written | errors.StorageError],
    ) -> None:
        failed: dict[int, errors.StorageError] = {}
        going: list[_New] = []
        checksums = [crc64(content[1]) for content in contents]
        try:
            for at, content in enumerate(contents):
                try:
                    folder_fd, name = borrowed.at(content[0][0])
                    new = _New(at, content, folder_fd, name)
                    new.checksum = checksums[at]
                    if content[0][1] is Kind.SYMLINK:
                        self._link(new)
                    else:
                        going.append(new)
                        self._create(new)
                except (OSError, errors.StorageError) as error:
                    failed[at] = self._translated(error, content[0].key)
            for step in self._steps:
                for new in going:
                    if new.at not in failed:
                        try:
                            step(new)
                        except (OSError, errors.StorageError) as error:
                            failed[new.at] = self._translated(error, new.content[0].key)
            done, going = going, []
        except BaseException:
            for new in going:
                new.discard()
            raise
        for new in done:
            if new.at in failed:
                new.discard()
        proven = self._verifies
        answers += [
            failed[at] if at in failed else Written(content[0], checksums[at], proven)
            for at, content in enumerate(contents)
        ]

    def _create(self, new: _New) -> None:
        """The bytes and the metadata; the mode is given at once where nobody else may see it."""
        entry, body = new.content
        wanted = entry.metadata or NOTHING
        mode = wanted.mode
        if mode is None:
            mode = usual_mode(new.folder_fd, new.name)
        ours = wanted.uid in (None, self._uid) and wanted.gid in (None, self._gid)
        fd = new.fd = create(new.folder_fd, new.path, mode & 0o777 if ours else 0o600)
        if os.write(fd, body) != len(body):
            os.lseek(fd, 0, os.SEEK_SET)
            write_all(fd, body)
        found = settle_owner_and_mode(fd, wanted, mode, os.fstat(fd))
        mtime_ns = wanted.mtime_ns
        if mtime_ns is not None:
            os.utime(fd, ns=times(wanted, mtime_ns))
        if self._verifies:
            # Starts the writing of this file, so that the syncs of a group wait once.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        elif found.st_size != len(body):
            raise errors.VerificationFailed("its size differs from what was written", entry.key)

    def _sync(self, new: _New) -> None:
        os.fdatasync(new.fd)
        os.posix_fadvise(new.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def _prove(self, new: _New) -> None:
        entry = new.content[0]
        fd, size_bytes = new.fd, len(new.content[1])
        found = os.fstat(fd)
        if found.st_size != size_bytes or checksum_of(fd, size_bytes) != new.checksum:
            raise errors.VerificationFailed("its content differs from what was sent", entry.key)
        wanted = entry.metadata or NOTHING
        if (
            wanted.mtime_ns not in (None, found.st_mtime_ns)
            or wanted.mode not in (None, found.st_mode & 0o7777)
            or wanted.uid not in (None, found.st_uid)
            or wanted.gid not in (None, found.st_gid)
        ):
            have = entry_of(entry.key, found).metadata or NOTHING
            raise errors.VerificationFailed(difference(wanted, have, Kind.FILE), entry.key)

    def _rename(self, new: _New) -> None:
        fd, new.fd = new.fd, -1
        os.close(fd)  # where a network file system tells at last that it could not write
        os.rename(new.path, new.name, src_dir_fd=new.folder_fd, dst_dir_fd=new.folder_fd)

    def _translated(self, error: OSError | errors.StorageError, key: bytes) -> errors.StorageError:
        if isinstance(error, OSError):
            self._folders.lost(error)
            return translate(error, key, "write it")
        error.key = key
        return error

    def _link(self, new: _New) -> None:
        entry, target = new.content
        if not target or b"\0" in target or len(target) > 4095:
            raise errors.NameNotRepresentable(
                "the link's target is empty, too long or holds NUL", entry.key
            )
        path, folder_fd = new.path, new.folder_fd
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path, dir_fd=folder_fd)
        os.symlink(target, path, dir_fd=folder_fd)
        try:
            apply_to_name(folder_fd, path, entry)
            if self._verifies:
                _prove_link(new)
            os.rename(path, new.name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        except BaseException:
            new.discard()
            raise


def _prove_link(new: _New) -> None:
    entry, target = new.content
    found = os.stat(new.path, dir_fd=new.folder_fd, follow_symlinks=False)
    if os.readlink(new.path, dir_fd=new.folder_fd) != target:
        raise errors.VerificationFailed("its content differs from what was sent", entry.key)
    have = entry_of(entry.key, found).metadata or NOTHING
    if problem := difference(entry.metadata or NOTHING, have, Kind.SYMLINK):
        raise errors.VerificationFailed(problem, entry.key)
