"""The pod of a runner, as a manifest: restricted, without a token, as the agent wants it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from datasync_api.agent import AgentSpec
from datasync_operator.decide import naming, network
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.volumes import PodParts
from datasync_operator.settings import Settings

Manifest = dict[str, Any]
CONTAINER: Final = "runner"
TERMINATION_LOG: Final = "/dev/termination-log"
TEMPORARY: Final = PodParts(
    ({"name": "tmp", "emptyDir": {}},),
    ({"name": "tmp", "mountPath": "/tmp"},),  # noqa: S108 - the pod's own
)
CAPABILITIES: Final = {
    "Restricted": (),
    "ReadAll": ("DAC_READ_SEARCH",),
    "PreserveOwnership": ("CHOWN", "DAC_OVERRIDE", "FOWNER"),
}


@dataclass(frozen=True, kw_only=True)
class Runner:
    """What differs from one runner pod to the next, beside the agent."""

    arguments: Sequence[str]
    parts: Sequence[PodParts]
    """All that is mounted, in the order of the manifest."""
    accounts: Collection[str]
    """The service accounts that its locations and its agent ask for; at most one."""
    added: Sequence[str]
    """Capabilities."""
    ports: Sequence[Manifest] = ()
    annotations: Mapping[str, str]


def job(
    owner: Owner, name: str, agent: AgentSpec, runner: Runner, settings: Settings, **spec: Any
) -> Manifest:
    """A Job of one such pod; `spec`: what else it is to have."""
    manifest = owner.made("batch/v1", "Job", name)
    if agent.queue_name:
        manifest["metadata"]["labels"][naming.KUEUE_QUEUE_LABEL] = agent.queue_name
    annotations = {**agent.pod_annotations, **owner.annotations, **runner.annotations}
    return {
        **manifest,
        "spec": {
            **spec,
            "template": {
                "metadata": {
                    "labels": {**agent.pod_labels, **owner.labels},
                    "annotations": annotations,
                },
                "spec": _pod(agent, runner, settings),
            },
        },
    }


def _pod(agent: AgentSpec, runner: Runner, settings: Settings) -> Manifest:
    parts = (*runner.parts, network.parts(agent))
    return _present(
        {
            "restartPolicy": "Never",  # OnFailure would lose the last words of a failed attempt
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 30,
            "serviceAccountName": next(iter(runner.accounts), None),
            "securityContext": _pod_security(agent),
            "nodeSelector": agent.node_selector,
            "affinity": agent.affinity.manifest() if agent.affinity else None,
            "tolerations": [_toleration(t.manifest()) for t in agent.tolerations],
            "imagePullSecrets": [ref.manifest() for ref in agent.image_pull_secrets],
            "priorityClassName": agent.priority_class_name,
            "runtimeClassName": agent.runtime_class_name,
            "containers": [_container(agent, runner, settings, parts)],
            "volumes": [volume for part in parts for volume in part.volumes],
        }
    )


def _container(
    agent: AgentSpec, runner: Runner, settings: Settings, parts: Sequence[PodParts]
) -> Manifest:
    added = list(runner.added)
    capabilities: Manifest = {"drop": ["ALL"], **({"add": added} if added else {})}
    return _present(
        {
            "name": CONTAINER,
            "image": settings.runner_image,
            "imagePullPolicy": settings.runner_image_pull_policy,
            "args": [*runner.arguments, "--result", TERMINATION_LOG],
            "env": network.environment(agent),
            "ports": list(runner.ports),
            "resources": agent.resources.manifest(),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": capabilities,
            },
            "terminationMessagePath": TERMINATION_LOG,
            "terminationMessagePolicy": "File",
            "volumeMounts": [mount for part in parts for mount in part.mounts],
        }
    )


def _pod_security(agent: AgentSpec) -> Manifest:
    """Non-root by default; capabilities work for uid 0 only, Kubernetes has no ambient ones."""
    root = agent.privileges != "Restricted"
    user = 0 if root else agent.run_as_user
    return _present(
        {
            "runAsNonRoot": user != 0,
            "runAsUser": user,
            "runAsGroup": agent.run_as_group,
            "supplementalGroups": agent.supplemental_groups,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    )


def _toleration(manifest: Manifest) -> Manifest:
    return {key: value for key, value in manifest.items() if value != ""}


def _present(manifest: Manifest) -> Manifest:
    """Without what is unset: None and empty lists and maps."""
    return {key: value for key, value in manifest.items() if value not in (None, [], {}, ())}
