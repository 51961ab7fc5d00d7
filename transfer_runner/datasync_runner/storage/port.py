"""The port between the engine and storage: batches in, batches out, errors of items as values.

An answer's list is as long as the question's and in its order.  Besides what a method says it
returns, each may raise StopError (the run cannot go on); Unavailable, about one item or the whole
call, is for the engine to retry.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from datasync_api.patterns import Filter
from datasync_runner.core.entry import Entry, Keeps
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.values import (
    Batch,
    Content,
    Duplicate,
    Examined,
    Link,
    Standing,
    Written,
)


class Moved(Protocol):
    """Is told how many more bytes of a large file were taken over; fewer: they were for nothing."""

    def __call__(self, size_bytes: int, *, resumed: bool = False) -> None:
        """`resumed`: they were there from an earlier run, and did not travel."""
        ...


def nobody(size_bytes: int, *, resumed: bool = False) -> None:
    """A Moved that nobody hears."""


class Reader(Protocol):
    """A large file being read."""

    @property
    def entry(self) -> Entry:
        """The entry as it was when it was opened."""
        ...

    async def read(self) -> bytes:
        """The next bytes, at most 8 MiB; empty at the end.

        Raises: ChangedDuringTransfer, Unavailable, and other StorageErrors.
        """
        ...

    async def close(self) -> None:
        """Let go of it; raises nothing."""
        ...


@runtime_checkable
class RangedReader(Reader, Protocol):
    """A large file any range of which can be asked for at any time, several at once."""

    @property
    def checksum(self) -> int | None:
        """The whole file's CRC64NVME where the source states it, else None."""
        ...

    async def read_at(self, offset_bytes: int, size_bytes: int) -> Sequence[bytes]:
        """Exactly that range, in the pieces that it came in.

        Raises: ChangedDuringTransfer, Unavailable, and other StorageErrors.
        """
        ...

    async def settle(self) -> None:
        """After the last range: make sure that all of them were of one state of the file.

        Raises: ChangedDuringTransfer.
        """
        ...


class Sink(Protocol):
    """Takes a range's bytes in the event loop, as they come: so it has to be quick.

    It raises nothing: what went wrong with it is its owner's to ask.
    """

    @property
    def taken_bytes(self) -> int:
        """How many came since it began."""
        ...

    def begin(self) -> None:
        """From the range's beginning, also a second time: what came before counts for nothing."""
        ...

    def take(self, pieces: Sequence[bytes]) -> None:
        """The next bytes, in the pieces that they came in."""
        ...


@runtime_checkable
class PouringReader(RangedReader, Protocol):
    """A reader whose ranges need not be held in memory."""

    async def pour(self, offset_bytes: int, size_bytes: int, sink: Sink) -> None:
        """Give exactly that range to a sink; as `read_at` otherwise.

        A caller that is cancelled has to stop its sink: bytes may come still.
        """
        ...


class Source(Protocol):
    """What can be read."""

    objects: bool
    """Object storage, as opposed to a file system."""

    @property
    def keeps(self) -> Keeps:
        """What it keeps of POSIX metadata; known after check()."""
        ...

    async def check(self) -> None:
        """Make sure that the location is there and lets us in.

        Raises: ConfigurationInvalid, BucketMissing, CredentialsRefused, Unavailable, FileError.
        """
        ...

    def listing(self, chosen: Filter) -> AsyncIterator[Batch]:
        """Everything that takes part, sorted by key.  Raises: StopError, Unavailable."""
        ...

    async def standing(self) -> Standing:
        """Which location this is.  Raises: StorageError."""
        ...

    async def earliest_stamp(self) -> int | None:
        """No change from now on is stamped earlier, in nanoseconds; None: nobody knows.

        Raises: StorageError.
        """
        ...

    async def inspect(self, entries: Sequence[Entry]) -> list[Entry | StorageError]:
        """The entries with their metadata known: Missing, Denied, Unavailable as values."""
        ...

    async def examine(self, entries: Sequence[Entry]) -> list[Examined | StorageError]:
        """As `inspect`, with the checksums that the storage has computed itself."""
        ...

    async def read_small(self, entries: Sequence[Entry]) -> list[Content | StorageError]:
        """Whole files of at most 8 MiB: any FileError and Unavailable as values."""
        ...

    async def open(self, entry: Entry) -> Reader:
        """Begin to read a large file.  Raises: any FileError, Unavailable."""
        ...

    async def close(self) -> None:
        """Let go of connections and handles; raises nothing."""
        ...


class Destination(Source, Protocol):
    """What can be read and written."""

    async def write_small(self, contents: Sequence[Content]) -> list[Written | StorageError]:
        """Write whole files and links: each is there completely or not at all."""
        ...

    async def write(self, entry: Entry, reader: Reader, moved: Moved = nobody) -> Written:
        """Write a large file.  Raises: any FileError, Unavailable; nothing is left behind then."""
        ...

    def copies_from(self, source: Source) -> bool:
        """Whether the storage itself can copy from there, without the bytes coming here."""
        ...

    async def copy(self, entries: Sequence[Entry], source: Source) -> list[Written | StorageError]:
        """Have the storage copy files of any size, with all that belongs to them.

        Denied, where it may not read the source by itself, and any other FileError as values.
        """
        ...

    async def update_metadata(self, entries: Sequence[Entry]) -> list[Entry | StorageError]:
        """Give files and links the metadata of the entries; their content stays."""
        ...

    async def write_folders(self, entries: Sequence[Entry]) -> list[Entry | StorageError]:
        """Make the folders that are missing, and give all of them the entries' metadata."""
        ...

    async def delete(self, keys: Sequence[bytes]) -> list[bytes | StorageError]:
        """Remove items; folders after their children, and only when they are empty."""
        ...

    async def verify(self, written: Sequence[Written]) -> list[Written | StorageError]:
        """Compare the destination with what was sent: VerificationFailed where they differ."""
        ...

    async def latest_stamp(self) -> int | None:
        """No change until now was stamped later, in nanoseconds; None: nobody knows.

        It may write and remove a file of its own.  Raises: StorageError.
        """
        ...

    async def finish(self) -> None:
        """Remove what interrupted runs have left.  Raises nothing: leftovers harm nobody."""
        ...


@runtime_checkable
class Linker(Protocol):
    """A destination that can give one file several names."""

    async def link(self, links: Sequence[Link]) -> list[Entry | StorageError]:
        """Make links, in place of what is there: any FileError and Unavailable as values."""
        ...


@runtime_checkable
class Duplicator(Protocol):
    """A destination that can copy within itself."""

    async def duplicate(self, copies: Sequence[Duplicate]) -> list[Written | StorageError]:
        """Copy what is there to other keys, with the metadata of these: any error as value.

        An answer is proven, or has the checksum that `verify` is to find.
        """
        ...


@runtime_checkable
class Counting(Protocol):
    """A storage whose requests are paid for."""

    @property
    def sent(self) -> Mapping[str, int]:
        """How many requests of each kind this process has sent, repetitions included."""
        ...
