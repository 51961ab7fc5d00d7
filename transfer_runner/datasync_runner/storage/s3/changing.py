"""Objects that are replaced between their listing and their reading: taken as they are now.

If-Match says that an object is not the one that was listed, or found a moment ago.  Then it is
looked at and asked for again, TRIES times in all, as a file that changes while it is read is.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from datasync_runner.core.entry import Entry
from datasync_runner.storage.errors import ChangedDuringTransfer, StorageError

T = TypeVar("T")
TRIES: Final = 3


async def while_changing(
    entries: Sequence[Entry],
    call: Callable[[Sequence[Entry]], Awaitable[list[T | StorageError]]],
    look: Callable[[Sequence[Entry]], Awaitable[list[Entry | StorageError]]],
    *,
    largest_bytes: int | None = None,
) -> list[T | StorageError]:
    """The answers of `call`; what has changed is asked for once more as `look` finds it.

    What is larger than `largest_bytes` now, and what keeps changing, stays ChangedDuringTransfer.
    Raises: what the calls raise.
    """
    answers = await call(entries)
    for _ in range(TRIES - 1):
        places = [at for at, one in enumerate(answers) if isinstance(one, ChangedDuringTransfer)]
        if not places:
            break
        unknown = [entries[at]._replace(metadata=None, etag="") for at in places]
        found: dict[int, Entry] = {}
        for at, now in zip(places, await look(unknown), strict=True):
            if isinstance(now, StorageError):
                answers[at] = now
            elif largest_bytes is None or now.size_bytes <= largest_bytes:
                found[at] = now
        again = await call(list(found.values()))
        for at, answer in zip(found, again, strict=True):
            answers[at] = answer
    return answers
