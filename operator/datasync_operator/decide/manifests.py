"""The Job of a run and what it mounts, as manifests: restricted pods without a token.

The exit codes in the Job's failure policy come from the same table that the runner uses.
"""

from typing import Any, Final

from datasync_api.agent import AgentSpec
from datasync_api.execution import Execution
from datasync_api.exit_codes import FAIL_JOB
from datasync_api.plan import TransferPlan
from datasync_operator.decide import naming, network, volumes
from datasync_operator.decide.recipe import EXCHANGE_FOLDER, MANIFEST_FOLDER, Recipe
from datasync_operator.settings import Settings

Manifest = dict[str, Any]
CONTAINER: Final = "runner"
_PLAN_FOLDER: Final = "/etc/datasync/plan"
_TERMINATION_LOG: Final = "/dev/termination-log"
_CAPABILITIES: Final = {
    "Restricted": (),
    "ReadAll": ("DAC_READ_SEARCH",),
    "PreserveOwnership": ("CHOWN", "DAC_OVERRIDE", "FOWNER"),
}


def plan_config_map(execution: Execution, plan: TransferPlan) -> Manifest:
    """The plan as an immutable ConfigMap: a later change of the task cannot blur what ran."""
    return {
        **_child(execution, "v1", "ConfigMap", plan_name(execution)),
        "immutable": True,
        "data": {"plan.json": plan.text()},
    }


def plan_name(execution: Execution) -> str:
    """The name of the plan's ConfigMap; another one where the plan has a token."""
    meta, token = execution.metadata, execution.status.acknowledged
    if not token:
        return naming.child(meta.name, meta.uid, "plan")
    return naming.child(meta.name, meta.uid, f"plan-{naming.short_hash(token)}")


def token_name(execution: Execution) -> str:
    """The name of the Secret with the exchange token."""
    return naming.child(execution.metadata.name, execution.metadata.uid, "exchange")


def token_secret(execution: Execution, token: str) -> Manifest:
    """The Secret with the token that the runner asks the operator for."""
    return {
        **_child(execution, "v1", "Secret", token_name(execution)),
        "type": "Opaque",
        "immutable": True,
        "stringData": {"token": token},
    }


def job(execution: Execution, recipe: Recipe, settings: Settings, *, attempt: int) -> Manifest:
    """The Job of one attempt."""
    meta = execution.metadata
    spec = recipe.agent.spec if recipe.agent else AgentSpec()
    manifest = _child(execution, "batch/v1", "Job", naming.job(meta.name, meta.uid, attempt))
    deadline = recipe.task.spec.deadline_seconds
    labels = {**spec.pod_labels, **naming.labels(meta.uid)}
    annotations = {**spec.pod_annotations, naming.EXECUTION_ANNOTATION: meta.name}
    if spec.queue_name:
        manifest["metadata"]["labels"][naming.KUEUE_QUEUE_LABEL] = spec.queue_name
    return {
        **manifest,
        "spec": {
            "backoffLimit": recipe.task.spec.retry.limit,
            "podReplacementPolicy": "Failed",  # never two pods that write to one destination
            "podFailurePolicy": {"rules": _failure_rules()},
            **({"activeDeadlineSeconds": deadline} if deadline is not None else {}),
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": _pod(execution, recipe, spec, settings),
            },
        },
    }


def _failure_rules() -> list[Manifest]:
    """First match wins; whatever is not named counts towards the back-off limit."""
    values = sorted(int(code) for code in FAIL_JOB)
    codes = {"containerName": CONTAINER, "operator": "In", "values": values}
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    return [
        {"action": "FailJob", "onExitCodes": codes},
        {"action": "Ignore", "onPodConditions": disrupted},  # a drained node is nobody's fault
    ]


