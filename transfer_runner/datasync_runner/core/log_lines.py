"""The lines of the log, as text: one JSON object each (docs/logging.md has every shape).

Time, level and event come first, whatever else an event has.  Where lines go is not known here.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from datasync_runner.core.entry import Entry, Kind, path_of
from datasync_runner.core.tally import printable

_KINDS: Final = {
    Kind.FILE: "File",
    Kind.FOLDER: "Folder",
    Kind.SYMLINK: "Symlink",
    Kind.SPECIAL: "Special",
    Kind.DEVICE: "Device",
}


def log_line(seconds: float, level: str, event: str, fields: Mapping[str, Any]) -> str:
    """One event; `seconds` since 1970.  ASCII alone, so that no reader has to know an encoding."""
    return json.dumps(
        {"time": moment(seconds), "level": level, "event": event, **fields}, default=str
    )


def moment(seconds: float) -> str:
    """UTC to the millisecond: 2026-05-01T03:00:00.000Z."""
    told = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")


def transferred_lines(seconds: float, entries: Sequence[tuple[Entry, bool]]) -> list[str]:
    """Files and links whose content was written, and whether the destination has proven it."""
    head = _head(seconds, "transferred")
    return [
        f"{head}{_item(entry)}, "
        f'"transferType": "ContentAndMetadata", "sizeBytes": {entry.size_bytes}, '
        f'"verified": {"true" if proven else "false"}}}'
        for entry, proven in entries
    ]


def updated_lines(seconds: float, entries: Sequence[Entry]) -> list[str]:
    """Files and links whose metadata alone was written, and folders that were made or set."""
    head = _head(seconds, "transferred")
    return [f'{head}{_item(entry)}, "transferType": "MetadataOnly"}}' for entry in entries]


def verified_lines(seconds: float, entries: Sequence[Entry]) -> list[str]:
    """Files that were read back at the destination, and are what was sent."""
    head = _head(seconds, "verified")
    return [f"{head}{_item(entry)}}}" for entry in entries]


def deleted_lines(seconds: float, keys: Sequence[bytes]) -> list[str]:
    """What was removed at the destination; what it was shows in the key alone."""
    head = _head(seconds, "deleted")
    return [
        f'{head}"path": {_path(key)}, "kind": "{"Folder" if key.endswith(b"/") else "File"}"}}'
        for key in keys
    ]


def _head(seconds: float, event: str) -> str:
    """What is the same in all lines of a batch is made once: there may be millions of them."""
    return f'{{"time": "{moment(seconds)}", "level": "INFO", "event": "{event}", '


def _item(entry: Entry) -> str:
    return f'"path": {_path(entry.key)}, "kind": "{_KINDS[entry.kind]}"'


def _path(key: bytes) -> str:
    return json.dumps(printable(path_of(key)))
