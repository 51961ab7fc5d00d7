"""A batch's answers, each put in its place as it comes: one future for many requests.

A task for each request would cost more than the request's own Python.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from datasync_runner.storage.errors import FileError, StopError, StorageError

T = TypeVar("T")
R = TypeVar("R")
Give = Callable[[R | StorageError], None]
"""Takes one item's answer, once."""


class Gather(Generic[R]):
    """As many answers as there were questions, in their order."""

    def __init__(self, size: int) -> None:
        self._answers: list[R | StorageError | None] = [None] * size
        self._left = size
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not size:
            self._all.set_result(None)

    def place(self, at: int) -> Give[R]:
        """Where the answer to question `at` goes."""

        def give(answer: R | StorageError) -> None:
            self.put(at, answer)

        return give

    def put(self, at: int, answer: R | StorageError) -> None:
        """One answer; a StopError ends the whole batch."""
        self._answers[at] = answer
        self._left -= 1
        if self._all.done():
            return
        if isinstance(answer, StopError):
            self._all.set_exception(answer)
        elif not self._left:
            self._all.set_result(None)

    async def all(self) -> list[R | StorageError]:
        """Wait for the last one.  Raises: StopError."""
        await self._all
        return [answer for answer in self._answers if answer is not None]


def then(give: Give[R], make: Callable[[T], R]) -> Callable[[T | StorageError], None]:
    """Errors go through, answers are turned into what is asked for."""

    def finish(answer: T | StorageError) -> None:
        give(answer if isinstance(answer, StorageError) else make(answer))

    return finish


async def one(call: Callable[[T, Give[R]], None], item: T) -> R:
    """The answer about one item.  Raises: StorageError."""
    gather: Gather[R] = Gather(1)
    call(item, gather.place(0))
    (answer,) = await gather.all()
    if isinstance(answer, StorageError):
        raise answer
    return answer


async def each(
    call: Callable[[T, Give[R]], None], items: Sequence[T], key_of: Callable[[T], bytes]
) -> list[R | StorageError]:
    """The answers about a batch; also an item that could not be asked about has its error."""
    gather: Gather[R] = Gather(len(items))
    for at, item in enumerate(items):
        try:
            call(item, gather.place(at))
        except FileError as error:
            error.key = error.key or key_of(item)
            gather.put(at, error)
    return await gather.all()


async def some_at_once(
    numbers: Iterable[int], work: Callable[[int], Awaitable[None]], *, at_once: int
) -> None:
    """Do the work of each number, so many at a time.  Raises: what the first of them raises."""
    slots = asyncio.Semaphore(at_once)

    async def do(number: int) -> None:
        try:
            await work(number)
        finally:
            slots.release()

    try:
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                await slots.acquire()
                group.create_task(do(number))
    except ExceptionGroup as several:  # `except*` would group again what it raises
        raise several.exceptions[0] from None
