"""Why a runner does not run yet: the kubelet's and the scheduler's words, made into a reason.

Each message says what happened, why, and how to fix it; the kubelet's own text comes last.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from datasync_api.conditions import Reason
from datasync_api.preflight import End
from datasync_operator.decide.views import EventView, JobView, PodView

_IMAGE_REASONS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
    }
)
_VOLUME: Final = re.compile(
    r'(?:volume "|unmounted volumes=\[)(?:datasync-[^" ]*-[0-9a-f]{10}-)?'
    r"(?P<end>source|destination)(?:-credentials)?[\"\], ]"
)
"""The kubelet names the volume of the pod, or the PersistentVolume that was made for the run."""
_CIFS_DENIED: Final = "mount error(13)"
"""What mount.cifs(8) says of a wrong password, and of a share that the user may not enter."""
_JOB_BACKOFF: Final = timedelta(minutes=6)  # the Job controller's longest pause between two pods


@dataclass(frozen=True)
class Startup:
    """Why no runner runs, and since when."""

    reason: Reason
    message: str
    since: datetime
    location: End | None = None
    """The location whose volume or Secret it is about, where that is known."""
    mounts_since: datetime | None = None
    """When the pod got the node that cannot mount."""
    failed_last: datetime | None = None
    """When that node was last heard to fail at it."""

    def overdue(self, now: datetime, deadline_seconds: int) -> bool:
        """Whether the launch deadline has passed; it does not run while the Job is suspended."""
        if self.reason is Reason.SUSPENDED:
            return False
        return now - self.since > timedelta(seconds=deadline_seconds)


def diagnose(job: JobView, pods: Sequence[PodView], events: Sequence[EventView]) -> Startup | None:
    """Why the Job has no running pod; None when one runs or has ended.

    | pod | sign | reason |
    |---|---|---|
    | any | the Job is suspended | Suspended |
    | none | FailedCreate event | PodCreationFailed |
    | none | one has succeeded | (none) |
    | none | earlier pods failed | Retrying |
    | none | - | Launching |
    | pending | Unschedulable condition | Unschedulable |
    | pending | waiting for an image | ImagePullFailed |
    | pending | FailedMount event naming a secret | CredentialsMissing |
    | pending | FailedMount event with mount.cifs's words for EACCES | CredentialsRefused |
    | pending | FailedMount event naming a ConfigMap | MountFailed |
    | pending | other FailedMount event | MountFailed |
    | pending | - | Launching |
    | running or ended | - | (none) |
    """
    if job.suspended:
        return Startup(
            Reason.SUSPENDED,
            "the Job is suspended, and starts when it no longer is: with queueName of the agent, "
            "when Kueue admits it; see `kubectl get workloads` and that the LocalQueue exists",
            job.since,
        )
    current = [pod for pod in pods if not pod.deleting and not pod.finished]
    if not current:
        return _without_pod(job, pods, events)
    pod = max(current, key=lambda candidate: (candidate.created, candidate.name))
    if pod.running or pod.exit_code is not None:
        return None
    if pod.unschedulable:
        return Startup(
            Reason.UNSCHEDULABLE,
            "no node takes the runner pod: free or add a node, or change the agent's nodeSelector, "
            f"tolerations or resources; the scheduler says: {pod.unschedulable}",
            pod.created,
        )
    if pod.waiting_reason in _IMAGE_REASONS:
        return Startup(
            Reason.IMAGE_PULL_FAILED,
            "the runner image cannot be pulled: check the image in the chart's values, the "
            "registry and the agent's imagePullSecrets; the kubelet says: "
            f"{pod.waiting_reason}: {pod.waiting_message}",
            pod.created,
        )
    if failed := _last(events, pod.uid, "FailedMount", "FailedAttachVolume"):
        return Startup(
            *_mount_failure(failed),
            pod.created,
            _location_of(failed),
            pod.scheduled,
            failed.last_seen,
        )
    if pod.waiting_reason not in ("", "ContainerCreating", "PodInitializing"):
        return Startup(
            Reason.LAUNCHING,
            f"the runner pod cannot start; the kubelet says: {pod.waiting_reason}: "
            f"{pod.waiting_message}",
            pod.created,
        )
    return Startup(Reason.LAUNCHING, "the runner pod is starting", pod.created)


def _without_pod(
    job: JobView, pods: Sequence[PodView], events: Sequence[EventView]
) -> Startup | None:
    if job.finished or any(pod.phase == "Succeeded" for pod in pods):
        return None  # the Job says so a moment after its pod
    ended = [pod.created for pod in pods if pod.finished or pod.deleting]
    if job.failed_pods or ended:
        since = max([job.since, *ended]) + _JOB_BACKOFF
        return Startup(
            Reason.RETRYING,
            "the runner ended early and is started again; its log tells why",
            since,
        )
    if failed := _last(events, job.uid, "FailedCreate"):
        return Startup(
            Reason.POD_CREATION_FAILED,
            "the runner pod cannot be created: check quotas, pod security and the service account "
            f"of the namespace; Kubernetes says: {failed.message}",
            job.since,
        )
    return Startup(Reason.LAUNCHING, "the Job has no pod yet", job.since)


def _mount_failure(event: EventView) -> tuple[Reason, str]:
    text = event.message.lower()
    if "secret" in text and "not found" in text:
        return (
            Reason.CREDENTIALS_MISSING,
            "a Secret that a location names does not exist in this namespace: create it, with "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for objects, or username and password "
            f"for a share; the kubelet says: {event.message}",
        )
    if _CIFS_DENIED in text:
        return (
            Reason.CREDENTIALS_REFUSED,
            "the server of a share does not let the user of its Secret in: check username, "
            "password and domain, and the user's rights to the share, then start a new run or set "
            f"another check; the kubelet says: {event.message}",
        )
    if "configmap" in text and ("not found" in text or "non-existent config key" in text):
        return (
            Reason.MOUNT_FAILED,
            "a ConfigMap that the task (manifest) or a location (caBundle) names does not exist in "
            "this namespace, or lacks the key: create it, or correct the name; the kubelet says: "
            f"{event.message}",
        )
    return (
        Reason.MOUNT_FAILED,
        "a location's volume cannot be mounted: check its server, path and mount options, the "
        "export's permissions for the node, and that the node can reach it; the kubelet says: "
        f"{event.message}",
    )


def _location_of(event: EventView) -> End | None:
    """Which location a failure to mount is about.

    | the kubelet's words | location |
    |---|---|
    | … volume "source-credentials" : secret "keys" not found | source |
    | … volume "datasync-team-a-run-0123456789-destination" : … | destination |
    | … unmounted volumes=[source], … | source |
    | … volume "source-ca" : configmap … | None: it says nothing of keys and server |
    | … volume "pvc-…" : … | None: a claim's volume has its own name |
    """
    found = _VOLUME.search(event.message)
    if found is None:
        return None
    return "source" if found["end"] == "source" else "destination"


def _last(events: Iterable[EventView], uid: str, *reasons: str) -> EventView | None:
    found = [e for e in events if e.object_uid == uid and e.reason in reasons]
    return max(
        found,
        key=lambda event: event.last_seen.timestamp() if event.last_seen else 0.0,
        default=None,
    )
