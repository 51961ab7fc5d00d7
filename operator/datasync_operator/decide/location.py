"""What a location's status says: its type and address, who uses it, and whether it can be used."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from datasync_api.conditions import Condition, Reason, set_condition
from datasync_api.location import MAX_USED_BY, Location
from datasync_operator.decide.drivers import driver_of
from datasync_operator.decide.plan import Plan

_DRIVER: Final = "DriverInstalled"
_AGENT_SECONDS: Final = 60.0
_DRIVER_SECONDS: Final = 15.0
"""Nothing wakes a location when a driver comes: that would take a right to watch them all."""


@dataclass(frozen=True, kw_only=True)
class LocationView:
    """A location, the names of the agents in its namespace, and the tasks that refer to it."""

    location: Location
    agents: Collection[str]
    used_by: Collection[str] = ()
    missing_drivers: Collection[str] | None = ()
    """CSI drivers that it needs and that are not installed; None: this install may not look."""


def decide_location(seen: LocationView, *, now: datetime) -> Plan:
    """Say what the location is, and name the agents and the driver that are missing.

    | agents named | missing | driver | DriverInstalled | Ready |
    |---|---|---|---|---|
    | none | - | none needed | (absent) | True |
    | a, b | none | none needed | (absent) | True |
    | a, b | b | none needed | (absent) | False: AgentNotFound |
    | none | - | installed | True | True |
    | none | - | missing | False | False: DriverNotInstalled |
    | a, b | b | missing | False | False: AgentNotFound |
    """
    location, status = seen.location, seen.location.status
    driver, told = _driver(seen), status.conditions
    if driver is None:
        told = tuple(condition for condition in told if condition.type != _DRIVER)
    else:
        told = set_condition(told, driver, now=now)
    ready = _ready(seen, driver)
    return Plan(
        status=status.model_copy(
            update={
                "observed_generation": location.metadata.generation,
                "type": location.spec.type,
                "uri": location.spec.uri,
                "used_by": tuple(sorted(seen.used_by)[:MAX_USED_BY]),
                "conditions": set_condition(told, ready, now=now),
            }
        ),
        requeue_after_seconds=_next_look_seconds(driver, ready),
    )


def _next_look_seconds(driver: Condition | None, ready: Condition) -> float | None:
    if driver is not None and driver.status == "False":
        return _DRIVER_SECONDS
    return None if ready.status == "True" else _AGENT_SECONDS


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


def _ready(seen: LocationView, driver: Condition | None) -> Condition:
    missing = [ref.name for ref in seen.location.spec.agent_refs if ref.name not in seen.agents]
    ready, reason, message = "True", Reason.VALID, "the location can be used"
    if missing:
        ready, reason = "False", Reason.AGENT_NOT_FOUND
        message = (
            f"no DataSyncAgent {', '.join(missing)} in this namespace: create it, or name another"
        )
    elif driver is not None and driver.status == "False":
        ready, reason, message = "False", Reason.DRIVER_NOT_INSTALLED, driver.message
    return Condition(
        type="Ready",
        status=ready,
        reason=reason,
        message=message,
        observed_generation=seen.location.metadata.generation,
    )
