"""What a location's status says: its type and address, and whether its agents exist."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from datasync_api.conditions import Condition, Reason, set_condition
from datasync_api.location import Location
from datasync_operator.decide.plan import Plan


@dataclass(frozen=True)
class LocationView:
    """A location and the names of the agents in its namespace."""

    location: Location
    agents: Collection[str]


def decide_location(seen: LocationView, *, now: datetime) -> Plan:
    """Say what the location is, and name the agents that are missing.

    | agents named | missing | Ready |
    |---|---|---|
    | none | - | True |
    | a, b | none | True |
    | a, b | b | False: AgentNotFound |
    """
    location, status = seen.location, seen.location.status
    missing = [ref.name for ref in location.spec.agent_refs if ref.name not in seen.agents]
    if missing:
        ready, reason = "False", Reason.AGENT_NOT_FOUND
        message = (
            f"no DataSyncAgent {', '.join(missing)} in this namespace: create it, or name another"
        )
    else:
        ready, reason, message = "True", Reason.VALID, "the location can be used"
    return Plan(
        status=status.model_copy(
            update={
                "observed_generation": location.metadata.generation,
                "type": location.spec.type,
                "uri": location.spec.uri,
                "conditions": set_condition(
                    status.conditions,
                    Condition(
                        type="Ready",
                        status=ready,
                        reason=reason,
                        message=message,
                        observed_generation=location.metadata.generation,
                    ),
                    now=now,
                ),
            }
        ),
        requeue_after_seconds=60.0 if missing else None,
    )