def _pod(execution: Execution, recipe: Recipe, spec: AgentSpec, settings: Settings) -> Manifest:
    parts = [
        *(volumes.pod_parts(execution, spec, side) for side, spec in recipe.sides().items()),
        volumes.manifest_parts(recipe.task.spec.transfer_manifest, MANIFEST_FOLDER),
        network.parts(spec),
    ]
    accounts = recipe.service_accounts()
    return _present(
        {
            "restartPolicy": "Never",  # OnFailure would lose the last words of a failed attempt
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 30,
            "serviceAccountName": next(iter(accounts), None),
            "securityContext": _pod_security(spec),
            "nodeSelector": spec.node_selector,
            "affinity": spec.affinity.manifest() if spec.affinity else None,
            "tolerations": [_toleration(t.manifest()) for t in spec.tolerations],
            "imagePullSecrets": [ref.manifest() for ref in spec.image_pull_secrets],
            "priorityClassName": spec.priority_class_name,
            "runtimeClassName": spec.runtime_class_name,
            "containers": [_container(recipe, spec, settings, parts)],
            "volumes": [
                {"name": "plan", "configMap": {"name": plan_name(execution)}},
                {"name": "exchange", "secret": {"secretName": token_name(execution)}},
                {"name": "tmp", "emptyDir": {}},
                *(volume for part in parts for volume in part.volumes),
            ],
        }
    )


def _container(
    recipe: Recipe, spec: AgentSpec, settings: Settings, parts: list[volumes.PodParts]
) -> Manifest:
    added = _capabilities(recipe, spec)
    capabilities: Manifest = {"drop": ["ALL"], **({"add": list(added)} if added else {})}
    variables = network.environment(spec)
    return {
        "name": CONTAINER,
        "image": settings.runner_image,
        "imagePullPolicy": settings.runner_image_pull_policy,
        "args": ["--plan", f"{_PLAN_FOLDER}/plan.json", "--result", _TERMINATION_LOG],
        **({"env": variables} if variables else {}),
        "ports": [{"name": "exchange", "containerPort": settings.exchange_port}],
        "resources": spec.resources.manifest(),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": capabilities,
        },
        "terminationMessagePath": _TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "plan", "mountPath": _PLAN_FOLDER, "readOnly": True},
            {"name": "exchange", "mountPath": EXCHANGE_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
            *(mount for part in parts for mount in part.mounts),
        ],
    }


def _capabilities(recipe: Recipe, spec: AgentSpec) -> tuple[str, ...]:
    """What the agent grants; to make device nodes only where a task asks for them.

    | privileges | preserveDevices | added |
    |---|---|---|
    | PreserveOwnership | Preserve | MKNOD beside the others |
    | any | any | the agent's alone |
    """
    granted = _CAPABILITIES[spec.privileges]
    devices = recipe.task.spec.options.preserve_devices == "Preserve"
    return (*granted, "MKNOD") if devices and spec.privileges == "PreserveOwnership" else granted


def _pod_security(spec: AgentSpec) -> Manifest:
    """Non-root by default; capabilities work for uid 0 only, Kubernetes has no ambient ones."""
    root = spec.privileges != "Restricted"
    user = 0 if root else spec.run_as_user
    return _present(
        {
            "runAsNonRoot": user != 0,
            "runAsUser": user,
            "runAsGroup": spec.run_as_group,
            "supplementalGroups": spec.supplemental_groups,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    )


def _child(execution: Execution, api_version: str, kind: str, name: str) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": execution.metadata.namespace,
            "labels": naming.labels(execution.metadata.uid),
            "annotations": {naming.EXECUTION_ANNOTATION: execution.metadata.name},
            "ownerReferences": [execution.owner_reference()],
        },
    }


def _toleration(manifest: Manifest) -> Manifest:
    return {key: value for key, value in manifest.items() if value != ""}


def _present(manifest: Manifest) -> Manifest:
    """Without what is unset: None and empty lists and maps."""
    return {key: value for key, value in manifest.items() if value not in (None, [], {}, ())}
