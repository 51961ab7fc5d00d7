"""Where a run may leave files on this machine: nowhere that it would transfer or delete them."""

import os
from pathlib import Path

from datasync_api.sides import AnySide, PosixSide
from datasync_cli.issues import UsageError


def check_place(option: str, file: Path, *sides: AnySide) -> None:
    """Refuse, before anything runs, a file that cannot be written or would be synced itself.

    Raises: UsageError.
    """
    folder = file.parent.resolve()
    if not folder.is_dir():
        raise UsageError(f"{option} {file}: the folder {folder} does not exist: make it first")
    if os.path.isdir(file):  # noqa: PTH112 - a name that is too long is no folder either
        raise UsageError(f"{option} {file}: that is a folder: name a file in it")
    there = file if os.path.exists(file) else folder  # noqa: PTH110 - nor is it a file
    if not os.access(there, os.W_OK):
        raise UsageError(f"{option} {file}: {there} cannot be written: name another file")
    refuse_synced(option, file, *sides)


def refuse_synced(option: str, file: Path, *sides: AnySide) -> None:
    """Refuse a file that would be transferred, or deleted, itself.  Raises: UsageError."""
    for side in sides:
        if root := holds(side, file):
            raise UsageError(
                f"{option} {file}: it is inside of {root}, which takes part in the transfer: "
                "name a file elsewhere"
            )


def holds(side: AnySide, file: Path) -> Path | None:
    """The folder of this side, where the file is inside of it."""
    if not isinstance(side, PosixSide):
        return None
    root = Path(side.root, side.path).resolve()
    return root if file.parent.resolve().is_relative_to(root) else None
