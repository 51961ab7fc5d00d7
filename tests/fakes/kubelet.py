"""A small Job controller and kubelet over the fake cluster: one pod a Job, one step a call."""

from typing import Any

from datasync_api.report import TransferResult
from datasync_operator.cluster.port import JOBS, PODS
from fakes.cluster import FakeCluster


def start_pods(cluster: FakeCluster) -> None:
    """Give every Job without a pod a running one."""
    for job in cluster.all(JOBS):
        name = f"{job['metadata']['name']}-pod"
        if (PODS.plural, job["metadata"]["namespace"], name) in cluster.objects:
            continue
        template = job["spec"]["template"]
        owner = {"uid": job["metadata"]["uid"], "kind": "Job"}
        pod = {"metadata": {"name": name, "ownerReferences": [owner], **template["metadata"]}}
        made = cluster.put(PODS, job["metadata"]["namespace"], pod)
        made["status"] = {
            "phase": "Running",
            "podIP": "10.0.0.9",
            "containerStatuses": [{"state": {"running": {}}}],
        }


def finish_pods(
    cluster: FakeCluster, now: str, *, exit_code: int = 0, hold: dict[str, Any] | None = None
) -> None:
    """End every running pod with a result, and its Job with it; a hold comes with code 12."""
    for pod in cluster.all(PODS):
        if pod["status"]["phase"] != "Running":
            continue
        labels = pod["metadata"]["labels"]
        uid = labels.get("datasync.dev/execution-uid") or labels["datasync.dev/check-uid"]
        told = exit_code == 0 or hold is not None
        ended = {"exitCode": exit_code, "message": _result(uid, now, hold) if told else ""}
        pod["status"]["phase"] = "Succeeded" if exit_code == 0 else "Failed"
        pod["status"]["containerStatuses"] = [{"state": {"terminated": ended}}]
        name = pod["metadata"]["name"].removesuffix("-pod")
        job = cluster.objects[JOBS.plural, pod["metadata"]["namespace"], name]
        kind = "Complete" if exit_code == 0 else "Failed"
        job["status"] = {"conditions": [{"type": kind, "status": "True"}]}


def _result(uid: str, now: str, hold: dict[str, Any] | None) -> str:
    told: dict[str, Any] = {
        "executionUid": uid,
        "outcome": "Success",
        "prepareStatus": "Success",
        "transferStatus": "Success",
        "verifyStatus": "Success",
        "counters": {"filesTransferred": 5},
        "reached": {"source": now, "destination": now},
        "startTime": now,
        "endTime": now,
    }
    if hold is not None:
        error = {"code": hold["reason"], "detail": "too many files would be deleted"}
        told |= {"outcome": "Held", "transferStatus": "Pending", "hold": hold, "error": error}
    return TransferResult.model_validate(told).termination_message()
