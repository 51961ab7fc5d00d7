"""The Job of a run and what it mounts, as manifests.

The exit codes in the Job's failure policy come from the same table that the runner uses.
"""

from typing import Any, Final

from datasync_api.agent import AgentSpec
from datasync_api.execution import Execution
from datasync_api.exit_codes import FAIL_JOB
from datasync_api.plan import TransferPlan
from datasync_operator.decide import naming, pods, volumes
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.recipe import EXCHANGE_FOLDER, MANIFEST_FOLDER, Recipe
from datasync_operator.settings import Settings

Manifest = dict[str, Any]
_PLAN_FOLDER: Final = "/etc/datasync/plan"


def plan_config_map(execution: Execution, plan: TransferPlan) -> Manifest:
    """The plan as an immutable ConfigMap: a later change of the task cannot blur what ran."""
    return {
        **Owner.of_run(execution).made("v1", "ConfigMap", plan_name(execution)),
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
        **Owner.of_run(execution).made("v1", "Secret", token_name(execution)),
        "type": "Opaque",
        "immutable": True,
        "stringData": {"token": token},
    }


def job(execution: Execution, recipe: Recipe, settings: Settings, *, attempt: int) -> Manifest:
    """The Job of one attempt."""
    meta, owner = execution.metadata, Owner.of_run(execution)
    agent = recipe.agent.spec if recipe.agent else AgentSpec()
    deadline = recipe.task.spec.deadline_seconds
    runner = pods.Runner(
        arguments=["--plan", f"{_PLAN_FOLDER}/plan.json"],
        parts=[
            *_own_parts(execution),
            pods.TEMPORARY,
            *(volumes.pod_parts(owner, spec, side) for side, spec in recipe.sides().items()),
            volumes.manifest_parts(recipe.task.spec.transfer_manifest, MANIFEST_FOLDER),
        ],
        accounts=recipe.service_accounts(),
        added=_capabilities(recipe, agent),
        ports=[{"name": "exchange", "containerPort": settings.exchange_port}],
        annotations={},
    )
    return pods.job(
        owner,
        naming.job(meta.name, meta.uid, attempt),
        agent,
        runner,
        settings,
        backoffLimit=recipe.task.spec.retry.limit,
        podReplacementPolicy="Failed",  # never two pods that write to one destination
        podFailurePolicy={"rules": failure_rules()},
        **({"activeDeadlineSeconds": deadline} if deadline is not None else {}),
    )


def failure_rules() -> list[Manifest]:
    """First match wins; whatever is not named counts towards the back-off limit."""
    values = sorted(int(code) for code in FAIL_JOB)
    codes = {"containerName": pods.CONTAINER, "operator": "In", "values": values}
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    return [
        {"action": "FailJob", "onExitCodes": codes},
        {"action": "Ignore", "onPodConditions": disrupted},  # a drained node is nobody's fault
    ]


def _own_parts(execution: Execution) -> list[volumes.PodParts]:
    """The plan, and the token of the exchange."""
    plan = {"name": "plan", "configMap": {"name": plan_name(execution)}}
    token = {"name": "exchange", "secret": {"secretName": token_name(execution)}}
    return [
        volumes.PodParts((volume,), ({"name": name, "mountPath": folder, "readOnly": True},))
        for name, volume, folder in (
            ("plan", plan, _PLAN_FOLDER),
            ("exchange", token, EXCHANGE_FOLDER),
        )
    ]


def _capabilities(recipe: Recipe, spec: AgentSpec) -> tuple[str, ...]:
    """What the agent grants; to make device nodes only where a task asks for them.

    | privileges | preserveDevices | added |
    |---|---|---|
    | PreserveOwnership | Preserve | MKNOD beside the others |
    | any | any | the agent's alone |
    """
    granted = pods.CAPABILITIES[spec.privileges]
    devices = recipe.task.spec.options.preserve_devices == "Preserve"
    return (*granted, "MKNOD") if devices and spec.privileges == "PreserveOwnership" else granted
