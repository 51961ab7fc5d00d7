"""The start of a check that has its slot: what its pod needs, and the Job."""

from datetime import datetime
from typing import Final

from datasync_api.conditions import Reason
from datasync_api.location import Location
from datasync_api.location_check import OngoingCheck
from datasync_operator.cluster.port import CLAIMS, JOBS, VOLUMES
from datasync_operator.decide.check_job import check_job
from datasync_operator.decide.check_step import LOOK_SECONDS, CheckView, Step, answered, past
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.persistent_volumes import needs_volume, volume_and_claim
from datasync_operator.decide.plan import Action, Create
from datasync_operator.settings import Settings

_BIND_SECONDS: Final = 0.2


def launch(
    location: Location, going: OngoingCheck, seen: CheckView, settings: Settings, now: datetime
) -> Step:
    """Make the volume, then its claim and the Job, as for a run.

    | agent | service accounts | volume | step |
    |---|---|---|---|
    | deleted meanwhile | any | any | the answer: AgentNotFound |
    | any | two | any | the answer: ConflictingIdentities |
    | any | one, none | may not be made in this install | the answer: InvalidSpec |
    | any | one, none | to be made | make it, look again soon |
    | any | one, none | none, or taken up | claim and Job |
    | any | any | any, past the launch deadline | the answer: LaunchDeadlineExceeded |
    """
    if going.agent is not None and seen.agent is None:
        text = f"its DataSyncAgent {going.agent} was deleted: create it again"
        return answered(going, (Reason.AGENT_NOT_FOUND, text), now)
    agent = seen.agent.spec if seen.agent else None
    asked_for = (
        location.spec.s3.service_account_name if location.spec.s3 else None,
        agent.service_account_name if agent else None,
    )
    accounts = {name for name in asked_for if name}
    if len(accounts) > 1:
        text = (
            f"the location and agent {going.agent} name different service accounts "
            f"({', '.join(sorted(accounts))}), a pod has one: use a credentialsSecretRef"
        )
        return answered(going, (Reason.CONFLICTING_IDENTITIES, text), now)
    if needs_volume(location.spec) and not settings.clusterwide:
        text = (
            "this installation watches single namespaces and may not make PersistentVolumes: make "
            f"one for {location.spec.uri} yourself and use a persistentVolumeClaim location"
        )
        return answered(going, (Reason.INVALID_SPEC, text), now)
    assert going.launch_time is not None  # noqa: S101 - who is launched has it
    if past(going.launch_time, settings.launch_deadline_seconds, now):
        text = (
            f"there is no Job of the check {settings.launch_deadline_seconds} s after it was to "
            "begin: Kubernetes refused it or its volume (see the operator's log, quotas and "
            "admission policies of the namespace), it was deleted from outside, or the operator "
            "was away; set another spec.check"
        )
        return answered(going, (Reason.LAUNCH_DEADLINE_EXCEEDED, text), now)
    owner, namespace = Owner.of_check(location, going), location.metadata.namespace
    pair = volume_and_claim(owner, location.spec, "source")
    actions: list[Action] = []
    if pair is not None:
        volume, claim = pair
        name = volume["metadata"]["name"]
        if name not in seen.bindable_volumes:
            made = [] if name in seen.volume_names else [Create(VOLUMES, None, volume)]
            return Step(actions=made, ongoing=going, requeue_after_seconds=_BIND_SECONDS)
        actions.append(Create(CLAIMS, namespace, claim))
    job = check_job(owner, location.spec, seen.agent, sorted(accounts), settings)
    actions.append(Create(JOBS, namespace, job))
    return Step(actions=actions, ongoing=going, requeue_after_seconds=LOOK_SECONDS)
