"""From a location that is to be looked at to everything that the next step of the check needs."""

from datasync_api.agent import Agent
from datasync_api.location import Location
from datasync_operator.cluster.errors import NotFound
from datasync_operator.cluster.port import AGENTS, VOLUMES, Cluster, Manifest
from datasync_operator.decide.check import current, is_asked
from datasync_operator.decide.check_job import job_name
from datasync_operator.decide.check_step import CheckView
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.persistent_volumes import needs_volume
from datasync_operator.jobs import bindable, job_of, pods_of, warnings
from datasync_operator.objects import Objects


async def observe_check(
    cluster: Cluster, objects: Objects, location: Location, *, clusterwide: bool
) -> CheckView:
    """What there is of the check; nothing is asked where none is to be made."""
    if not is_asked(location):
        return CheckView()
    namespace, going = location.metadata.namespace, current(location)
    if going is None or going.launch_time is None:
        ledger = await objects.ledger(namespace)
        return CheckView(verdict=ledger.check_verdict(location))
    owner, agent = Owner.of_check(location, going), None
    if going.agent is not None:
        try:
            agent = await objects.get(AGENTS, Agent, namespace, going.agent)
        except NotFound:
            agent = None
    job = await job_of(cluster, namespace, job_name(owner))
    pods = await pods_of(cluster, namespace, owner.selector)
    volumes: list[Manifest] = []
    if job is None and clusterwide and needs_volume(location.spec):
        volumes += await cluster.list(VOLUMES, None, labels=owner.selector)
    return CheckView(
        agent=agent,
        job=job,
        pods=pods,
        events=await warnings(cluster, namespace, job, pods),
        volume_names=[volume["metadata"]["name"] for volume in volumes],
        bindable_volumes=bindable(volumes),
    )
