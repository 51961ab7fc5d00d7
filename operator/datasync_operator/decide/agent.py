"""What an agent's status says: which nodes fit, and how busy it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from datasync_api.agent import Agent, Toleration
from datasync_api.conditions import Condition, Reason, set_condition
from datasync_api.execution import Execution, Phase
from datasync_operator.decide.node_affinity import allows
from datasync_operator.decide.plan import Plan
from datasync_operator.decide.views import NodeView

RESYNC_SECONDS: Final = 30.0
_HEARTBEAT: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class AgentView:
    """An agent, the cluster's nodes (None: this install may not list them), its runs."""

    agent: Agent
    nodes: Sequence[NodeView] | None
    executions: Sequence[Execution]
    queued: int


def decide_agent(seen: AgentView, *, now: datetime) -> Plan:
    """Say whether the agent is Online: a Ready node fits its selector, affinity and tolerations.

    | matching nodes | Ready among them | connection |
    |---|---|---|
    | 0 | - | Offline |
    | 2 | 0 | Offline |
    | 2 | 1 | Online |
    | unknown (namespaced install) | - | Online |
    """
    agent, status = seen.agent, seen.agent.status
    fitting = [node for node in seen.nodes or () if fits(node, agent)]
    ready = [node for node in fitting if node.ready]
    online = seen.nodes is None or bool(ready)
    if online:
        reason, message = Reason.NODES_READY, f"{len(ready)} of {len(fitting)} nodes are Ready"
        if seen.nodes is None:
            message = "nodes are not looked at in a namespaced installation"
    else:
        reason = Reason.NO_MATCHING_NODE
        message = (
            f"no Ready node takes this agent's pods ({len(fitting)} fit, none is Ready): label a "
            "node as nodeSelector and affinity ask, tolerate its taints, or bring it back"
        )
    active = sum(
        1
        for run in seen.executions
        if run.phase.active
        and run.status.resolved
        and run.status.resolved.agent == agent.metadata.name
    )
    last = status.last_connection_time
    if online and (status.connection != "Online" or last is None or now - last > _HEARTBEAT):
        last = now
    conditions = set_condition(
        status.conditions,
        Condition(
            type="Ready",
            status="True" if online else "False",
            reason=reason,
            message=message,
            observed_generation=agent.metadata.generation,
        ),
        now=now,
    )
    return Plan(
        status=status.model_copy(
            update={
                "observed_generation": agent.metadata.generation,
                "connection": "Online" if online else "Offline",
                "last_connection_time": last,
                "matching_nodes": None if seen.nodes is None else len(fitting),
                "ready_nodes": None if seen.nodes is None else len(ready),
                "active_executions": active,
                "queued_executions": seen.queued,
                "conditions": conditions,
            }
        ),
        requeue_after_seconds=RESYNC_SECONDS,
    )


def fits(node: NodeView, agent: Agent) -> bool:
    """Whether the scheduler could place a runner pod of the agent on the node, Ready or not."""
    if node.unschedulable:
        return False
    selector = agent.spec.node_selector
    if any(node.labels.get(key) != value for key, value in selector.items()):
        return False
    if not allows(agent.spec.affinity, node.labels):
        return False
    return all(
        effect == "PreferNoSchedule" or _tolerated(agent.spec.tolerations, key, value, effect)
        for key, value, effect in node.taints
        if not key.startswith("node.kubernetes.io/")  # these tell of a node that is not Ready
    )


def _tolerated(tolerations: Iterable[Toleration], key: str, value: str, effect: str) -> bool:
    return any(
        t.effect in ("", effect)
        and (
            (t.operator == "Exists" and t.key in ("", key))
            or (t.operator == "Equal" and t.key == key and t.value == value)
        )
        for t in tolerations
    )


def counts_as_queued(run: Execution) -> bool:
    """Whether a run waits for a slot."""
    return run.phase is Phase.QUEUED and run.metadata.deletion_timestamp is None
