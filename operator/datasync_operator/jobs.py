"""What Kubernetes tells of a Job of ours: itself, its pods, its volumes, what went wrong."""

from collections.abc import Iterable, Mapping, Sequence

from datasync_operator.cluster.errors import NotFound
from datasync_operator.cluster.port import EVENTS, JOBS, PODS, Cluster, Manifest
from datasync_operator.decide.views import EventView, JobView, PodView


async def job_of(cluster: Cluster, namespace: str, name: str) -> JobView | None:
    """The Job of this name, if there is one."""
    try:
        return JobView.parse(await cluster.get(JOBS, namespace, name))
    except NotFound:
        return None


async def pods_of(cluster: Cluster, namespace: str, labels: Mapping[str, str]) -> list[PodView]:
    """The pods with these labels."""
    return [PodView.parse(pod) for pod in await cluster.list(PODS, namespace, labels=labels)]


async def warnings(
    cluster: Cluster, namespace: str, job: JobView | None, pods: Sequence[PodView]
) -> list[EventView]:
    """Warnings about the Job and about pods that do not run: only they need an explanation."""
    waiting = [pod.uid for pod in pods if pod.phase == "Pending" and not pod.deleting]
    if job is None or job.finished or any(pod.running for pod in pods):
        return []
    found: list[Manifest] = []
    for uid in waiting or [job.uid]:
        fields = {"involvedObject.uid": uid, "type": "Warning"}
        found += await cluster.list(EVENTS, namespace, fields=fields)
    return [EventView.parse(event) for event in found]


def bindable(volumes: Iterable[Manifest]) -> list[str]:
    """The names of those PersistentVolumes that Kubernetes has taken up."""
    return [
        volume["metadata"]["name"]
        for volume in volumes
        if volume.get("status", {}).get("phase") in ("Available", "Bound")
    ]
