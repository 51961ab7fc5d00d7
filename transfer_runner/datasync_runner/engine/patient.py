"""A storage with patience: what passes is tried again, and what stays away stops the run.

It wraps a port as the port.  When an item's retries are used up and the location as a whole does
not answer either, the run stops as Unreachable; otherwise the item has failed.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from datasync_api.patterns import Filter
from datasync_runner.core.entry import Entry, Keeps
from datasync_runner.core.retry import TRIES, delay_seconds
from datasync_runner.storage.errors import (
    ConfigurationInvalid,
    Denied,
    FileError,
    StorageError,
    Unavailable,
    Unreachable,
)
from datasync_runner.storage.port import (
    Destination,
    Duplicator,
    Linker,
    Moved,
    Reader,
    Source,
    nobody,
)
from datasync_runner.storage.values import (
    Batch,
    Content,
    Duplicate,
    Examined,
    Link,
    Standing,
    Written,
)

T = TypeVar("T")
R = TypeVar("R")
Sleep = Callable[[float], Awaitable[None]]
GoesOn = Callable[[Unavailable, float], bool]
"""Whether there is any use in trying again after this error, and after so many seconds."""


def always(error: Unavailable, pause_seconds: float) -> bool:
    """Goes on until the tries are used up."""
    del error, pause_seconds
    return True


class Patient:
    """A destination (or source) whose passing errors are retried."""

    def __init__(self, inner: Destination, *, sleep: Sleep = asyncio.sleep) -> None:
        self._inner = inner
        self._sleep = sleep
        self.objects = inner.objects

    @property
    def keeps(self) -> Keeps:
        """As the port; known after check()."""
        return self._inner.keeps

    async def check(self, goes_on: GoesOn = always) -> None:
        """Raises: StopError; Unreachable when the location does not answer."""
        try:
            await self.retry(self._inner.check, goes_on)
        except Unavailable as error:
            raise self._unreachable(error) from error
        except FileError as error:
            raise ConfigurationInvalid(f"the location cannot be used: {error.message}") from error

    async def listing(self, chosen: Filter) -> AsyncIterator[Batch]:
        """Raises: StopError; a listing that breaks off is never taken for a whole one."""
        try:
            async for batch in self._inner.listing(chosen):
                yield batch
        except Unavailable as error:
            raise self._unreachable(error) from error
        except FileError as error:
            if error.error_code.isdecimal() and not isinstance(error, Denied):
                raise self._unreachable(error) from error  # no word of S3's: a page in its place
            raise ConfigurationInvalid(
                f"the location cannot be listed: {error.message}; {error.hint}"
            ) from error

    async def standing(self) -> Standing:
        """As the port."""
        return await self.retry(self._inner.standing)

    async def earliest_stamp(self) -> int | None:
        """As the port."""
        return await self.retry(self._inner.earliest_stamp)

    async def latest_stamp(self) -> int | None:
        """As the port."""
        return await self.retry(self._inner.latest_stamp)

    async def inspect(self, entries: Sequence[Entry]) -> list[Entry | StorageError]:
        """As the port."""
        return await self._each(self._inner.inspect, entries)

    async def examine(self, entries: Sequence[Entry]) -> list[Examined | StorageError]:
        """As the port."""
        return await self._each(self._inner.examine, entries)

    async def read_small(self, entries: Sequence[Entry]) -> list[Content | StorageError]:
        """As the port."""
        return await self._each(self._inner.read_small, entries)

    async def open(self, entry: Entry) -> Reader:
        """As the port; not retried here: a transfer is retried as a whole."""
        return await self._inner.open(entry)

    async def write_small(self, contents: Sequence[Content]) -> list[Written | StorageError]:
        """As the port."""
        return await self._each(self._inner.write_small, contents)

    async def write(self, entry: Entry, reader: Reader, moved: Moved = nobody) -> Written:
        """As the port; not retried here."""
        return await self._inner.write(entry, reader, moved)

    def copies_from(self, source: Source) -> bool:
        """As the port."""
        return isinstance(source, Patient) and self._inner.copies_from(source._inner)

    async def copy(self, entries: Sequence[Entry], source: Source) -> list[Written | StorageError]:
        """As the port."""
        inner = source._inner if isinstance(source, Patient) else source
        return await self._each(lambda some: self._inner.copy(some, inner), entries)

    async def update_metadata(self, entries: Sequence[Entry]) -> list[Entry | StorageError]:
        """As the port."""
        return await self._each(self._inner.update_metadata, entries)

    async def write_folders(self, entries: Sequence[Entry]) -> list[Entry | StorageError]:
        """As the port."""
        return await self._each(self._inner.write_folders, entries)

    @property
    def links(self) -> bool:
        """Whether files can be given several names."""
        return isinstance(self._inner, Linker)

    async def link(self, links: Sequence[Link]) -> list[Entry | StorageError]:
        """As the port."""
        assert isinstance(self._inner, Linker)  # noqa: S101 - `links` said so
        return await self._each(self._inner.link, links)

    @property
    def duplicates(self) -> bool:
        """Whether it can copy within itself."""
        return isinstance(self._inner, Duplicator)

    async def duplicate(self, copies: Sequence[Duplicate]) -> list[Written | StorageError]:
        """As the port."""
        assert isinstance(self._inner, Duplicator)  # noqa: S101 - `duplicates` said so
        return await self._each(self._inner.duplicate, copies)

    async def delete(self, keys: Sequence[bytes]) -> list[bytes | StorageError]:
        """As the port."""
        return await self._each(self._inner.delete, keys)

    async def verify(self, written: Sequence[Written]) -> list[Written | StorageError]:
        """As the port."""
        return await self._each(self._inner.verify, written)

    async def finish(self) -> None:
        """As the port."""
        await self._inner.finish()

    async def close(self) -> None:
        """As the port."""
        await self._inner.close()

    async def retry(self, call: Callable[[], Awaitable[R]], goes_on: GoesOn = always) -> R:
        """The call's answer, Unavailable retried.  Raises: what the call raises at last."""
        attempt = 1
        while True:
            try:
                return await call()
            except Unavailable as error:
                pause = delay_seconds(attempt, random.random())  # noqa: S311 - jitter
                if pause is None or not goes_on(error, pause):
                    raise
            attempt += 1
            await self._sleep(pause)

    async def enter_again(self) -> None:
        """As `check`, by a worker: the run was let in before.  Raises: Unreachable, other stops."""
        try:
            await self.retry(self._inner.check)
        except (Unavailable, FileError, ConfigurationInvalid) as error:
            raise self._unreachable(error) from error

    async def still_there(self) -> None:
        """After an item was given up: raises Unreachable when nothing else works either.

        The location has let this run in before, so that a page about maintenance in its place, or a
        refusal that no rule knows, may pass.  Raises: other StopErrors, as it means them.
        """
        try:
            await self._inner.check()
        except (Unavailable, FileError, ConfigurationInvalid) as error:
            raise self._unreachable(error) from error

    async def _each(
        self, call: Callable[[Sequence[T]], Awaitable[list[R | StorageError]]], items: Sequence[T]
    ) -> list[R | StorageError]:
        if not items:
            return []
        answers: list[R | StorageError] = list(await self._whole(call, items))
        for attempt in range(1, TRIES + 1):
            again = [at for at, answer in enumerate(answers) if isinstance(answer, Unavailable)]
            if not again:
                return answers
            pause = delay_seconds(attempt, random.random())  # noqa: S311 - jitter
            if pause is None:
                break
            await self._sleep(pause)
            retried = await self._whole(call, [items[at] for at in again])
            for at, answer in zip(again, retried, strict=True):
                answers[at] = answer
        await self.still_there()
        return answers

    async def _whole(
        self, call: Callable[[Sequence[T]], Awaitable[list[R | StorageError]]], items: Sequence[T]
    ) -> list[R | StorageError]:
        """The call; when it fails as a whole, each item did."""
        try:
            return await call(items)
        except (Unavailable, FileError) as error:
            return [error for _ in items]

    def _unreachable(self, error: StorageError) -> Unreachable:
        return Unreachable(
            f"{error.message}; tried again in vain; check that the location is up and that network "
            "policies and firewalls let the runner reach it"
        )
