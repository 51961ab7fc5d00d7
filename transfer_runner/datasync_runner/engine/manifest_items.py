"""A manifest, wherever it lies, to its items sorted by key: read once, before anything is moved.

What cannot be used as it is stops the run: half a manifest would be taken for the whole.

Memory: the items in a sorter (16 MiB, the rest is on disk).
"""

import asyncio
import io
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from datasync_api.plan import ManifestPlace
from datasync_runner.core import manifest
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.engine.patient import Patient
from datasync_runner.storage.errors import (
    ConfigurationInvalid,
    CredentialsRefused,
    Denied,
    FileError,
    Missing,
    Unavailable,
    Unreachable,
)
from datasync_runner.storage.port import Reader
from datasync_runner.storage.sorting import Sorter

MAX_BYTES: Final = 20 * 10**9
"""Of a manifest that is read over the network; AWS DataSync's limit of one in Enhanced mode."""
_PUSH: Final = 1000


async def read(place: ManifestPlace, source: Patient, bucket: Patient | None) -> Sorter:
    """The items, sorted by key, each once; `bucket` is where an Object lies.

    Raises: ConfigurationInvalid, CredentialsRefused, Unreachable, with the place and the fix.
    """
    where = _named(place)
    try:
        if place.kind == "Mounted":
            return await asyncio.to_thread(_sorted_file, place.path, versions=source.objects)
        storage = source if bucket is None else bucket
        asked = Entry(place.path.encode(), Kind.FILE, version_id=place.version_id or "")
        call = partial(_sorted_object, asked, storage, versions=source.objects)
        return await storage.retry(call)
    except Missing as error:
        raise ConfigurationInvalid(
            f"{where} is not there: correct its {'key' if place.side else 'path'}"
            f"{' or versionId' if place.version_id else ''}, or write it first"
        ) from error
    except Denied as error:
        if place.side is None:
            raise ConfigurationInvalid(f"{where} cannot be read: {error.message}") from error
        action = "s3:GetObjectVersion" if place.version_id else "s3:GetObject"
        raise CredentialsRefused(
            f"{where} may not be read ({error.message}): allow {action} on it to the credentials "
            "of its location, or correct the key; without s3:ListBucket S3 says the same of an "
            "object that does not exist"
        ) from error
    except (manifest.ManifestError, FileError, OSError) as error:
        what = str(getattr(error, "strerror", None) or error)
        raise ConfigurationInvalid(f"{where} cannot be used: {what}") from error
    except Unavailable as error:
        raise Unreachable(f"{where} cannot be read: {error.message}") from error


def _named(place: ManifestPlace) -> str:
    if place.kind == "Mounted":
        return "the manifest"
    uri = place.side.uri if place.side else ""
    version = f" in version {place.version_id}" if place.version_id else ""
    return f"the manifest {uri}{place.path}{version}"


def _sorted_file(path: str, *, versions: bool) -> Sorter:
    with Path(path).open("rb") as file:
        return _sorted(file, versions=versions)


async def _sorted_object(asked: Entry, storage: Patient, *, versions: bool) -> Sorter:
    reader = await storage.open(asked)
    try:
        size = reader.entry.size_bytes
        if size > MAX_BYTES:
            raise manifest.ManifestError(
                f"it has {size} bytes, more than the {MAX_BYTES} that a manifest may have: split "
                "it, and the task with it"
            )
        file = io.BufferedReader(_Pulled(reader, asyncio.get_running_loop()))
        return await asyncio.to_thread(_sorted, file, versions=versions)
    finally:
        await reader.close()


def _sorted(file: BinaryIO, *, versions: bool) -> Sorter:
    sorter = Sorter()
    try:
        records = map(manifest.packed, manifest.read_items(file, versions=versions))
        while some := list(islice(records, _PUSH)):
            sorter.push_many(some)
        manifest.refuse_twins(sorter.sorted())
    except BaseException:
        sorter.close()
        raise
    return sorter


class _Pulled(io.RawIOBase):
    """A reader of the loop as a file for a thread."""

    def __init__(self, reader: Reader, loop: asyncio.AbstractEventLoop) -> None:
        self._reader, self._loop = reader, loop
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not self._left:
            self._left = asyncio.run_coroutine_threadsafe(self._reader.read(), self._loop).result()
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
