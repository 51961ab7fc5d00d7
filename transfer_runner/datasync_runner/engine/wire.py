"""What the runner and its worker processes say to each other: length-prefixed pickles.

Pickle, because both ends are one program of one moment, and it is the fastest for plain tuples: of
named ones it asks each in Python for its fields, so entries travel in columns, in a fifth to a
third of the time.  Nothing from outside ever reaches it: the socket pair is anonymous.
"""

import asyncio
import contextlib
import pickle
import struct
from dataclasses import dataclass, field
from typing import Any, Final

from datasync_runner.core.entry import Entry, PosixMetadata
from datasync_runner.core.report_entries import ReportEntry
from datasync_runner.core.tally import Tally
from datasync_runner.engine.work import Work
from datasync_runner.storage.errors import StopError

_LENGTH: Final = struct.Struct(">I")
_METADATA: Final = Entry._fields.index("metadata")


@dataclass(frozen=True, slots=True)
class Orders:
    """A batch to be done; none: nothing more comes."""

    works: list[Work] = field(default_factory=list[Work])

    def __reduce__(self) -> tuple[Any, ...]:
        """Columns of the sources' fields, and the rest of each work."""
        columns: list[Any] = list(zip(*[work.source for work in self.works], strict=True))
        if columns:
            columns[_METADATA] = [None if m is None else tuple(m) for m in columns[_METADATA]]
        return _orders, (columns, [(work[0], work[2:]) for work in self.works])


def _orders(columns: list[Any], others: list[tuple[Any, tuple[Any, ...]]]) -> Orders:
    if columns:
        stated = columns[_METADATA]
        columns[_METADATA] = [None if m is None else PosixMetadata._make(m) for m in stated]
    sources = map(Entry._make, zip(*columns, strict=True))
    return Orders(
        [
            Work(action, source, *rest)
            for source, (action, rest) in zip(sources, others, strict=True)
        ]
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What has happened since the last report."""

    tally: Tally
    done: int = 0
    """Items that are done with, as they were ordered."""
    done_large: int = 0
    settled: int = 0
    """Items that were to be inspected and are decided now."""
    moved: bool = False
    """Everything that was ordered was transferred."""
    entries: list[ReportEntry] = field(default_factory=list[ReportEntry])
    """For detailed reports."""
    restored: list[bytes] = field(default_factory=list[bytes])
    """Names that may be one file with others."""
    ended: bool = False
    """And verified: the last report."""
    lines: list[str] = field(default_factory=list[str])
    """Of the log."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The whole run cannot go on."""

    kind: type[StopError]
    message: str
    key: bytes

    def error(self) -> StopError:
        """The error, as it was raised there."""
        return self.kind(self.message, self.key)


class Wire:
    """One end of the socket pair."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, message: Any) -> None:
        """Hand a message over; waits while the other end is behind.  Raises: ConnectionError."""
        self.post(message)
        await self._writer.drain()

    def post(self, message: Any) -> None:
        """Hand a message over without waiting: for small ones."""
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> Any:
        """The next message; None when the other end is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 - our own
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        """Hang up at once."""
        self._writer.close()

    async def hang_up(self) -> None:
        """Hang up when everything was handed over."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()
            self._writer.close()
            await self._writer.wait_closed()
