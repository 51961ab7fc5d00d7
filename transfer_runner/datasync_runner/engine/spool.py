"""Records kept for the end of the run: in memory while few, on disk when many.

They come back in the opposite order, so that what is inside a folder comes before the folder.
"""

import json
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self

from datasync_runner.core.entry import Entry, Kind, ObjectHeaders, PosixMetadata

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

    def push(self, record: bytes) -> None:
        """Add a record."""
        self._file.write(record + len(record).to_bytes(_LENGTH, "big"))
        self._end += len(record) + _LENGTH
        self.count += 1

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


def pack_folder(folder: Entry) -> bytes:
    """A folder with its metadata as a record."""
    fields: list[Any] = [
        folder.key.decode("latin-1"),
        folder.implied,
        folder.metadata,
        folder.headers,
    ]
    return json.dumps(fields).encode()


def unpack_folder(record: bytes) -> Entry:
    """The folder that `pack_folder` made a record of."""
    key, implied, metadata, headers = json.loads(record)
    if headers is not None:
        user = tuple((name, value) for name, value in headers[-1])
        headers = ObjectHeaders(*headers[:-1], user_metadata=user)
    return Entry(
        key.encode("latin-1"),
        Kind.FOLDER,
        implied=implied,
        metadata=None if metadata is None else PosixMetadata(*metadata),
        headers=headers,
    )
