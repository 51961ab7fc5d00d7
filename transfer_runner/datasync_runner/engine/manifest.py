"""A run by a manifest: its items are looked up on both sides, and no folder is listed.

Both sides become listings of what is there of what is listed, so that everything behind them goes
on as ever.  The folders around an item come along, with their metadata, when the item is there.

Memory: the manifest's items in a sorter (16 MiB, the rest is on disk), and `AT_ONCE` items a side.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain, islice
from typing import Final, Protocol

from datasync_api.patterns import Filter
from datasync_api.plan import ManifestPlace
from datasync_runner.core import manifest
from datasync_runner.core.entry import Entry, Kind, folders_of
from datasync_runner.core.names import problem
from datasync_runner.engine.manifest_items import read
from datasync_runner.engine.patient import Patient
from datasync_runner.storage.errors import (
    Conflict,
    FileError,
    Missing,
    NameNotRepresentable,
    StorageError,
)
from datasync_runner.storage.port import Source
from datasync_runner.storage.values import Batch

AT_ONCE: Final = 1024
_CALL: Final = 256


class ManifestFileDoesNotExist(Missing):
    """Listed, and not there."""

    hint = "correct the path in the manifest, which is relative to the source location"


class ManifestListsFolder(FileError):
    """Listed as a file, and a folder."""

    hint = "list the files in it one by one, or use includes instead of a manifest"


class Side(Protocol):
    """What is listed of a location."""

    objects: bool

    def listing(self, chosen: Filter) -> AsyncIterator[Batch]:
        """Everything that takes part, sorted by key.  Raises: StopError, Unavailable."""
        ...


@asynccontextmanager
async def sides_of(
    place: ManifestPlace | None,
    source: Patient,
    destination: Patient,
    *,
    bucket: Patient | None = None,
) -> AsyncGenerator[Callable[[], tuple[Side, Side]]]:
    """Both sides as they are to be listed, once for each call, and one call after the other.

    `bucket` is where a manifest lies that is an object of its own.

    The manifest is read once: a run that compares at the end compares what it has transferred.
    Raises: StopError when the manifest cannot be used.
    """
    if place is None:
        yield lambda: (source, destination)
        return
    with await read(place, source, bucket) as sorter:

        def looked() -> tuple[Side, Side]:
            # Both before one of them is used: to ask a sorter again sorts what is in memory.
            ours, theirs = sorter.sorted(), sorter.sorted()
            return (
                _Looked(ours, source, _Source(source)),
                _Looked(theirs, destination, _Destination()),
            )

        yield looked


class _Judge(Protocol):
    """What an answer means on one side."""

    waits: bool
    """A folder is told when something in it is, else at once."""
    versions: bool
    """The version of an item is asked for: it is the source's."""

    def folder(self, asked: Entry, answer: Entry | StorageError) -> Entry | None:
        """A folder that is to be told; None: none."""
        ...

    def file(self, asked: Entry, answer: Entry | StorageError) -> Entry | StorageError | None:
        """What is to be told of an item; None: nothing is there."""
        ...


class _Source:
    """At the source what is listed must be there.

    | asked | answer | told |
    |---|---|---|
    | file | file, link, special | it |
    | file | folder | ManifestListsFolder |
    | file | Missing | ManifestFileDoesNotExist |
    | file | another error | it |
    | folder | folder | it |
    | folder | Missing, of objects | an implied folder; none with a name that no path can have |
    | folder | any other | - (what is below tells why) |
    """

    waits = True
    versions = True

    def __init__(self, source: Source) -> None:
        self._objects = source.objects

    def folder(self, asked: Entry, answer: Entry | StorageError) -> Entry | None:
        if isinstance(answer, Entry):
            return answer if answer.kind is Kind.FOLDER else None
        if self._objects and isinstance(answer, Missing) and problem(asked.key) is None:
            return asked._replace(implied=True)
        return None

    def file(self, asked: Entry, answer: Entry | StorageError) -> Entry | StorageError:
        if isinstance(answer, Missing):
            return ManifestFileDoesNotExist(
                "the manifest lists it, and the source does not have it", asked.key
            )
        if isinstance(answer, Entry) and answer.kind is Kind.FOLDER:
            return ManifestListsFolder(
                "the manifest lists it as a file, and it is a folder", asked.key
            )
        return answer


class _Destination:
    """At the destination it may be there or not.

    | asked | answer | told |
    |---|---|---|
    | any | of the same sort | it |
    | any | Missing, or something of another sort in the way | - |
    | file | NameNotRepresentable | -: it is not there; who is to write it fails, and tells |
    | file | another error | it: nobody knows what is there |
    | folder | another error | - (what is below tells) |
    """

    waits = False
    versions = False

    def folder(self, asked: Entry, answer: Entry | StorageError) -> Entry | None:
        del asked
        return answer if isinstance(answer, Entry) and answer.kind is Kind.FOLDER else None

    def file(self, asked: Entry, answer: Entry | StorageError) -> Entry | StorageError | None:
        if isinstance(answer, Entry):
            return None if answer.kind is Kind.FOLDER else answer
        return None if isinstance(answer, (Missing, Conflict, NameNotRepresentable)) else answer


class _Looked:
    """One side, looked up item by item."""

    def __init__(self, records: Iterator[bytes], storage: Source, judge: _Judge) -> None:
        self.objects = storage.objects
        items = map(manifest.unpacked, records)
        self._asked = _with_folders(items, versions=judge.versions)
        self._storage, self._judge = storage, judge
        self._folders: list[Entry] = []  # those around the last item that are not told yet

    async def listing(self, chosen: Filter) -> AsyncIterator[Batch]:
        """What is there of what is listed; a filter has no say."""
        del chosen
        while asked := await asyncio.to_thread(lambda: list(islice(self._asked, AT_ONCE))):
            parts = [asked[at : at + _CALL] for at in range(0, len(asked), _CALL)]
            answers = await asyncio.gather(*map(self._storage.inspect, parts))
            yield self._told(asked, list(chain.from_iterable(answers)))

    def _told(self, asked: Sequence[Entry], answers: Sequence[Entry | StorageError]) -> Batch:
        entries: list[Entry] = []
        errors: list[StorageError] = []
        for one, answer in zip(asked, answers, strict=True):
            while self._folders and not one.key.startswith(self._folders[-1].key):
                self._folders.pop()
            if one.kind is Kind.FOLDER:
                if folder := self._judge.folder(one, answer):
                    (self._folders if self._judge.waits else entries).append(folder)
                continue
            told = self._judge.file(one, answer)
            if isinstance(told, StorageError):
                errors.append(told)
            elif told is not None:
                entries += [*self._folders, told]
                self._folders.clear()
        return Batch(entries, errors, looked_up=True)


def _with_folders(items: Iterator[manifest.Item], *, versions: bool) -> Iterator[Entry]:
    """Sorted items as entries to be looked up, each after the folders around it that are new."""
    known: list[bytes] = []
    for key, version_id in items:
        while known and not key.startswith(known[-1]):
            known.pop()
        for folder in folders_of(key, known[-1] if known else b""):
            known.append(folder)
            yield Entry(folder, Kind.FOLDER)
        yield Entry(key, Kind.FILE, version_id=version_id if versions else "")
