"""Pairs that the listings do not decide: their metadata is asked for, and their content compared.

Content only with compareMode Checksum; what a baseline has proven does not come here.
"""

import asyncio
from collections.abc import Sequence

from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry
from datasync_runner.core.restored import State, record_of
from datasync_runner.core.tally import Tally
from datasync_runner.core.wanted import wanted
from datasync_runner.engine.contents import Both, Contents
from datasync_runner.engine.failures import record
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.placing import place
from datasync_runner.engine.progress import Board
from datasync_runner.engine.work import Work
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.errors import Missing, StorageError
from datasync_runner.storage.values import Examined


class Inspection:
    """Asks, and decides then."""

    def __init__(
        self,
        source: Patient,
        destination: Patient,
        *,
        options: CompareOptions,
        tally: Tally,
        budget: ByteBudget,
        files: FileEvents | None = None,
        board: Board | None = None,
    ) -> None:
        """`board`: whom to tell of names that may be one file with others."""
        self._source, self._destination = source, destination
        self._options, self._tally, self._files = options, tally, files
        self._contents = Contents(source, destination, budget)
        self._board = board

    async def works(self, batch: Sequence[Work]) -> list[Work]:
        """What is to be done with the pairs; those that cannot be asked about are failures.

        Raises: StopError.
        """
        sources, destinations = await asyncio.gather(
            asked(self._source, [work.source for work in batch], self._options),
            asked(
                self._destination,
                [work.destination for work in batch if work.destination],
                self._options,
            ),
        )
        found: list[Work | None] = []
        undecided: list[Both] = []
        for source, destination in zip(sources, destinations, strict=True):
            there = None if isinstance(destination, Missing) else destination
            if isinstance(source, StorageError):
                record(self._tally, "prepare", source)
            elif isinstance(there, StorageError):
                record(self._tally, "prepare", there)
            elif there is not None and self._undecided(source, there):
                undecided.append(Both(source, there))
            else:
                found.append(self._decided(source.entry, there and there.entry))
        if undecided:
            found += await self._by_content(undecided)
        return [work for work in found if work is not None]

    def _undecided(self, source: Examined, there: Examined) -> bool:
        if not self._options.checksum:
            return False
        return decide(source.entry, there.entry, self._options).action is Action.INSPECT

    async def _by_content(self, files: Sequence[Both]) -> list[Work | None]:
        found: list[Work | None] = []
        for (source, there), same in zip(files, await self._contents.same(files), strict=True):
            if isinstance(same, StorageError):
                record(self._tally, "prepare", same, source.entry)
            else:
                found.append(self._decided(source.entry, there.entry, same=same))
        return found

    def _decided(
        self, source: Entry, there: Entry | None, *, same: bool | None = None
    ) -> Work | None:
        action, reason = decide(source, there, self._options, same=same)
        if action is Action.SKIP and self._files is not None:
            self._files.skipped([(source, reason)])
        if action is Action.SKIP and self._board is not None and self._board.restored is not None:
            record = record_of(wanted(source, self._options), None, State.RIGHT)
            if record is not None:
                self._board.restored([record])
        if action is Action.INSPECT:
            raise RuntimeError(f"{source.key!r}: still not known after it was inspected")
        return place(
            self._tally, source, there, action=action, to_objects=self._destination.objects
        )


async def asked(
    storage: Patient, entries: Sequence[Entry], options: CompareOptions
) -> list[Examined | StorageError]:
    """What the options need to be known of the entries.  Raises: StopError."""
    if options.checksum:
        return await storage.examine(entries)
    answers = await storage.inspect(entries)
    return [a if isinstance(a, StorageError) else Examined(a) for a in answers]
