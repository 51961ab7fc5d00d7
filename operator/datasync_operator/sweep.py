"""PersistentVolumes that outlived their execution: found by their labels, and deleted.

An execution's finalizer deletes its volumes.  When somebody removed the finalizer by hand they
would stay for ever, because a cluster-scoped object has no owner in a namespace.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from datasync_operator.cluster.errors import NotFound
from datasync_operator.cluster.port import EXECUTIONS, VOLUMES, Cluster
from datasync_operator.decide import naming


def orphans(volumes: Sequence[Mapping[str, Any]], living: set[str]) -> list[str]:
    """Names of our volumes whose execution (by uid) is not among the living."""
    return [
        volume["metadata"]["name"]
        for volume in volumes
        if volume["metadata"].get("labels", {}).get(naming.EXECUTION_UID_LABEL) not in living
        and "deletionTimestamp" not in volume["metadata"]
    ]


async def sweep_volumes(cluster: Cluster) -> list[str]:
    """Delete the orphans; the names of what was deleted."""
    # Volumes first: one that is made after this list belongs to an execution of the next.
    volumes = await cluster.list(VOLUMES, None, labels=naming.MANAGED_BY)
    if not volumes:
        return []
    executions = await cluster.list(EXECUTIONS, None)
    names = orphans(volumes, {run["metadata"]["uid"] for run in executions})
    for name in names:
        try:
            await cluster.delete(VOLUMES, None, name)
        except NotFound:
            continue
    return names
