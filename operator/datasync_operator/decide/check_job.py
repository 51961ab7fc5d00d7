"""The Job that looks at one location: the pod of a run that reads there, for one short question.

Its plan is small and comes in the pod's own annotation: a ConfigMap would have to be deleted too,
and that right the operator has not.
"""

from collections.abc import Collection
from typing import Any, Final

from datasync_api.agent import Agent, AgentSpec
from datasync_api.check_plan import CheckPlan
from datasync_api.location import LocationSpec
from datasync_api.sides import plan_side
from datasync_operator.decide import naming, pods, volumes
from datasync_operator.decide.manifests import failure_rules
from datasync_operator.decide.owner import Owner
from datasync_operator.settings import Settings

ANSWER_SECONDS: Final = 300
"""How long a runner that runs may take to say whether the location can be used; a server that is
away is asked five times, which takes about a minute."""
_ANNOTATION: Final = f"{naming.LOCATION_ANNOTATION}-check"
_FOLDER: Final = "/etc/datasync/plan"
_FILE: Final = "check.json"


def job_name(owner: Owner) -> str:
    """The name of a check's Job."""
    return naming.job(owner.name, owner.uid, "check")


def check_job(
    owner: Owner,
    spec: LocationSpec,
    agent: Agent | None,
    accounts: Collection[str],
    settings: Settings,
) -> dict[str, Any]:
    """The Job; the location is mounted and read as a source: whether it is one is not known."""
    wanted = agent.spec if agent else AgentSpec()
    plan = CheckPlan(uid=owner.uid, location=plan_side(spec, volumes.places("source")))
    runner = pods.Runner(
        arguments=["--check", f"{_FOLDER}/{_FILE}"],
        parts=[_plan_parts(), pods.TEMPORARY, volumes.pod_parts(owner, spec, "source")],
        accounts=accounts,
        added=pods.CAPABILITIES[wanted.privileges],
        annotations={_ANNOTATION: plan.text()},
    )
    return pods.job(
        owner,
        job_name(owner),
        wanted,
        runner,
        settings,
        backoffLimit=0,  # the runner is patient itself
        podReplacementPolicy="Failed",
        podFailurePolicy={"rules": failure_rules()},
        # For the day on which no operator is there to end it.
        activeDeadlineSeconds=settings.launch_deadline_seconds + ANSWER_SECONDS,
    )


def _plan_parts() -> volumes.PodParts:
    field = {"fieldPath": f"metadata.annotations['{_ANNOTATION}']"}
    volume = {"name": "plan", "downwardAPI": {"items": [{"path": _FILE, "fieldRef": field}]}}
    return volumes.PodParts((volume,), ({"name": "plan", "mountPath": _FOLDER, "readOnly": True},))
