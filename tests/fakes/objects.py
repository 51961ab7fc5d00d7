"""Builders of API objects for tests: valid by default, one argument away from the case at hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from datasync_api.agent import Agent
from datasync_api.execution import Execution
from datasync_api.location import Location
from datasync_api.task import Task
from datasync_operator.decide.views import EventView, JobView, PodView
from datasync_operator.settings import Settings

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMESPACE = "team-a"
SETTINGS = Settings(
    namespace="datasync-system", runner_image="runner:1", launch_deadline_seconds=60
)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def meta(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "creationTimestamp": ago(10).isoformat(),
        **more,
    }


def agent(name: str = "site", *, connection: str = "Online", **spec: Any) -> Agent:
    return Agent.model_validate(
        {"metadata": meta(name), "spec": spec, "status": {"connection": connection}}
    )


def nfs(name: str = "nas", *, agents: tuple[str, ...] = ("site",), **member: Any) -> Location:
    return Location.model_validate(
        {
            "metadata": meta(name),
            "spec": {
                "nfs": {"server": "nas.example.com", "path": "/export", **member},
                "agentRefs": [{"name": one} for one in agents],
            },
        }
    )


def bucket(name: str = "bucket", *, agents: tuple[str, ...] = (), **member: Any) -> Location:
    storage = {
        "endpoint": "https://s3.example.com",
        "bucket": "mirror",
        "credentialsSecretRef": {"name": "keys"},
        **member,
    }
    refs = [{"name": one} for one in agents]
    spec = {"objectStorage": storage, "agentRefs": refs}
    return Location.model_validate({"metadata": meta(name), "spec": spec})


def s3(name: str, **member: Any) -> Location:
    spec = {"s3": {"bucket": name, **member}}
    return Location.model_validate({"metadata": meta(name), "spec": spec})


def smb(name: str = "share", *, agents: tuple[str, ...] = ("site",), **member: Any) -> Location:
    share = {
        "server": "files.example.com",
        "share": "projects",
        "credentialsSecretRef": {"name": "login"},
        **member,
    }
    spec = {"smb": share, "agentRefs": [{"name": one} for one in agents]}
    return Location.model_validate({"metadata": meta(name), "spec": spec})


def mounted_share(name: str = "share", **member: Any) -> Location:
    return smb(name, **{"access": "Mount", "encryption": "Required", **member})


def claim(name: str = "volume", **member: Any) -> Location:
    spec = {"persistentVolumeClaim": {"claimName": "data", **member}}
    return Location.model_validate({"metadata": meta(name), "spec": spec})


def file_system(
    name: str = "files", *, agents: tuple[str, ...] = ("site",), **member: Any
) -> Location:
    """A location of any member that is mounted."""
    spec = {**member, "agentRefs": [{"name": one} for one in agents]}
    return Location.model_validate({"metadata": meta(name), "spec": spec})


def efs(name: str = "efs", *, agents: tuple[str, ...] = (), **member: Any) -> Location:
    spec = {"fileSystemId": "fs-0123456789abcdef0", **member}
    return file_system(name, agents=agents, efs=spec)


def lustre(name: str = "lustre", *, agents: tuple[str, ...] = (), **member: Any) -> Location:
    host = "fs-0123456789abcdef0.fsx.eu-central-1.amazonaws.com"
    spec = {"dnsName": host, "mountName": "fsx", **member}
    return file_system(name, agents=agents, fsxLustre=spec)


def open_zfs(name: str = "zfs", **member: Any) -> Location:
    host = "fs-0123456789abcdef0.fsx.eu-central-1.amazonaws.com"
    return file_system(name, agents=(), fsxOpenZfs={"dnsName": host, **member})


def ontap(name: str = "ontap", **member: Any) -> Location:
    host = "svm-0123456789abcdef0.fs-0123456789abcdef0.fsx.eu-central-1.amazonaws.com"
    spec = {"dnsName": host, "path": "/vol1", **member}
    return file_system(name, agents=(), fsxOntap=spec)


def ontap_share(name: str = "share", **member: Any) -> Location:
    share = {"share": "projects", "credentialsSecretRef": {"name": "login"}, **member}
    svm = {"dnsName": "projects.corp.example.com", "smb": share}
    return file_system(name, agents=(), fsxOntap=svm)


def task(
    name: str = "nightly",
    *,
    source: str = "nas",
    destination: str = "bucket",
    status: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    **spec: Any,
) -> Task:
    return Task.model_validate(
        {
            "metadata": meta(name, **(metadata or {})),
            "spec": {
                "sourceLocationRef": {"name": source},
                "destinationLocationRef": {"name": destination},
                **spec,
            },
            "status": status or {},
        }
    )


def execution(
    name: str = "run",
    *,
    task: str = "nightly",
    phase: str | None = None,
    status: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    **spec: Any,
) -> Execution:
    told = dict(status or {})
    if phase is not None:
        told["phase"] = phase
    return Execution.model_validate(
        {
            "metadata": meta(name, **(metadata or {})),
            "spec": {"taskRef": {"name": task}, **spec},
            "status": told,
        }
    )


def resolved(agent: str | None = "site") -> dict[str, Any]:
    return {
        "taskGeneration": 1,
        "sourceUri": "nfs://nas.example.com/export/",
        "destinationUri": "object-storage://s3.example.com/mirror/",
        "agent": agent,
        "planHash": "0" * 64,
    }


def job(**more: Any) -> JobView:
    return JobView(**{"name": "run-1", "uid": "uid-job", "created": ago(5), **more})


def pod(**more: Any) -> PodView:
    return PodView(**{"name": "run-1-abcde", "uid": "uid-pod", "created": ago(4), **more})


def warning(reason: str, message: str, *, uid: str = "uid-pod") -> EventView:
    return EventView(object_uid=uid, reason=reason, message=message, last_seen=ago(1))


def result(uid: str = "uid-run", *, outcome: str = "Success", **more: Any) -> str:
    from datasync_api.report import TransferResult

    return TransferResult.model_validate(
        {
            "executionUid": uid,
            "outcome": outcome,
            "prepareStatus": "Success",
            "transferStatus": "Success",
            "verifyStatus": "Success",
            "totalDurationMs": 2000,
            "counters": {"filesTransferred": 3, "bytesTransferred": 4000, "bytesWritten": 4000},
            "startTime": ago(3).isoformat(),
            "endTime": ago(1).isoformat(),
            **more,
        }
    ).termination_message()
