"""PersistentVolumes that outlived what they were made for: found by their labels, and deleted.

An execution's finalizer deletes its volumes, and a check's end those of the check.  When somebody
removed the finalizer by hand, or deleted a location while it was looked at, they would stay for
ever, because a cluster-scoped object has no owner in a namespace.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from datasync_operator.cluster.errors import NotFound
from datasync_operator.cluster.port import EXECUTIONS, LOCATIONS, VOLUMES, Cluster
from datasync_operator.decide import naming

_UIDS: Final = (naming.EXECUTION_UID_LABEL, naming.CHECK_UID_LABEL)


def orphans(volumes: Sequence[Mapping[str, Any]], living: set[str]) -> list[str]:
    """Names of our volumes whose execution or check (by uid) is not among the living."""
    return [
        volume["metadata"]["name"]
        for volume in volumes
        if living.isdisjoint(volume["metadata"].get("labels", {}).get(label) for label in _UIDS)
        and "deletionTimestamp" not in volume["metadata"]
    ]


async def sweep_volumes(cluster: Cluster) -> list[str]:
    """Delete the orphans; the names of what was deleted."""
    # Volumes first: one that is made after this list belongs to a run or a check of the next.
    volumes = await cluster.list(VOLUMES, None, labels=naming.MANAGED_BY)
    if not volumes:
        return []
    living = {run["metadata"]["uid"] for run in await cluster.list(EXECUTIONS, None)}
    for location in await cluster.list(LOCATIONS, None):
        if check := location.get("status", {}).get("ongoingCheck"):
            uid = location["metadata"]["uid"]
            living.add(naming.check(uid, check["generation"], check["tag"]))
    names = orphans(volumes, living)
    for name in names:
        try:
            await cluster.delete(VOLUMES, None, name)
        except NotFound:
            continue
    return names
