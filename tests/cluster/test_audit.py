"""After everything else: what the operator asked of the API server is what the chart lets it ask.

It judges the whole tier, so it runs last, and fails when it is run alone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fixtures.cluster import RELEASE, SYSTEM, Cluster

OPERATOR = f"system:serviceaccount:{SYSTEM}:{RELEASE}"


@dataclass(frozen=True)
class Call:
    """One request of the operator."""

    resource: str
    verb: str
    code: int
    uri: str


def calls(cluster: Cluster) -> Iterator[Call]:
    log = cluster.kubeconfig.parent / "log" / "audit.log"
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event["user"]["username"] != OPERATOR:
            continue
        where = event.get("objectRef", {})
        resource = where.get("resource", "")
        if sub := where.get("subresource"):
            resource += f"/{sub}"
        code = event["responseStatus"].get("code", 0)
        yield Call(resource, event["verb"], code, event["requestURI"])


def allowed(cluster: Cluster) -> set[tuple[str, str]]:
    role = cluster.get("clusterrole", RELEASE)
    assert role is not None
    return {
        (resource, verb)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_nothing_was_denied(cluster: Cluster) -> None:
    seen = list(calls(cluster))

    assert seen
    assert [call for call in seen if call.code in (401, 403)] == []


def test_every_right_was_used(cluster: Cluster) -> None:
    used = {(call.resource, call.verb) for call in calls(cluster) if call.resource}

    assert used == allowed(cluster), "an unused right; or run the whole tier: make test-cluster"


def test_the_operator_never_read_a_secret(cluster: Cluster) -> None:
    verbs = {call.verb for call in calls(cluster) if call.resource == "secrets"}

    assert verbs == {"create"}


def test_the_operator_itself_is_restricted(cluster: Cluster) -> None:
    """Pod security admission warns of pods that the level would refuse."""
    done = cluster.kubectl(
        *("label", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce=restricted"),
        *("--overwrite", "--dry-run=server"),
    )

    assert done.stderr == ""
    assert cluster.list("pods", namespace=SYSTEM)


@pytest.mark.timeout(90)
def test_with_the_last_execution_the_last_volume_goes(cluster: Cluster) -> None:
    cluster.kubectl("delete", "datasynctasks,datasynctaskexecutions", "--all", "-A")
    cluster.wait(
        "all PersistentVolumes to go",
        lambda: not cluster.list("pv", selector="app.kubernetes.io/managed-by=datasync-operator"),
        deadline_seconds=60,
    )
