"""Hard links to object storage: the content of an inode is sent once, each name is an object.

Pairs whose source has several names are only collected while both sides are listed; those that a
listing does not decide are asked about here.  When all are known they are sorted by inode, and the
names that need content become one piece of work: its first name is sent, and the destination copies
the others within itself.  Where an object has the content already, that one is copied.  So workers
never need to know of each other, and a name outside of the location is never waited for.

What each object states of its inode is `decide`'s: a name by itself is right or not.

Memory: MEMORY_BYTES for the names of files with several, the rest is on disk; NAMES_AT_ONCE of one
inode in a piece of work, beyond which its content is sent again.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final

from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry
from datasync_runner.core.hard_links import Name, name_of, stays, with_more
from datasync_runner.core.tally import Tally
from datasync_runner.engine.collected_names import CollectedNames
from datasync_runner.engine.contents import Both, Contents
from datasync_runner.engine.failures import record
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.inspection import asked
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.placing import place
from datasync_runner.engine.work import Work, WorkQueue
from datasync_runner.storage.errors import Missing, StorageError
from datasync_runner.storage.values import Examined

NAMES_AT_ONCE: Final = 1000
_BLOCK: Final = 1000


class SharedContent(CollectedNames):
    """The files of one run that have several names."""

    def __init__(self, destination: Patient, contents: Contents) -> None:
        super().__init__()
        self._destination, self._contents = destination, contents

    async def inquire(
        self, pairs: Sequence[tuple[Entry, Entry]], *, options: CompareOptions, tally: Tally
    ) -> list[Name]:
        """Names whose pairs no listing decides; what cannot be asked about is a failure.

        Raises: StopError.
        """
        names: list[Name] = []
        both: list[Both] = []
        answers = await asked(self._destination, [there for _, there in pairs], options)
        for (source, _), answer in zip(pairs, answers, strict=True):
            if isinstance(answer, StorageError) and not isinstance(answer, Missing):
                record(tally, "prepare", answer, source.key)
                continue
            there = None if isinstance(answer, Missing) else answer.entry
            decision = decide(source, there, options)
            if decision.action is Action.INSPECT and isinstance(answer, Examined):
                both.append(Both(Examined(source), answer))
            else:
                names.append(name_of(source, there, decision))
        for (source, there), same in zip(both, await self._contents.same(both), strict=True):
            if isinstance(same, StorageError):
                record(tally, "prepare", same, source.entry.key)
            else:
                decision = decide(source.entry, there.entry, options, same=same)
                names.append(name_of(source.entry, there.entry, decision))
        return names

    async def settle(self, queue: WorkQueue, tally: Tally, files: FileEvents | None = None) -> None:
        """All are collected: hand out the work, each inode's content once."""
        names = with_more(self._sorter.sorted())
        origin: Entry | None = None
        copies: list[Work] = []
        while some := await asyncio.to_thread(lambda: list(islice(names, _BLOCK))):
            works: list[Work] = []
            for name, more in some:
                source, action = name.source, name.action
                if action is Action.SKIP and stays(name) and origin is None and name.etag:
                    origin = source._replace(etag=name.etag)
                there = source if name.replaces else None
                work = place(tally, source, there, action=action, to_objects=True)
                if work is None:
                    if files is not None and action is Action.SKIP:
                        files.skipped([(source, name.reason)])
                elif work.action is Action.COPY:
                    copies.append(work)
                else:
                    works.append(work)
                if copies and (not more or len(copies) == NAMES_AT_ONCE):
                    works.append(_together(copies, origin))
                    copies = []
                if not more:
                    origin = None
            if works:
                await queue.put(works)
        self._sorter.close()


def _together(copies: Sequence[Work], origin: Entry | None) -> Work:
    return copies[0]._replace(others=tuple(copies[1:]), origin=origin)
