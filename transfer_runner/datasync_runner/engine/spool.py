"""Records kept for the end of the run: in memory while few, on disk when many.

They come back in the opposite order, so that what is inside a folder comes before the folder.
"""

import json
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from datasync_runner.core.actions import Action
from datasync_runner.core.entry import Entry, Kind, ObjectHeaders, PosixMetadata, WindowsMetadata
from datasync_runner.engine.work import Work

MEMORY_BYTES: Final = 1024 * 1024
_LENGTH: Final = 4


class Spool:
    """A stack of byte strings.  Raises OSError where the disk is full."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115
        self._end = 0
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def close(self) -> None:
        """Give the disk's space back."""
        self._file.close()

    def push(self, record: bytes) -> None:
        """Add a record."""
        self._file.write(record + len(record).to_bytes(_LENGTH, "big"))
        self._end += len(record) + _LENGTH
        self.count += 1

    def push_all(self, records: Iterable[bytes]) -> None:
        """Add some."""
        for record in records:
            self.push(record)

    def reversed_batches(self, size: int) -> Iterator[list[bytes]]:
        """All records, the last one first; pushing goes on only after this is through."""
        batch: list[bytes] = []
        at = self._end
        while at:
            self._file.seek(at - _LENGTH)
            length = int.from_bytes(self._file.read(_LENGTH), "big")
            at -= _LENGTH + length
            self._file.seek(at)
            batch.append(self._file.read(length))
            if len(batch) == size:
                yield batch
                batch = []
        self._file.seek(self._end)
        if batch:
            yield batch


class FolderWork(NamedTuple):
    """A folder's pair, and what is known to be done with it."""

    action: Action
    source: Entry
    destination: Entry | None


def pack_folder(work: FolderWork) -> bytes:
    """A folder's work as a record."""
    entries = [_fields(work.source), work.destination and _fields(work.destination)]
    return json.dumps([work.action.value, *entries]).encode()


def unpack_folder(packed: bytes) -> FolderWork:
    """The work that `pack_folder` made a record of."""
    action, source, destination = json.loads(packed)
    return FolderWork(Action(action), _entry(source), destination and _entry(destination))


def pack_work(work: Work) -> bytes:
    """A file's work as a record; the file that it lies in is ours alone."""
    return pickle.dumps(work, pickle.HIGHEST_PROTOCOL)


def unpack_work(packed: bytes) -> Work:
    """The work that `pack_work` made a record of."""
    return pickle.loads(packed)  # noqa: S301 - our own


def _fields(folder: Entry) -> list[Any]:
    windows = None
    if isinstance(folder.node, WindowsMetadata):
        attributes, created, descriptor = folder.node
        text = None if descriptor is None else descriptor.decode("latin-1")
        windows = (attributes, created, text)
    return [folder.key.decode("latin-1"), *folder[2:10], windows, folder.storage_class]


def _entry(fields: list[Any]) -> Entry:
    key, *others, headers, changed_ns, windows, storage_class = fields
    folder = Entry(key.encode("latin-1"), Kind.FOLDER, *others, changed_ns=changed_ns)
    if headers is not None:
        headers = ObjectHeaders(*headers)
        headers = headers._replace(
            user_metadata=_pairs(headers.user_metadata),
            tags=None if headers.tags is None else _pairs(headers.tags),
        )
    metadata = None if folder.metadata is None else PosixMetadata(*folder.metadata)
    node = None
    if windows is not None:
        attributes, created, text = windows
        descriptor = None if text is None else text.encode("latin-1")
        node = WindowsMetadata(attributes, created, descriptor)
    return folder._replace(
        metadata=metadata, headers=headers, node=node, storage_class=storage_class
    )


def _pairs(listed: Iterable[Iterable[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in listed)
