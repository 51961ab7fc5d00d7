"""Whatever is killed, whenever: the run succeeds and the data is right."""

import io
from typing import Any

import pytest

from cluster.gate import Gate
from cluster.transfers import Transfers, objects, put_tree, sample_tree
from fixtures.cluster import SYSTEM, Cluster

TREE = sample_tree(files=12, big_bytes=400_000)
IN_PARTS = {
    "z-in-parts.bin": bytes(17 * 1024 * 1024)
}  # uploaded in parts: its copy is proven by asking


@pytest.mark.timeout(120)
def test_an_operator_killed_in_each_phase_changes_nothing(
    cluster: Cluster, transfers: Transfers, gate: Gate, cluster_bucket: str, cluster_s3: Any
) -> None:
    """One run is held in each phase; then the operator is killed, and once more as they go on."""
    bucket = cluster_bucket
    transfers.apply(
        transfers.agent("site", maxConcurrentExecutions=10),
        transfers.agent("away", nodeSelector={"example.com/rack": "nowhere"}),
    )
    holds = {
        "preparing": f"^GET /{bucket}.*list-type=2.*prefix=preparing-to",
        "transferring": f"^(PUT|POST) /{bucket}/transferring-to/z-large",
        "verifying": f"^(HEAD|GET) /{bucket}/verifying-to/z-in-parts",
    }
    phases = {
        "queued": "Queued",
        "preparing": "Preparing",
        "transferring": "Transferring",
        "verifying": "Verifying",
        "launching": "Launching",  # the last: a launch has a deadline
    }
    trees = dict.fromkeys(phases, TREE) | {"verifying": {**TREE, **IN_PARTS}}
    for name in phases:
        put_tree(cluster_s3, bucket, f"{name}-from", trees[name])
    for key, body in IN_PARTS.items():
        cluster_s3.upload_fileobj(io.BytesIO(body), bucket, f"verifying-from/{key}")
    with gate.holding(*holds.values()):
        for name in phases:
            agent = "away" if name == "queued" else "site"
            secret = "comes-later" if name == "launching" else "credentials"
            source, target = f"{name}-from", f"{name}-to"
            transfers.apply(
                transfers.bucket(source, bucket, prefix=source, agents=[agent]),
                transfers.bucket(target, bucket, prefix=target, agents=[agent], secret=secret),
                transfers.task(name, source, target),
            )
        for name in phases:
            if name == "launching":
                for running in holds:
                    transfers.until(running, phases[running])
            transfers.apply(transfers.execution(name, name))
        transfers.waits_for("launching", "CredentialsMissing")
        assert {name: transfers.phase(name) for name in phases} == phases

        before = kill_operator(cluster)
        # What they wait for comes while there is no operator.
        transfers.apply(transfers.credentials("comes-later"), transfers.agent("away"))
        since = {name: told(transfers, name) for name in holds}
        await_operator(cluster, before)

        # The next operator speaks to the same pods, with the same key.
        for name in holds:
            transfers.space.wait(
                f"{name} to be asked again",
                lambda name=name, last=since[name]: told(transfers, name) > last,
            )
            assert transfers.phase(name) == phases[name]
            assert transfers.status(name)["progress"]["source"] == "Live"

    await_operator(cluster, kill_operator(cluster))
    for name in phases:
        status = transfers.success(name)
        assert status["attempts"] == 1, name
        (job,) = transfers.jobs(name)
        assert job["status"]["succeeded"] == 1, name
        assert job["status"].get("failed", 0) == 0, name
        assert status["counters"]["filesTransferred"] == len(trees[name]), name
        assert objects(cluster_s3, bucket, f"{name}-to") == trees[name], name


def told(transfers: Transfers, name: str) -> str:
    """When the operator last heard from the runner."""
    return transfers.status(name)["progress"]["lastUpdateTime"]


def kill_operator(cluster: Cluster) -> set[str]:
    """End the operator without a chance to say goodbye; answer what was there."""
    before = {pod["metadata"]["uid"] for pod in operators(cluster)}
    cluster.kubectl(
        *("-n", SYSTEM, "delete", "pod", "--all", "--grace-period=0", "--force", "--wait=false")
    )
    return before


def await_operator(cluster: Cluster, before: set[str]) -> None:
    """Wait for an operator that was not there before."""
    cluster.wait(
        "another operator",
        lambda: any(
            pod["metadata"]["uid"] not in before and ready(pod) for pod in operators(cluster)
        ),
        namespace=SYSTEM,
    )


def operators(cluster: Cluster) -> list[dict[str, Any]]:
    return list(cluster.list("pods", namespace=SYSTEM))


def ready(pod: dict[str, Any]) -> bool:
    return any(
        found["type"] == "Ready" and found["status"] == "True"
        for found in pod["status"].get("conditions", ())
    )


@pytest.mark.timeout(90)
def test_runs_whose_runner_is_killed_start_again(
    transfers: Transfers, gate: Gate, cluster_bucket: str, cluster_s3: Any
) -> None:
    """One loses its pod, the other its Job, both in the middle."""
    bucket, names = cluster_bucket, ("pod", "job")
    with gate.holding(f"^(PUT|POST) /{bucket}/(pod|job)-to/z-large"):
        for name in names:
            put_tree(cluster_s3, bucket, f"{name}-from", TREE)
            transfers.apply(
                transfers.bucket(f"{name}-from", bucket, prefix=f"{name}-from"),
                transfers.bucket(f"{name}-to", bucket, prefix=f"{name}-to"),
                transfers.task(name, f"{name}-from", f"{name}-to"),
                transfers.execution(name, name),
            )
        for name in names:
            transfers.until(name, "Transferring")
            transfers.space.wait(
                "something to be moved",
                lambda prefix=f"{name}-to": objects(cluster_s3, bucket, prefix),
            )
        (pod,) = transfers.pods("pod")
        victim = pod["metadata"]["name"]
        transfers.space.kubectl("delete", "pod", victim, "--grace-period=0", "--force")
        (job,) = transfers.jobs("job")
        transfers.space.kubectl("delete", "job", job["metadata"]["name"], "--wait=false")

    for name, attempts, failed_pods in (("pod", 1, 1), ("job", 2, 0)):
        status = transfers.success(name)
        assert objects(cluster_s3, bucket, f"{name}-to") == TREE
        assert status["attempts"] == attempts
        assert status["progress"]["percent"] == 100
        (job,) = transfers.jobs(name)
        assert job["status"]["succeeded"] == 1
        assert job["status"].get("failed", 0) == failed_pods
