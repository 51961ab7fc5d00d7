"""What a location's status says: its type and address, who uses it, and whether it can be used."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from datasync_api.conditions import (
    Condition,
    Conditions,
    Reason,
    find_condition,
    set_condition,
)
from datasync_api.execution import Execution
from datasync_api.location import MAX_USED_BY, Location
from datasync_api.preflight import LocationCheck
from datasync_operator.decide.check import decide_check, is_asked
from datasync_operator.decide.check_step import CheckView, Step
from datasync_operator.decide.drivers import driver_of
from datasync_operator.decide.plan import Plan
from datasync_operator.decide.preflight import latest
from datasync_operator.settings import Settings

Status = Literal["True", "False", "Unknown"]
_CREDENTIALS: Final = "CredentialsAvailable"
_REACHABLE: Final = "Reachable"
_DRIVER: Final = "DriverInstalled"
_ABOUT_CREDENTIALS: Final = (Reason.CREDENTIALS_MISSING, Reason.CREDENTIALS_REFUSED)
_ABOUT_THE_LOCATION: Final = (
    Reason.BUCKET_NOT_FOUND,
    Reason.CONFIGURATION_INVALID,
    Reason.LOCATION_UNREACHABLE,
    Reason.MOUNT_FAILED,
)
_AGENT_SECONDS: Final = 60.0
_DRIVER_SECONDS: Final = 15.0
"""Nothing wakes a location when a driver comes: that would take a right to watch them all."""


@dataclass(frozen=True, kw_only=True)
class LocationView:
    """A location, the names of the agents beside it, the tasks that refer to it, all runs."""

    location: Location
    agents: Collection[str]
    used_by: Collection[str] = ()
    missing_drivers: Collection[str] | None = ()
    """CSI drivers that it needs and that are not installed; None: this install may not look."""
    executions: Sequence[Execution] = ()
    check: CheckView = field(default_factory=CheckView)


def decide_location(seen: LocationView, settings: Settings, *, now: datetime) -> Plan:
    """Say what the location is, what a check or the start of a run found out, what is missing.

    The later of the two counts.  A check that is asked for is brought a step further; until it is
    answered a Ready that would be True is Unknown, so that who waits for True waits for the answer.

    | agents named | missing | DriverInstalled | CredentialsAvailable | Reachable | Ready |
    |---|---|---|---|---|---|
    | none | - | (absent), True | (absent), True | (absent), True | True |
    | a, b | none | (absent), True | (absent), True | (absent), True | True |
    | a, b | b | any | any | any | False: AgentNotFound |
    | a, b | none | False | any | any | False: DriverNotInstalled |
    | a, b | none | (absent), True | False | Unknown | False: its reason |
    | a, b | none | (absent), True | (absent), Unknown | False | False: its reason |
    """
    location, status = seen.location, seen.location.status
    generation = location.metadata.generation
    told, checked = status.conditions, status.last_check_time
    if status.observed_generation != generation:  # what was found was about another spec
        told, checked = _without(told, _CREDENTIALS, _REACHABLE), None
    step = decide_check(location, seen.check, settings, now=now)
    asked = step.found or _cleared(step, checked)
    known = [one for one in (asked, latest(location, seen.executions)) if one is not None]
    last = max(known, key=lambda one: one.time, default=None)  # of two at one time the check
    if last is not None and (checked is None or last.time >= checked):
        checked = last.time
        for found in _found(location, last):
            told = set_condition(told, found, now=now)
    driver = _driver(seen)
    told = _without(told, _DRIVER) if driver is None else set_condition(told, driver, now=now)
    ready = _ready(seen, told, unanswered=is_asked(location) and step.answered is None)
    waits = [step.requeue_after_seconds, _next_look_seconds(driver, ready)]
    return Plan(
        actions=step.actions,
        status=status.model_copy(
            update={
                "observed_generation": generation,
                "type": location.spec.type,
                "uri": location.spec.uri,
                "used_by": tuple(sorted(seen.used_by)[:MAX_USED_BY]),
                "last_check_time": checked,
                "last_check": step.answered or status.last_check,
                "ongoing_check": step.ongoing,
                "conditions": set_condition(told, ready, now=now),
            }
        ),
        requeue_after_seconds=min((wait for wait in waits if wait is not None), default=None),
    )


def _next_look_seconds(driver: Condition | None, ready: Condition) -> float | None:
    """What nothing wakes us for; what a run finds out does."""
    if driver is not None and driver.status == "False":
        return _DRIVER_SECONDS
    return _AGENT_SECONDS if ready.reason == Reason.AGENT_NOT_FOUND else None


def _cleared(step: Step, checked: datetime | None) -> LocationCheck | None:
    """What is said in place of an obstacle that this check has told of, and that is gone."""
    if checked is None or step.ongoing is None or step.ongoing.start_time != checked:
        return None
    text = "a check is looking at it"
    return LocationCheck(time=checked, reason=Reason.LAUNCHING, message=text)


def _without(conditions: Conditions, *types: str) -> Conditions:
    return tuple(known for known in conditions if known.type not in types)


def _found(location: Location, check: LocationCheck) -> list[Condition]:
    """What a check says; no CredentialsAvailable where the storage asks for none.

    | reason | CredentialsAvailable | Reachable |
    |---|---|---|
    | Reached | True | True |
    | CredentialsMissing, CredentialsRefused | False | Unknown: without them nobody got that far |
    | one that is about the location | Unknown | False |
    | any other, of a check that asked nobody | Unknown | Unknown |
    """
    statuses: dict[str, Status] = {_CREDENTIALS: "Unknown", _REACHABLE: "Unknown"}
    if check.reason is Reason.REACHED:
        statuses = {_CREDENTIALS: "True", _REACHABLE: "True"}
    elif check.reason in _ABOUT_CREDENTIALS:
        statuses = {_CREDENTIALS: "False", _REACHABLE: "Unknown"}
    elif check.reason in _ABOUT_THE_LOCATION:
        statuses = {_CREDENTIALS: "Unknown", _REACHABLE: "False"}
    if not location.spec.needs_credentials:
        del statuses[_CREDENTIALS]
        if check.reason in _ABOUT_CREDENTIALS:  # a claim's own Secret: the node was not let in
            statuses[_REACHABLE] = "False"
    return [
        Condition(
            type=type_,
            status=status,
            reason=check.reason,
            message=check.message,
            observed_generation=location.metadata.generation,
        )
        for type_, status in statuses.items()
    ]


def _driver(seen: LocationView) -> Condition | None:
    """Whether the CSI driver that the location needs is installed; None where that is no matter."""
    driver = driver_of(seen.location.spec)
    if driver is None or seen.missing_drivers is None:
        return None
    installed = driver.name not in seen.missing_drivers
    return Condition(
        type=_DRIVER,
        status="True" if installed else "False",
        reason=Reason.DRIVER_INSTALLED if installed else Reason.DRIVER_NOT_INSTALLED,
        message=f"the CSI driver {driver.name} is installed" if installed else driver.missing,
        observed_generation=seen.location.metadata.generation,
    )


def _ready(seen: LocationView, told: Conditions, *, unanswered: bool) -> Condition:
    missing = [ref.name for ref in seen.location.spec.agent_refs if ref.name not in seen.agents]
    status: Status = "True"
    reason, message = str(Reason.VALID), "the location can be used"
    in_the_way = [
        found
        for type_ in (_DRIVER, _CREDENTIALS, _REACHABLE)
        if (found := find_condition(told, type_)) is not None and found.status == "False"
    ]
    if missing:
        status, reason = "False", Reason.AGENT_NOT_FOUND
        message = (
            f"no DataSyncAgent {', '.join(missing)} in this namespace: create it, or name another"
        )
    elif in_the_way:
        status, reason, message = "False", in_the_way[0].reason, in_the_way[0].message
    elif unanswered:
        status, reason = "Unknown", Reason.RUNNING
        message = f"spec.check {seen.location.spec.check} is not answered yet"
    elif (known := find_condition(told, _REACHABLE)) is not None and known.status == "Unknown":
        status, reason, message = "Unknown", known.reason, known.message
    return Condition(
        type="Ready",
        status=status,
        reason=reason,
        message=message,
        observed_generation=seen.location.metadata.generation,
    )
