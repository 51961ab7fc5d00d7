"""Small files, links and device nodes written in batches, each whole or not at all.

A batch that verifies goes in steps of `GROUP` files: write all, sync all, read all back, rename
all; so a disk's journal commits once, and damaged data never gets the final name.  Where there is
no disk each file goes its whole way, and is read back while it is in the core's cache.

Descriptors: GROUP files and the folders of a batch, a thread.
"""

from collections.abc import Callable, Sequence
from typing import Final

from datasync_runner.core.entry import Kind
from datasync_runner.storage import errors
from datasync_runner.storage.posix.device import NewDevice
from datasync_runner.storage.posix.errors import translate
from datasync_runner.storage.posix.folders import Borrowed, Folders
from datasync_runner.storage.posix.new import NewFile, NewLink
from datasync_runner.storage.posix.turns import Turns
from datasync_runner.storage.values import Content, Written

GROUP: Final = 32


class SmallWriter:
    """Writes batches below one root.

    `verifies`: proves each file before it gets its name; `syncs`: there is a disk to sync to;
    `network`: it is another machine's.
    """

    def __init__(
        self, folders: Folders, turns: Turns, *, verifies: bool, syncs: bool, network: bool
    ) -> None:
        self._folders, self._turns = folders, turns
        self._verifies, self._syncs, self._network = verifies, syncs, network

    def write_batch(self, contents: Sequence[Content]) -> list[Written | errors.StorageError]:
        """Write whole files and links.  Errors as values: any FileError, Unavailable."""
        answers: list[Written | errors.StorageError] = []
        with Borrowed(self._folders, create=True) as borrowed:
            for start in range(0, len(contents), GROUP):
                group = [
                    _of_kind(content.entry.kind)(content)
                    for content in contents[start : start + GROUP]
                ]
                try:
                    self._write(borrowed, group)
                finally:
                    for new in group:
                        new.discard()
                answers += [
                    new.error or Written(new.entry, new.checksum, self._verifies) for new in group
                ]
        return answers

    def _write(self, borrowed: Borrowed, group: list[NewFile]) -> None:
        def create(new: NewFile) -> None:
            new.create(*borrowed.at(new.entry.key))

        def finish(new: NewFile) -> None:
            new.create(*borrowed.at(new.entry.key))
            if verifies:
                new.prove()
            else:
                new.settle()
            if self._network:
                new.refuse_taken()
            new.rename()

        def rename(new: NewFile) -> None:
            new.refuse_taken()  # others were proven since it was
            new.rename()

        verifies = self._verifies
        if not (verifies and self._syncs):
            with self._turns.taken():
                self._each(group, finish)
            return
        with self._turns.taken():
            self._each(group, create)
        self._each(group, NewFile.start_sync)
        self._each(group, NewFile.sync)
        with self._turns.taken():
            self._each(group, lambda new: new.prove())
            self._each(group, rename)

    def _each(self, group: list[NewFile], step: Callable[[NewFile], None]) -> None:
        for new in group:
            if new.error is None:
                try:
                    step(new)
                except OSError as error:
                    self._folders.lost(error)
                    new.error = translate(error, new.entry.key, "write it")
                except errors.StorageError as error:
                    error.key = new.entry.key
                    new.error = error


def _of_kind(kind: Kind) -> type[NewFile]:
    if kind is Kind.FILE:
        return NewFile
    return NewDevice if kind is Kind.DEVICE else NewLink
