"""A plan carried out: calls on the Cluster port, in order, each safe to repeat."""

from datasync_api.meta import Resource
from datasync_operator.cluster.errors import AlreadyExists, Conflict, NotFound
from datasync_operator.cluster.port import EXECUTIONS, Cluster, ResourceType
from datasync_operator.decide.plan import Action, Create, Delete, Plan, SetFinalizers


async def apply_plan(
    cluster: Cluster, resource: ResourceType, seen: Resource, plan: Plan, *, version: str = ""
) -> None:
    """Carry out the actions, then write the status if it says something new.

    Raises: Conflict when the object moved meanwhile (observe again), Refused, Denied, Unavailable.
    """
    for action in plan.actions:
        await _act(cluster, seen, action, version)
    if plan.status is None:
        return
    wanted = plan.status.manifest()
    known = getattr(seen, "status").manifest()  # noqa: B009 - each kind has its own status model
    if wanted == known:
        return
    try:
        await cluster.apply_status(resource, seen.metadata.namespace, seen.metadata.name, wanted)
    except NotFound:  # deleted meanwhile: nobody is left to tell
        return


async def _act(cluster: Cluster, seen: Resource, action: Action, version: str) -> None:
    meta = seen.metadata
    match action:
        case Create(resource, namespace, manifest):
            try:
                await cluster.create(resource, namespace, manifest)
            except AlreadyExists:  # the name says what it is: an earlier try made it
                return
        case Delete(resource, namespace, name, uid):
            try:
                await cluster.delete(resource, namespace, name, uid=uid)
            except (NotFound, Conflict):  # gone, or another object of the same name
                return
        case SetFinalizers(finalizers):
            await cluster.set_finalizers(
                EXECUTIONS, meta.namespace, meta.name, finalizers, resource_version=version
            )
