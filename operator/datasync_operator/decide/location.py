"""What a location's status says: its type and address, who uses it, and whether it can be used."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
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
from datasync_operator.decide.drivers import driver_of
from datasync_operator.decide.plan import Plan
from datasync_operator.decide.preflight import latest

Status = Literal["True", "False", "Unknown"]
_CREDENTIALS: Final = "CredentialsAvailable"
_REACHABLE: Final = "Reachable"
_DRIVER: Final = "DriverInstalled"
_ABOUT_CREDENTIALS: Final = (Reason.CREDENTIALS_MISSING, Reason.CREDENTIALS_REFUSED)
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


def decide_location(seen: LocationView, *, now: datetime) -> Plan:
    """Say what the location is, what the start of the last run found out, and what is missing.

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
    check = latest(location, seen.executions)
    if check is not None and (checked is None or check.time >= checked):
        checked = check.time
        for found in _found(location, check):
            told = set_condition(told, found, now=now)
    driver = _driver(seen)
    told = _without(told, _DRIVER) if driver is None else set_condition(told, driver, now=now)
    ready = _ready(seen, told)
    return Plan(
        status=status.model_copy(
            update={
                "observed_generation": generation,
                "type": location.spec.type,
                "uri": location.spec.uri,
                "used_by": tuple(sorted(seen.used_by)[:MAX_USED_BY]),
                "last_check_time": checked,
                "conditions": set_condition(told, ready, now=now),
            }
        ),
        requeue_after_seconds=_next_look_seconds(driver, ready),
    )


def _next_look_seconds(driver: Condition | None, ready: Condition) -> float | None:
    """What nothing wakes us for; a check does."""
    if driver is not None and driver.status == "False":
        return _DRIVER_SECONDS
    return _AGENT_SECONDS if ready.reason == Reason.AGENT_NOT_FOUND else None


def _without(conditions: Conditions, *types: str) -> Conditions:
    return tuple(known for known in conditions if known.type not in types)


def _found(location: Location, check: LocationCheck) -> list[Condition]:
    """What a check says; no CredentialsAvailable where the storage asks for none.

    | reason | CredentialsAvailable | Reachable |
    |---|---|---|
    | Reached | True | True |
    | CredentialsMissing, CredentialsRefused | False | Unknown: without them nobody got that far |
    | any other | Unknown | False |
    """
    statuses: dict[str, Status] = {_CREDENTIALS: "Unknown", _REACHABLE: "False"}
    if check.reason is Reason.REACHED:
        statuses = {_CREDENTIALS: "True", _REACHABLE: "True"}
    elif check.reason in _ABOUT_CREDENTIALS:
        statuses = {_CREDENTIALS: "False", _REACHABLE: "Unknown"}
    if not location.spec.needs_credentials:
        del statuses[_CREDENTIALS]
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


def _ready(seen: LocationView, told: Conditions) -> Condition:
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
    return Condition(
        type="Ready",
        status=status,
        reason=reason,
        message=message,
        observed_generation=seen.location.metadata.generation,
    )
