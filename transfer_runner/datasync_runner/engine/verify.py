"""Check at the destination what was transferred; a mismatch is a failure, never a success."""

import asyncio
from typing import Final

from datasync_runner.core.tally import Tally
from datasync_runner.engine.failures import record
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.port import Destination
from datasync_runner.storage.values import Written

VERIFIERS: Final = 4
WAITING: Final = 64  # batches; what was written and not yet verified holds no bytes


class Verify:
    """The stage behind the transfer; `active` False: nothing is verified here."""

    def __init__(
        self,
        destination: Destination,
        *,
        tally: Tally,
        active: bool,
        files: FileEvents | None = None,
    ) -> None:
        self._destination, self._tally, self.active = destination, tally, active
        self._files = files
        self._queue: asyncio.Queue[list[Written] | None] = asyncio.Queue(WAITING)

    async def put(self, written: list[Written]) -> None:
        """Hand over what was written; what the destination has proven is verified already."""
        if not self.active:
            return
        unproven = [one for one in written if not one.proven]
        self._tally.files_verified += len(written) - len(unproven)
        if self._files is not None:
            self._files.proven([one for one in written if one.proven])
        if unproven:
            await self._queue.put(unproven)

    async def close(self) -> None:
        """Nothing more comes."""
        for _ in range(VERIFIERS):
            await self._queue.put(None)

    async def run(self) -> None:
        """Until closed.  Raises: StopError."""
        async with asyncio.TaskGroup() as group:
            for _ in range(VERIFIERS):
                group.create_task(self._verifier())

    async def _verifier(self) -> None:
        while (batch := await self._queue.get()) is not None:
            answers = await self._destination.verify(batch)
            for written, answer in zip(batch, answers, strict=True):
                if isinstance(answer, StorageError):
                    record(self._tally, "verify", answer, written.entry)
                else:
                    self._tally.files_verified += 1
            if self._files is not None:
                self._files.read_back([a for a in answers if not isinstance(a, StorageError)])
