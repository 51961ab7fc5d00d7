"""A decision as data: what to do, what to say, when to look again."""

from collections.abc import Sequence
from dataclasses import dataclass

from datasync_api.base import ApiModel
from datasync_operator.cluster.port import Manifest, ResourceType


@dataclass(frozen=True)
class Create:
    """Make an object of a deterministic name; one that is there already is as good."""

    resource: ResourceType
    namespace: str | None
    manifest: Manifest


@dataclass(frozen=True)
class Delete:
    """Remove an object; one that is gone already is as good."""

    resource: ResourceType
    namespace: str | None
    name: str
    uid: str | None = None


@dataclass(frozen=True)
class SetFinalizers:
    """Replace the finalizers of the execution that was observed."""

    finalizers: tuple[str, ...]


Action = Create | Delete | SetFinalizers


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Actions in order, then the status, then the next look.

    The status is written after the actions, so a crash between them repeats the actions, which are
    idempotent; where the status must come first (a slot is taken before a Job exists), the decision
    returns it alone and asks to be called again at once.
    """

    actions: Sequence[Action] = ()
    status: ApiModel | None = None
    requeue_after_seconds: float | None = None
