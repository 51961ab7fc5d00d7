"""What the operator needs to see of Jobs, pods, events and nodes, as frozen values.

Parsing is lenient: an absent field is what Kubernetes means by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

Manifest = Mapping[str, Any]


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _items(node: Any) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", node or [])


def _object(node: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", node or {})


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A Job: is it suspended, running, done, failed, going away?"""

    name: str
    uid: str
    created: datetime
    started: datetime | None = None
    """Anew each time that it is no longer suspended."""
    suspended: bool = False
    deleting: bool = False
    complete: bool = False
    failed: bool = False
    failed_reason: str = ""
    failed_message: str = ""
    failed_pods: int = 0

    @property
    def since(self) -> datetime:
        """Since when Kubernetes is to make pods for it."""
        return self.started or self.created

    @property
    def finished(self) -> bool:
        """No pod of it will start any more."""
        return self.complete or self.failed

    @classmethod
    def parse(cls, manifest: Manifest) -> "JobView":
        """From the API server's object."""
        meta, status = manifest["metadata"], _object(manifest.get("status"))
        true = {c["type"]: c for c in _items(status.get("conditions")) if c["status"] == "True"}
        failed = _object(true.get("Failed"))
        created = _time(meta.get("creationTimestamp"))
        assert created is not None  # noqa: S101 - every stored object has it
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            created=created,
            started=_time(status.get("startTime")),
            # The condition goes a moment after the wish, together with a new startTime.
            suspended=bool(_object(manifest.get("spec")).get("suspend")) or "Suspended" in true,
            deleting="deletionTimestamp" in meta,
            complete="Complete" in true,
            failed="Failed" in true,
            failed_reason=failed.get("reason", ""),
            failed_message=failed.get("message", ""),
            failed_pods=status.get("failed", 0),
        )


@dataclass(frozen=True, kw_only=True)
class PodView:
    """A runner pod: where it is in its life, and its last words."""

    name: str
    uid: str
    created: datetime
    phase: str = "Pending"
    deleting: bool = False
    scheduled: datetime | None = None
    """When it got its node, by the API server's clock."""
    ip: str = ""
    unschedulable: str = ""
    waiting_reason: str = ""
    waiting_message: str = ""
    exit_code: int | None = None
    exit_reason: str = ""
    message: str = ""

    @property
    def finished(self) -> bool:
        """Its container has ended for good."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def running(self) -> bool:
        """Its container runs."""
        return self.phase == "Running" and self.exit_code is None

    @classmethod
    def parse(cls, manifest: Manifest) -> "PodView":
        """From the API server's object."""
        meta, status = manifest["metadata"], _object(manifest.get("status"))
        created = _time(meta.get("creationTimestamp"))
        assert created is not None  # noqa: S101 - every stored object has it
        containers = _items(status.get("containerStatuses"))
        state = _object(containers[0].get("state")) if containers else {}
        waiting, ended = _object(state.get("waiting")), _object(state.get("terminated"))
        known = {c["type"]: c for c in _items(status.get("conditions"))}
        placing = _object(known.get("PodScheduled"))
        placed, no_node = placing.get("status") == "True", placing.get("reason") == "Unschedulable"
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            created=created,
            phase=status.get("phase", "Pending"),
            deleting="deletionTimestamp" in meta,
            ip=status.get("podIP", ""),
            scheduled=_time(placing.get("lastTransitionTime")) if placed else None,
            unschedulable=placing.get("message", "") if no_node else "",
            waiting_reason=waiting.get("reason", ""),
            waiting_message=waiting.get("message", ""),
            exit_code=ended.get("exitCode"),
            exit_reason=ended.get("reason", ""),
            message=ended.get("message", ""),
        )


@dataclass(frozen=True, kw_only=True)
class EventView:
    """A warning about one of our Jobs or pods."""

    object_uid: str
    reason: str
    message: str
    last_seen: datetime | None

    @classmethod
    def parse(cls, manifest: Manifest) -> "EventView":
        """From the API server's object (core/v1)."""
        seen = manifest.get("lastTimestamp") or manifest.get("eventTime")
        return cls(
            object_uid=manifest.get("involvedObject", {}).get("uid", ""),
            reason=manifest.get("reason") or "",
            message=manifest.get("message") or "",
            last_seen=_time(seen),
        )


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """A node: would it take a pod?"""

    name: str
    labels: Mapping[str, str]
    ready: bool
    unschedulable: bool
    taints: Sequence[tuple[str, str, str]]
    """Key, value, effect."""

    @classmethod
    def parse(cls, manifest: Manifest) -> "NodeView":
        """From the API server's object."""
        spec, status = _object(manifest.get("spec")), _object(manifest.get("status"))
        return cls(
            name=manifest["metadata"]["name"],
            labels=_object(manifest["metadata"].get("labels")),
            ready=any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in _items(status.get("conditions"))
            ),
            unschedulable=bool(spec.get("unschedulable")),
            taints=tuple(
                (t["key"], t.get("value", ""), t["effect"]) for t in _items(spec.get("taints"))
            ),
        )
