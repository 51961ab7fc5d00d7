"""Names and labels of what the operator makes: functions of what it is for, never random.

A second attempt to make the same thing meets the first by its name; that is the fence against two
Jobs for one run.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from datasync_api import GROUP

Side = Literal["source", "destination", "report", "manifest"]
"""The two ends of a run, and the places of its report and its manifest."""

MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "datasync-operator"}
EXECUTION_UID_LABEL: Final = f"{GROUP}/execution-uid"
STARTED_BY_LABEL: Final = f"{GROUP}/started-by"
EXECUTION_ANNOTATION: Final = f"{GROUP}/execution"
CHECK_UID_LABEL: Final = f"{GROUP}/check-uid"
LOCATION_ANNOTATION: Final = f"{GROUP}/location"
NAMESPACE_ANNOTATION: Final = f"{GROUP}/namespace"
KUEUE_QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
FINALIZER: Final = f"{GROUP}/running"
_LABEL_MAX: Final = 63
_NAME_MAX: Final = 253


def short_hash(text: str) -> str:
    """Ten hexadecimal digits of sha256."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def child(execution_name: str, execution_uid: str, suffix: str) -> str:
    """A name of at most 63 characters that belongs to one execution only.

    Pods and labels take 63 characters, so a long execution name is cut; the uid's hash keeps it
    unique.
    """
    tail = f"-{short_hash(execution_uid)}-{suffix}"
    head = execution_name.replace(".", "-")[: _LABEL_MAX - len(tail)].rstrip("-")
    return head + tail


def job(execution_name: str, execution_uid: str, attempt: int | Literal["check"]) -> str:
    """The Job of one attempt, or of a check; six characters are left for the pods' own suffix."""
    tail = f"-{short_hash(execution_uid)}-{attempt}"
    head = execution_name.replace(".", "-")[: _LABEL_MAX - 6 - len(tail)].rstrip("-")
    return head + tail


def check(location_uid: str, generation: int, tag: str) -> str:
    """What identifies one check of a location; another spec or another tag is another check."""
    return short_hash(f"{location_uid}/{generation}/{tag}")


def volume(namespace: str, execution_name: str, execution_uid: str, side: Side) -> str:
    """The PersistentVolume of one side of one execution: unique in the whole cluster."""
    return child(f"datasync-{namespace}-{execution_name}", execution_uid, side)


def scheduled(task: str, slot: datetime) -> str:
    """The execution of one slot of a schedule: `<task>-<minute in UTC>`."""
    return _fit(task, f"-{slot:%Y%m%d%H%M}")


def triggered(task: str, task_uid: str, generation: int, trigger: str) -> str:
    """The execution that one change of the trigger starts."""
    return _fit(task, f"-{short_hash(f'{task_uid}/{generation}/{trigger}')}")


def _fit(name: str, tail: str) -> str:
    return name[: _NAME_MAX - len(tail)].rstrip("-.") + tail


def labels(selector: Mapping[str, str]) -> dict[str, str]:
    """Labels of everything that has this label of its own."""
    return {
        **MANAGED_BY,
        "app.kubernetes.io/name": "datasync",
        "app.kubernetes.io/component": "runner",
        **selector,
    }
