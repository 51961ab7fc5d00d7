"""What agents and locations say of themselves."""

from typing import Any

import pytest

from datasync_api.agent import AgentStatus
from datasync_api.conditions import find_condition
from datasync_api.location import LocationStatus
from datasync_operator.decide.agent import AgentView, decide_agent, fits
from datasync_operator.decide.location import LocationView, decide_location
from datasync_operator.decide.plan import Plan
from datasync_operator.decide.views import NodeView
from fakes.objects import NOW, agent, ago, bucket, execution, nfs, resolved


def node(name: str = "n", *, ready: bool = True, **more: Any) -> NodeView:
    known = {"labels": {}, "unschedulable": False, "taints": (), **more}
    return NodeView(name=name, ready=ready, **known)


def told(plan: Plan) -> AgentStatus:
    assert isinstance(plan.status, AgentStatus)
    return plan.status


@pytest.mark.parametrize(
    ("the_node", "spec", "expected"),
    [
        (node(), {}, True),
        (node(labels={"zone": "a"}), {"nodeSelector": {"zone": "a"}}, True),
        (node(labels={"zone": "b"}), {"nodeSelector": {"zone": "a"}}, False),
        (node(unschedulable=True), {}, False),
        (node(taints=[("gpu", "yes", "NoSchedule")]), {}, False),
        (node(taints=[("gpu", "yes", "PreferNoSchedule")]), {}, True),
        (
            node(taints=[("gpu", "yes", "NoSchedule")]),
            {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
            True,
        ),
        (
            node(taints=[("gpu", "yes", "NoExecute")]),
            {"tolerations": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]},
            False,
        ),
        (
            node(taints=[("gpu", "yes", "NoExecute")]),
            {"tolerations": [{"operator": "Exists"}]},
            True,
        ),
        (node(taints=[("node.kubernetes.io/not-ready", "", "NoExecute")]), {}, True),
    ],
)
def test_fits(the_node: NodeView, spec: dict[str, Any], expected: bool) -> None:
    assert fits(the_node, agent(**spec)) is expected


@pytest.mark.parametrize(
    ("nodes", "connection", "counts"),
    [
        ([], "Offline", (0, 0)),
        ([node(ready=False), node(ready=False)], "Offline", (2, 0)),
        ([node(), node(ready=False)], "Online", (2, 1)),
        (None, "Online", (None, None)),
    ],
)
def test_connection(nodes: list[NodeView] | None, connection: str, counts: tuple[Any, Any]) -> None:
    status = told(decide_agent(AgentView(agent(), nodes, [], 0), now=NOW))
    assert status.connection == connection
    assert (status.matching_nodes, status.ready_nodes) == counts


def test_active_and_queued_are_counted() -> None:
    runs = [
        execution("a", phase="Verifying", status={"resolved": resolved("site")}),
        execution("b", phase="Launching", status={"resolved": resolved("other")}),
        execution("c", phase="Success", status={"resolved": resolved("site")}),
    ]
    status = told(decide_agent(AgentView(agent(), [node()], runs, 3), now=NOW))
    assert (status.active_executions, status.queued_executions) == (1, 3)


@pytest.mark.parametrize(
    ("age_seconds", "moves"),
    [(60, False), (301, True)],
    ids=["no status churn within five minutes", "a heartbeat after that"],
)
def test_last_connection_time(age_seconds: int, moves: bool) -> None:
    known = agent().model_copy(
        update={"status": AgentStatus(connection="Online", last_connection_time=ago(age_seconds))}
    )
    status = told(decide_agent(AgentView(known, [node()], [], 0), now=NOW))
    assert (status.last_connection_time == NOW) is moves


@pytest.mark.parametrize(
    ("agents", "ready"), [({"site"}, "True"), (set[str](), "False")], ids=["there", "missing"]
)
def test_a_location_names_missing_agents(agents: set[str], ready: str) -> None:
    plan = decide_location(LocationView(nfs(), agents), now=NOW)
    assert isinstance(plan.status, LocationStatus)
    condition = find_condition(plan.status.conditions, "Ready")
    assert condition is not None
    assert condition.status == ready
    assert plan.status.uri == "nfs://nas.example.com/export/"


def test_a_location_without_agents_is_ready() -> None:
    plan = decide_location(LocationView(bucket(), set()), now=NOW)
    assert isinstance(plan.status, LocationStatus)
    assert plan.status.type == "ObjectStorage"
    assert plan.requeue_after_seconds is None
