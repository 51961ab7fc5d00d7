"""Small files written in batches, each whole or not at all.

A batch goes in steps, each of many messages on their way at once: all are made under temporary
names with content and times, and read back where that is asked for; the server is asked to have all
on its disk; all get their names; all are closed.  What is larger than one message carries is
written by itself.  A flush takes time, and no server need take time in the middle of a chain
(MS-SMB2 3.3.5.2.7): it goes alone.  Blocking.
"""

from collections.abc import Callable, Sequence
from typing import Final

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Kind, parent_of
from datasync_runner.storage import errors
from datasync_runner.storage.smb import names, requests, responses, statuses
from datasync_runner.storage.smb.folders import Folders
from datasync_runner.storage.smb.naming import (
    creation,
    creation_error,
    naming,
    settle_name,
    temporary_key,
)
from datasync_runner.storage.smb.requests import Request
from datasync_runner.storage.smb.responses import Answer
from datasync_runner.storage.smb.security import check_set, settings
from datasync_runner.storage.smb.share import Root, check_written, failure, remove_files
from datasync_runner.storage.smb.target import Target, check_end, times_of, windows_of
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.values import Content, Written

GROUP: Final = 64
"""Files that are open at the server at once."""


class _New:
    """One file on its way: its handle while it is open, its error once it has failed."""

    __slots__ = ("content", "error", "file", "key", "named")

    def __init__(self, content: Content) -> None:
        self.content, self.key = content, content.entry.key
        self.error: errors.StorageError | None = None
        self.file = b""
        self.named = False

    def does(self, step: Callable[[], None]) -> None:
        """Take a step; its error is the file's."""
        try:
            step()
        except errors.Unavailable as error:
            if not error.key:
                raise  # the connection is lost, for all
            self.fail(error)
        except errors.StorageError as error:
            self.fail(error)

    def fail(self, error: errors.StorageError) -> None:
        """It failed."""
        error.key = self.key
        self.error = error


