"""How the two sides of a pair differ where they should not, as failures with words for the user.

Whether they differ is `core.compare`'s; this says of what class and in which words.
"""

from typing import Final

from datasync_runner.core.actions import Action, Decision
from datasync_runner.core.entry import Entry
from datasync_runner.core.windows_metadata import descriptors_differ
from datasync_runner.storage.errors import FileError

_AGAIN: Final = (
    "it has failed before, or something writes to a side while the run goes: run again when it is "
    "still"
)


class FileNotAtDestination(FileError):
    """The source has it, the destination does not."""

    hint = _AGAIN


class FileNotAtSource(FileError):
    """The destination has it, the source does not."""

    hint = _AGAIN


class ContentDiffers(FileError):
    """Other bytes at both ends."""

    hint = (
        "it was written while the run went: run again; or it has other bytes of the same size and "
        "time, which compareMode Checksum sees"
    )


class MetadataDiffers(FileError):
    """The same bytes; time, mode, owner or user metadata differ."""

    hint = _AGAIN


def difference(decision: Decision) -> FileError | None:
    """What the listings alone tell."""
    action, reason = decision
    if action is Action.DELETE:
        return FileNotAtSource("it is at the destination alone")
    if reason in ("NotAtDestination", "FolderMarkerMissing"):
        return FileNotAtDestination("it is at the source alone")
    if action is Action.CONFLICT:
        return ContentDiffers("a special file is in its place")
    return other_content(decision)


def other_content(decision: Decision) -> FileError | None:
    """What is of another content or kind, where size, kind or device number tell; None: neither."""
    words = {
        "SizeDiffers": "it has another size than the source's",
        "KindDiffers": "it is of another kind than the source's",
        "DeviceDiffers": "it is another device than the source's",
    }
    found = words.get(decision.reason)
    return ContentDiffers(found) if found else None


def metadata_words(source: Entry, destination: Entry) -> str:
    """The first thing that differs from what shall be there (`wanted`)."""
    want, have = source.metadata, destination.metadata
    if want is not None and have is not None:
        for name in ("mode", "uid", "gid", "mtime_ns"):
            ours, theirs = getattr(want, name), getattr(have, name)
            if ours is not None and ours != theirs:
                return f"its {name} is {_form(name, theirs)}, the source's {_form(name, ours)}"
    if descriptors_differ(source, destination):
        return "its security descriptor is not the source's"
    return "its metadata is not the source's"


def _form(name: str, value: int | None) -> str:
    if value is None:
        return "not stated"
    return oct(value) if name == "mode" else str(value)
