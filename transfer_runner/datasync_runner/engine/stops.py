"""Why a run cannot go on, picked out of whatever was raised."""

import errno
import logging
import tempfile
from typing import Final, cast

from datasync_api.conditions import Reason
from datasync_api.exit_codes import ExitCode
from datasync_runner.storage.errors import StopError

_log = logging.getLogger(__name__)
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)
_NO_FOLDER: Final = "No usable temporary directory"


class Crashed(StopError):
    """A defect of the runner."""


class NoRoom(StopError):
    """The disk for lists that are larger than memory may hold; a storage's own errors are others'.

    Nothing but the runner's temporary files is written outside of the storages.
    """

    reason = Reason.CONFIGURATION_INVALID
    exit_code = ExitCode.CONFIGURATION


def stop_of(error: BaseException) -> StopError:
    """The stop that users can act on, wherever it is in a group; else a Crashed, and logged."""
    found = _first(error)
    if isinstance(found, StopError):
        return found
    if isinstance(found, OSError) and _is_no_room(found):
        folder = tempfile.tempdir  # not asked for: it would be looked for by writing
        return NoRoom(
            f"the runner's folder for temporary files{f', {folder},' if folder else ''} has no "
            f"room for the lists of this run ({found.strerror}); make room there: it is on the "
            "disk of the node, or where TMPDIR says"
        )
    _log.error("crashed", exc_info=error)
    detail = f"{type(found).__name__}: {found}; this is a defect of the runner: see its log"
    return Crashed(detail)


def _is_no_room(error: OSError) -> bool:
    """Where the disk is full before the first list goes there, `tempfile` finds no folder at all.

    It looks for one by writing, and tells why none was right by its text alone.
    """
    no_folder = isinstance(error, FileNotFoundError) and str(error.strerror).startswith(_NO_FOLDER)
    return no_folder or error.errno in _NO_SPACE


def _first(error: BaseException) -> BaseException:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        found: BaseException = group.subgroup(StopError) or group
        while isinstance(found, BaseExceptionGroup):
            found = cast("BaseExceptionGroup[BaseException]", found).exceptions[0]
        return found
    return error
