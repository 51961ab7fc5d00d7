"""What agents and locations say of themselves."""

from typing import Any

import pytest

from datasync_api.agent import AgentStatus
from datasync_api.conditions import find_condition
from datasync_api.execution import Execution
from datasync_api.location import Location, LocationStatus
from datasync_operator.decide.agent import AgentView, decide_agent, fits
from datasync_operator.decide.location import LocationView, decide_location
from datasync_operator.decide.plan import Plan
from datasync_operator.decide.views import NodeView
from fakes.objects import (
    NOW,
    SETTINGS,
    agent,
    ago,
    bucket,
    claim,
    efs,
    execution,
    lustre,
    mounted_share,
    nfs,
    resolved,
    s3,
    smb,
)


def node(name: str = "n", *, ready: bool = True, **more: Any) -> NodeView:
    known = {"labels": {}, "unschedulable": False, "taints": (), **more}
    return NodeView(name=name, ready=ready, **known)


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
ZONE_A = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
PREFERS_A = {
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": ZONE_A}]
}
NEIGHBOURS = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "zone"}


def needs(**operators: list[str]) -> dict[str, Any]:
    """An agent whose nodes need a label `zone` that fits all of these."""
    wanted = [{"key": "zone", "operator": name, "values": v} for name, v in operators.items()]
    terms = {"nodeSelectorTerms": [{"matchExpressions": wanted}]}
    return {"affinity": {"nodeAffinity": {REQUIRED: terms}}}


def either(*agents: dict[str, Any]) -> dict[str, Any]:
    """An agent whose nodes need what one of these does."""
    required = [one["affinity"]["nodeAffinity"][REQUIRED] for one in agents]
    terms = [term for one in required for term in one["nodeSelectorTerms"]]
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}}


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
        (node(labels={"zone": "a"}), needs(In=["a", "b"]), True),
        (node(labels={"zone": "c"}), needs(In=["a", "b"]), False),
        (node(), needs(In=["a"]), False),
        (node(labels={"zone": "a"}), needs(NotIn=["a"]), False),
        (node(labels={"zone": "b"}), needs(NotIn=["a"]), True),
        (node(), needs(NotIn=["a"]), True),
        (node(labels={"zone": ""}), needs(Exists=[]), True),
        (node(), needs(Exists=[]), False),
        (node(labels={"zone": "a"}), needs(DoesNotExist=[]), False),
        (node(), needs(DoesNotExist=[]), True),
        (node(labels={"zone": "9"}), needs(Gt=["8"]), True),
        (node(labels={"zone": "8"}), needs(Gt=["8"]), False),
        (node(labels={"zone": "10"}), needs(Lt=["9"]), False),
        (node(labels={"zone": "-1"}), needs(Lt=["0"]), True),
        (node(labels={"zone": "many"}), needs(Gt=["8"]), False),
        (node(), needs(Lt=["9"]), False),
        (node(labels={"zone": "7"}), needs(Gt=["5"], Lt=["9"]), True),
        (node(labels={"zone": "9"}), needs(Gt=["5"], Lt=["9"]), False),
        (node(labels={"zone": "b"}), either(needs(In=["a"]), needs(In=["b"])), True),
        (node(labels={"zone": "c"}), either(needs(In=["a"]), needs(In=["b"])), False),
        (node(), {"affinity": {"nodeAffinity": PREFERS_A}}, True),
        (node(), {"affinity": {"podAntiAffinity": {REQUIRED: [NEIGHBOURS]}}}, True),
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


def told_of(location: Location, **seen: Any) -> tuple[LocationStatus, float | None]:
    view = LocationView(location=location, **{"agents": {"site"}, **seen})
    plan = decide_location(view, SETTINGS, now=NOW)
    assert isinstance(plan.status, LocationStatus)
    return plan.status, plan.requeue_after_seconds


def conditions(status: LocationStatus) -> dict[str, tuple[str, str]]:
    return {known.type: (known.status, known.reason) for known in status.conditions}


VALID = {"Ready": ("True", "Valid")}
NO_AGENT = {"Ready": ("False", "AgentNotFound")}
DRIVER = {"DriverInstalled": ("True", "DriverInstalled")}
NO_DRIVER = {"DriverInstalled": ("False", "DriverNotInstalled")}
UNREADY = {"Ready": ("False", "DriverNotInstalled")}
EFS, FSX, SMB = {"efs.csi.aws.com"}, {"fsx.csi.aws.com"}, {"smb.csi.k8s.io"}