class SmallWriter:
    """Writes batches below one root; `verifies`: each file is read back before it gets its name."""

    def __init__(self, root: Root, folders: Folders, *, verifies: bool) -> None:
        self._root, self._folders, self._verifies = root, folders, verifies

    def write_batch(
        self, wire: Wire, contents: Sequence[Content]
    ) -> list[Written | errors.StorageError]:
        """Write whole files.  Errors as values: any FileError, Unavailable.

        Raises: Unavailable, when the connection is lost.
        """
        answers: list[Written | errors.StorageError] = []
        for start in range(0, len(contents), GROUP):
            answers += self._write(wire, [_New(one) for one in contents[start : start + GROUP]])
        return answers

    def _write(self, wire: Wire, new: Sequence[_New]) -> list[Written | errors.StorageError]:
        for one in new:
            one.does(lambda one=one: self._prepare(wire, one))
        small = [one for one in new if len(one.content.body) <= wire.chunk_bytes]
        try:
            self._create(wire, [one for one in small if one.error is None])
            if self._verifies:
                self._flush(wire, [one for one in small if one.file and one.error is None])
            self._name(wire, [one for one in small if one.file and one.error is None])
        finally:
            if not wire.broken:
                self._end(wire, [one for one in small if one.file])
        for one in new:
            if len(one.content.body) > wire.chunk_bytes and one.error is None:
                one.does(lambda one=one: self._write_alone(wire, one.content))
        return [
            one.error or Written(one.content.entry, crc64(one.content.body), self._verifies)
            for one in new
        ]

    def _prepare(self, wire: Wire, one: _New) -> None:
        if one.content.entry.kind is Kind.SYMLINK:
            raise errors.NotSupported("a share takes no symbolic links", one.key)
        names.check(one.key)
        self._folders.ensure(wire, parent_of(one.key))

    def _create(self, wire: Wire, new: Sequence[_New]) -> None:
        taken = self._create_some(wire, new)
        if not taken:
            return
        # An interrupted run left it, or somebody planted it: it is removed, never opened.
        removed = remove_files(wire, self._root, [temporary_key(one.key) for one in taken])
        for one, answer in zip(taken, removed, strict=True):
            if isinstance(answer, errors.StorageError):
                one.fail(answer)
        for one in self._create_some(wire, [one for one in taken if one.error is None]):
            one.fail(creation_error(statuses.NAME_COLLISION, one.key))

    def _create_some(self, wire: Wire, new: Sequence[_New]) -> list[_New]:
        """Make files; those whose temporary names are taken are given back."""
        taken: list[_New] = []
        for one, answers in zip(new, wire.exchange(map(self._creation, new)), strict=True):
            status = answers[0].status
            if status == statuses.NAME_COLLISION:
                taken.append(one)
            elif status != statuses.OK:
                if status == statuses.PATH_NOT_FOUND:
                    self._folders.forget(parent_of(one.key))
                one.fail(creation_error(status, one.key))
            else:
                one.file = responses.opened(answers[0].body).file
                self._check(one, answers)
        return taken

    def _creation(self, one: _New) -> list[Request]:
        body = one.content.body
        parts = self._root.parts
        chain = [creation(self._root, temporary_key(one.key), rights=parts.to_write)]
        chain += settings(one.content.entry, parts)  # before there is anything to be read in it
        if body:
            chain.append(requests.write(body, 0))
            if self._verifies:
                chain.append(requests.read(0, len(body)))
        if request := times_of(one.content.entry):
            chain.append(request)
        return chain

    def _check(self, one: _New, answers: Sequence[Answer]) -> None:
        body = one.content.body
        entry, parts = one.content.entry, self._root.parts
        end = 1 + len(settings(entry, parts))
        one.does(lambda: check_set(list(answers[1:end]), entry, parts))
        rest = answers[end:]
        if one.error is not None:
            return
        if error := failure(rest, one.key, "write it"):
            one.fail(error)
        elif body:
            one.does(lambda: check_written(rest[0], len(body), one.key))
            if self._verifies and one.error is None and responses.data_of(rest[1]) != body:
                one.fail(errors.VerificationFailed("its content differs from what was sent"))

    def _flush(self, wire: Wire, new: Sequence[_New]) -> None:
        chains = ([requests.flush(one.file)] for one in new)
        for one, answers in zip(new, wire.exchange(chains), strict=True):
            if error := failure(answers, one.key, "have it on the disk"):
                one.fail(error)

    def _name(self, wire: Wire, new: Sequence[_New]) -> None:
        chains = ([naming(self._root, one.key, one.file)] for one in new)
        statuses_found = [answer.status for (answer,) in wire.exchange(chains)]
        for one, status in zip(new, statuses_found, strict=True):
            one.does(lambda one=one, status=status: self._settle(wire, one, status))

    def _settle(self, wire: Wire, one: _New, status: int) -> None:
        settle_name(wire, self._root, one.key, file=one.file, status=status)
        one.named = True

    def _end(self, wire: Wire, new: Sequence[_New]) -> None:
        """Close all; what has no name is removed."""
        removals = ([requests.delete(one.file)] for one in new if not one.named)
        for _ in wire.exchange(removals):
            pass
        for one, answers in zip(new, wire.exchange(map(_closing, new)), strict=True):
            answer = next((one for one in answers if one.status != statuses.OK), answers[-1])
            if answer.status != statuses.OK and one.error is None:
                one.fail(statuses.error_of(answer.status, one.key, "close it"))
            elif one.named and one.error is None:
                state = responses.closed(answer.body)
                one.does(lambda one=one, state=state: check_end(one.content.entry, state))

    def _write_alone(self, wire: Wire, content: Content) -> None:
        target = Target(wire, self._root, self._folders, content.entry)
        try:
            target.begin()
            target.write([content.body], 0)
            target.commit(crc64(content.body), verifies=self._verifies)
        finally:
            target.discard()


def _closing(one: _New) -> list[Request]:
    close = requests.close(one.file)
    request = windows_of(one.content.entry, one.file) if one.named else None
    return [request, close] if request else [close]
