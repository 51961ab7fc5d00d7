"""What is known of a run's locations, from the words of the runner and the kubelet.

What was found stays until something else is, with the time at which the operator first heard of it:
the clocks of the nodes, which may be wrong, order nothing, neither within a run nor between runs.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from datasync_api.conditions import Reason
from datasync_api.execution import Execution, ResolvedLocation
from datasync_api.location import Location
from datasync_api.preflight import End, LocationCheck, Preflight, Reached
from datasync_api.report import TransferResult
from datasync_operator.decide.startup import Startup

_ENDS: Final[tuple[End, End]] = ("source", "destination")
_REACHED: Final = "the start of a run reached it"


def with_reached(known: Preflight | None, reached: Reached, *, now: datetime) -> Preflight | None:
    """With the locations that a runner was let in by."""
    for end in _ENDS:
        if getattr(reached, end) is not None:
            check = LocationCheck(time=now, reason=Reason.REACHED, message=_REACHED)
            known = _with(known, end, check)
    return known


def with_result(
    known: Preflight | None, result: TransferResult, *, now: datetime
) -> Preflight | None:
    """With what a runner's last words say.

    | reached | error's location | source | destination |
    |---|---|---|---|
    | both | none | Reached | Reached |
    | source | destination | Reached | the error |
    | none | source | the error | as known |
    | none | none | as known | as known |
    """
    known, error = with_reached(known, result.reached, now=now), result.error
    if error is None or error.location is None:
        return known
    check = LocationCheck(time=now, reason=error.code, message=error.detail)
    return _with(known, error.location, check)


def with_startup(known: Preflight | None, waiting: Startup, *, now: datetime) -> Preflight | None:
    """With what keeps the pod from starting, where that is one location's matter."""
    if waiting.location is None:
        return known
    check = LocationCheck(time=now, reason=waiting.reason, message=waiting.message[:1024])
    return _with(known, waiting.location, check)


def latest(location: Location, runs: Iterable[Execution]) -> LocationCheck | None:
    """The latest check of the location by these runs, as its spec is now."""
    mine = ResolvedLocation.of(location.metadata)
    checks = [check for run in runs for check in _checks(run, mine)]
    return max(checks, key=lambda check: (check.time, check.reason), default=None)


def _checks(run: Execution, location: ResolvedLocation) -> list[LocationCheck]:
    resolved, found = run.status.resolved, run.status.preflight
    if resolved is None or found is None:
        return []
    pairs = (
        (resolved.source_location, found.source),
        (resolved.destination_location, found.destination),
    )
    return [check for end, check in pairs if end == location and check is not None]


def _with(known: Preflight | None, end: End, check: LocationCheck) -> Preflight:
    """With the check, unless it says what is known: the status is not written again and again."""
    known = known or Preflight()
    before: LocationCheck | None = getattr(known, end)
    if before is not None and before == check.model_copy(update={"time": before.time}):
        return known
    return known.model_copy(update={end: check})