@pytest.mark.parametrize(
    ("location", "agents", "missing", "expected", "again"),
    [
        (bucket(), set(), set(), VALID, None),
        (nfs(), {"site"}, set(), VALID, None),
        (nfs(), set(), set(), NO_AGENT, 60.0),
        (nfs(), {"site"}, EFS | FSX, VALID, None),
        (efs(), set(), set(), DRIVER | VALID, None),
        (efs(), set(), FSX, DRIVER | VALID, None),
        (efs(), set(), EFS, NO_DRIVER | UNREADY, 15.0),
        (efs(agents=("site",)), set(), EFS, NO_DRIVER | NO_AGENT, 15.0),
        (efs(agents=("site",)), set(), set(), DRIVER | NO_AGENT, 60.0),
        (lustre(), set(), FSX, NO_DRIVER | UNREADY, 15.0),
        (lustre(), set(), None, VALID, None),
        (mounted_share(), {"site"}, SMB, NO_DRIVER | UNREADY, 15.0),
        (mounted_share(), {"site"}, EFS, DRIVER | VALID, None),
        (smb(), {"site"}, SMB, VALID, None),
    ],
)
def test_what_a_location_misses(
    location: Location,
    agents: set[str],
    missing: set[str] | None,
    expected: dict[str, tuple[str, str]],
    again: float | None,
) -> None:
    status, seconds = told_of(location, agents=agents, missing_drivers=missing)
    assert conditions(status) == expected
    assert seconds == again


@pytest.mark.parametrize(
    ("location", "driver", "fix"),
    [
        (efs(), EFS, "install the EKS add-on or the Helm chart aws-efs-csi-driver"),
        (lustre(), FSX, "install the EKS add-on or the Helm chart aws-fsx-csi-driver"),
        (mounted_share(), SMB, "install the Helm chart csi-driver-smb, or set access"),
    ],
    ids=["efs", "lustre", "share"],
)
def test_a_missing_driver_is_named_with_what_to_install(
    location: Location, driver: set[str], fix: str
) -> None:
    status, _ = told_of(location, agents={"site"}, missing_drivers=driver)
    for type_ in ("DriverInstalled", "Ready"):
        condition = find_condition(status.conditions, type_)
        assert condition is not None
        assert f"{next(iter(driver))} is not installed" in condition.message
        assert fix in condition.message


def test_a_driver_that_comes_is_told_and_one_that_is_needed_no_more_is_not() -> None:
    before, _ = told_of(efs(), missing_drivers=EFS)
    known = efs().model_copy(update={"status": before})
    after, _ = told_of(known, missing_drivers=set())
    assert conditions(after) == DRIVER | VALID
    moved = bucket().model_copy(update={"status": after})
    assert conditions(told_of(moved)[0]) == VALID


def looked_at(
    location: Location,
    reason: str,
    *,
    name: str = "run",
    end: str = "source",
    generation: int = 1,
    seconds_ago: float = 5,
) -> Execution:
    """A run that found this out about the location."""
    check = {"time": ago(seconds_ago).isoformat(), "reason": reason, "message": f"it is {reason}"}
    meta = location.metadata
    place = {"name": meta.name, "uid": meta.uid, "generation": generation}
    known = {**resolved(), f"{end}Location": place}
    return execution(name, status={"resolved": known, "preflight": {end: check}})


REACHED = {"Reachable": ("True", "Reached")}
LET_IN = {"CredentialsAvailable": ("True", "Reached"), **REACHED}


def refused(reason: str) -> dict[str, tuple[str, str]]:
    found = {"CredentialsAvailable": ("False", reason), "Reachable": ("Unknown", reason)}
    return {**found, "Ready": ("False", reason)}


def away(reason: str) -> dict[str, tuple[str, str]]:
    return {"Reachable": ("False", reason), "Ready": ("False", reason)}


