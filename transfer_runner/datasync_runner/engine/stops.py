"""Why a run cannot go on, picked out of whatever was raised."""

import logging
from typing import cast

from datasync_runner.storage.errors import StopError

_log = logging.getLogger(__name__)


class Crashed(StopError):
    """A defect of the runner."""


def stop_of(error: BaseException) -> StopError:
    """The stop that users can act on, wherever it is in a group; else a Crashed, and logged."""
    found = _first(error)
    if isinstance(found, StopError):
        return found
    _log.error("crashed", exc_info=error)
    detail = f"{type(found).__name__}: {found}; this is a defect of the runner: see its log"
    return Crashed(detail)


def _first(error: BaseException) -> BaseException:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        found: BaseException = group.subgroup(StopError) or group
        while isinstance(found, BaseExceptionGroup):
            found = cast("BaseExceptionGroup[BaseException]", found).exceptions[0]
        return found
    return error
