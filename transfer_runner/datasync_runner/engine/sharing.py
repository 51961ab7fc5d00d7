"""Names of one inode on their way to objects: the destination copies what it was sent once.

It sends nothing itself: the names that the destination could not copy are handed back, to be sent.
"""

from collections.abc import Awaitable, Callable, Sequence

from datasync_runner.core.actions import Action
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, shared_inode
from datasync_runner.core.wanted import wanted
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.work import Work
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.values import Duplicate, Written

Done = Callable[[list[Entry], list[Written | StorageError]], Awaitable[object]]
"""Is told what was made of which names."""


class Sharing:
    """Copies within the destination."""

    def __init__(self, destination: Patient, options: CompareOptions, done: Done) -> None:
        self._destination, self._options, self._done = destination, options, done

    async def from_origins(self, batch: Sequence[Work]) -> list[Work]:
        """Copy what is there under another name already; the work that is left."""
        left: list[Work] = []
        for work in batch:
            names = [one.source for one in (work, *work.others)]
            origin = work.origin
            if origin is not None:
                alike = [name for name in names if _listed_alike(name, origin)]
                changed = [name for name in names if not _listed_alike(name, origin)]
                copies = [Duplicate(wanted(name, self._options), origin, None) for name in alike]
                names = await self._duplicate(alike, copies) + changed
            if names:
                first, *others = [Work(Action.COPY, name) for name in names]
                left.append(first._replace(others=tuple(others)))
        return left

    async def further(self, batch: Sequence[Work], written: Sequence[Written]) -> list[Entry]:
        """Copy what was just sent to its further names; the names that are left."""
        sent = {one.entry.key: one for one in written}
        left: list[Entry] = []
        for work in batch:
            names = [one.source for one in work.others]
            first = sent.get(work.source.key)
            if names and first is not None and _same_inode(first.entry, work.source):
                there = first.entry._replace(etag=first.etag)
                copies = [
                    Duplicate(_named(first.entry, name), there, first.checksum) for name in names
                ]
                names = await self._duplicate(names, copies)
            left += names
        return left

    async def _duplicate(self, names: Sequence[Entry], copies: Sequence[Duplicate]) -> list[Entry]:
        answers = await self._destination.duplicate(copies)
        made = [answer for answer in answers if isinstance(answer, Written)]
        await self._done([one.entry for one in made], list(made))
        return [
            name
            for name, answer in zip(names, answers, strict=True)
            if isinstance(answer, StorageError)
        ]


def _named(sent: Entry, name: Entry) -> Entry:
    """What was sent, as it was when it was read, under another name."""
    return sent._replace(key=name.key, storage_class=name.storage_class)


def _listed_alike(name: Entry, origin: Entry) -> bool:
    """Whether the file had not changed between the moments when the two names were listed."""
    return (name.size_bytes, name.mtime_ns) == (origin.size_bytes, origin.mtime_ns)


def _same_inode(sent: Entry, listed: Entry) -> bool:
    """Whether what was read is still the file that had the other names."""
    return shared_inode(sent) is not None and shared_inode(sent) == shared_inode(listed)