@pytest.mark.parametrize(
    ("location", "reason", "expected"),
    [
        (nfs(), "Reached", REACHED | VALID),
        (claim(), "Reached", REACHED | VALID),
        (bucket(), "Reached", LET_IN | VALID),
        (s3("own"), "Reached", LET_IN | VALID),
        (smb(), "Reached", LET_IN | VALID),
        (bucket(), "CredentialsMissing", refused("CredentialsMissing")),
        (smb(), "CredentialsRefused", refused("CredentialsRefused")),
        (nfs(), "MountFailed", away("MountFailed")),
        (claim(), "ConfigurationInvalid", away("ConfigurationInvalid")),
        *(
            (s3("own"), why, {"CredentialsAvailable": ("Unknown", why), **away(why)})
            for why in ("LocationUnreachable", "BucketNotFound")
        ),
    ],
)
@pytest.mark.parametrize("end", ["source", "destination"])
def test_what_the_start_of_a_run_found_out(
    location: Location, reason: str, expected: dict[str, tuple[str, str]], end: str
) -> None:
    status, again = told_of(location, executions=[looked_at(location, reason, end=end)])
    assert conditions(status) == expected
    assert status.last_check_time == ago(5)
    assert again is None
    for known in status.conditions:
        assert known.observed_generation == 1
        assert known.message == f"it is {reason}" or known.reason == "Valid"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Reached", LET_IN | VALID),
        ("CredentialsMissing", refused("CredentialsMissing")),
        ("CredentialsRefused", refused("CredentialsRefused")),
    ],
)
def test_a_share_that_is_mounted_lets_in_by_its_secret_as_others_do(
    reason: str, expected: dict[str, tuple[str, str]]
) -> None:
    location = mounted_share()
    status, _ = told_of(location, executions=[looked_at(location, reason)])
    assert conditions(status) == DRIVER | expected


def test_the_latest_look_counts_and_is_kept_when_its_run_is_gone() -> None:
    before = looked_at(nfs(), "LocationUnreachable", name="a", seconds_ago=9)
    after = looked_at(nfs(), "Reached", name="b", seconds_ago=3)
    other = looked_at(claim(), "MountFailed", name="c", seconds_ago=1)
    status, _ = told_of(nfs(), executions=[after, before, other])
    assert conditions(status) == REACHED | VALID
    known = nfs().model_copy(update={"status": status})
    for runs in ([], [before]):
        assert told_of(known, executions=runs)[0] == status


def test_the_time_of_a_transition_is_kept_until_the_status_changes() -> None:
    since = ago(1000)
    condition = {"type": "Reachable", "status": "True", "reason": "Reached"}
    told = {
        "observedGeneration": 1,
        "lastCheckTime": since,
        "conditions": [condition | {"lastTransitionTime": since}],
    }
    known = nfs().model_copy(update={"status": LocationStatus.model_validate(told)})
    for reason, moved in (("Reached", since), ("LocationUnreachable", NOW)):
        status, _ = told_of(known, executions=[looked_at(nfs(), reason)])
        found = find_condition(status.conditions, "Reachable")
        assert found is not None
        assert found.last_transition_time == moved


def test_what_was_found_out_about_another_spec_is_not_told() -> None:
    run = looked_at(bucket(), "CredentialsRefused")
    status, _ = told_of(bucket(), executions=[run])
    meta = bucket().metadata.model_copy(update={"generation": 2})
    corrected = bucket().model_copy(update={"metadata": meta, "status": status})
    status, _ = told_of(corrected, executions=[run])
    assert conditions(status) == VALID
    assert status.last_check_time is None
    again = looked_at(bucket(), "Reached", generation=2, seconds_ago=1)
    assert conditions(told_of(corrected, executions=[run, again])[0]) == LET_IN | VALID


def test_what_was_found_out_about_a_deleted_location_of_the_same_name_is_not_told() -> None:
    run = looked_at(nfs(), "Reached")
    meta = nfs().metadata.model_copy(update={"uid": "uid-anew"})
    anew = nfs(server="other.example.com").model_copy(update={"metadata": meta})
    assert conditions(told_of(anew, executions=[run])[0]) == VALID


@pytest.mark.parametrize(
    ("location", "type_", "uri"),
    [
        (nfs(), "NFS", "nfs://nas.example.com/export/"),
        (bucket(), "ObjectStorage", "object-storage://s3.example.com/mirror/"),
        (efs(path="/a"), "EFS", "efs://fs-0123456789abcdef0/a/"),
    ],
)
def test_a_location_tells_what_it_is(location: Location, type_: str, uri: str) -> None:
    status, _ = told_of(location)
    assert (status.type, status.uri) == (type_, uri)


def test_a_location_tells_who_uses_it() -> None:
    assert told_of(bucket())[0].used_by == ()
    assert told_of(bucket(), used_by={"weekly", "nightly"})[0].used_by == ("nightly", "weekly")
    many = {f"task-{number:04}" for number in range(300)}
    assert told_of(bucket(), used_by=many)[0].used_by == tuple(sorted(many)[:256])
