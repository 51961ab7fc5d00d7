"""kopf as an informer: its handlers put keys on the queue and do nothing else.

The only importer of kopf.  `on.event` writes nothing on the objects, no annotation and no
finalizer, and is called for every object at the start and for every change.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import kopf

from datasync_api import GROUP, VERSION
from datasync_operator.decide import naming
from datasync_operator.keys import Kind, ObjectKey
from datasync_operator.settings import Settings

Wake = Callable[[ObjectKey], Awaitable[None]]
Body = Mapping[str, Any]

_PLURALS: Final = {kind: f"{kind.lower()}s" for kind in Kind}
_OWNERS: Final = {
    Kind.EXECUTION: naming.EXECUTION_ANNOTATION,
    Kind.LOCATION: naming.LOCATION_ANNOTATION,
}
_OWNED: Final = (("batch", "v1", "jobs"), ("", "v1", "pods"))


def keys_of(kind: Kind, body: Body) -> list[ObjectKey]:
    """What to look at when one of our objects moved.

    | moved | looked at |
    |---|---|
    | agent, location | itself |
    | task | itself, its locations: they tell who uses them |
    | execution | itself, its task, the agent that it runs on, the locations that it has looked at |
    """
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    keys = [ObjectKey(kind, namespace, name)]
    if kind is Kind.TASK:
        ends = (
            _dig(body, "spec", *path, "name")
            for path in (
                ("sourceLocationRef",),
                ("destinationLocationRef",),
                ("report", "locationRef"),
                ("manifest", "s3", "locationRef"),
            )
        )
        keys += [ObjectKey(Kind.LOCATION, namespace, end) for end in ends if end]
    if kind is Kind.EXECUTION:
        if task := _dig(body, "spec", "taskRef", "name"):
            keys.append(ObjectKey(Kind.TASK, namespace, task))
        if agent := _dig(body, "status", "resolved", "agent"):
            keys.append(ObjectKey(Kind.AGENT, namespace, agent))
        for end in ("source", "destination"):
            location = _dig(body, "status", "resolved", f"{end}Location", "name")
            if location and _dig(body, "status", "preflight", end):
                keys.append(ObjectKey(Kind.LOCATION, namespace, location))
    return keys


def key_of_owned(body: Body) -> ObjectKey | None:
    """The execution that a Job or a pod was made for, or the location that it looks at."""
    for kind, annotation in _OWNERS.items():
        if name := _dig(body, "metadata", "annotations", annotation):
            return ObjectKey(kind, body["metadata"]["namespace"], name)
    return None


def _dig(body: Body, *path: str) -> str | None:
    node: Any = body
    for name in path:
        node = node.get(name) or {}
    return node or None


def build_registry(
    wake: Wake, login: Callable[..., kopf.ConnectionInfo | None], healthy: Callable[[], str]
) -> kopf.OperatorRegistry:
    """Handlers for all that is watched; composed here, without import side effects.

    `healthy` raises when the operator's own loop is stuck; kopf's liveness endpoint then says 500.
    """
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(login)

    for kind, plural in _PLURALS.items():

        async def moved(body: kopf.Body, _kind: Kind = kind, **_: Any) -> None:
            for key in keys_of(_kind, body):
                await wake(key)

        kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"wake-{plural}")(moved)

    async def owned_moved(body: kopf.Body, **_: Any) -> None:
        if (key := key_of_owned(body)) is not None:
            await wake(key)

    for group, version, plural in _OWNED:
        kopf.on.event(
            group,
            version,
            plural,
            registry=registry,
            id=f"wake-{plural}",
            labels=naming.MANAGED_BY,
        )(owned_moved)

    async def probe(**_: Any) -> str:
        return healthy()

    kopf.on.probe(registry=registry, id="loop", errors=kopf.ErrorsMode.PERMANENT)(probe)
    return registry


def configure(settings: kopf.OperatorSettings) -> None:
    """kopf's settings: only watch, never write, never wait for ever."""
    settings.peering.standalone = True
    settings.scanning.disabled = True  # no list/watch on CRDs and namespaces
    settings.posting.enabled = False
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.watching.connect_timeout = 10
    settings.watching.server_timeout = 10 * 60
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = 500
    for group, version, plural in _OWNED:
        selector = ",".join(f"{key}={value}" for key, value in naming.MANAGED_BY.items())
        settings.watching.label_selectors[group, version, plural] = selector
    settings.process.ultimate_exiting_timeout = 30


async def run_watches(registry: kopf.OperatorRegistry, settings: Settings) -> None:
    """Watch until the process is told to stop; ends with an error when a watch cannot go on."""
    kopf_settings = kopf.OperatorSettings()
    configure(kopf_settings)
    await kopf.operator(
        registry=registry,
        settings=kopf_settings,
        clusterwide=settings.clusterwide,
        namespaces=settings.watch_namespaces,
        liveness_endpoint=f"http://0.0.0.0:{settings.liveness_port}/healthz",
        standalone=True,
    )


def build_login(api_server: str | None) -> Callable[..., kopf.ConnectionInfo | None]:
    """By the pod's service account at this address, or by a kubeconfig outside of a cluster.

    kopf itself asks the cluster's DNS for the API server; the address that the kubelet gives to
    every pod works without it.
    """

    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        pod = kopf.login_with_service_account(**kwargs)
        if pod is None:
            return kopf.login_with_kubeconfig(**kwargs)
        return dataclasses.replace(pod, server=api_server) if api_server else pod

    return login
