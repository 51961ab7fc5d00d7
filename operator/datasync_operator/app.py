"""The composition root: builds the parts, owns their lives, and ends when one of them ends."""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from datasync_operator.cluster.errors import ClusterError
from datasync_operator.cluster.kube import connect
from datasync_operator.cluster.port import Cluster
from datasync_operator.exchange import Exchange
from datasync_operator.exchange_key import installation_key
from datasync_operator.keys import ObjectKey
from datasync_operator.objects import list_keys
from datasync_operator.observe import Observer
from datasync_operator.queue import WorkQueue, worker
from datasync_operator.reconcile import Reconciler
from datasync_operator.settings import Settings
from datasync_operator.sweep import sweep_volumes
from datasync_operator.watch import build_login, build_registry, run_watches

_log = logging.getLogger(__name__)
_RESYNC_SECONDS: Final = 300.0
_STUCK_SECONDS: Final = 120.0


class StuckError(Exception):
    """Keys have been due for so long that the loop must be taken for dead."""


async def run(settings: Settings, *, kubeconfig: str | None = None) -> None:
    """Serve until told to stop.

    Raises: ClusterError when the API server cannot be reached at the start; whatever ends a watch.
    """
    cluster = await connect(kubeconfig)
    exchange = Exchange(await installation_key(cluster, settings), settings.exchange_port)
    observer = Observer(cluster, exchange, clusterwide=settings.clusterwide)
    reconcile = Reconciler(cluster, observer, settings)
    queue = WorkQueue()

    def failed(key: ObjectKey, error: Exception) -> None:
        expected = isinstance(error, ClusterError)
        _log.warning("%s: %s; trying again", key, error, exc_info=None if expected else error)

    def healthy() -> str:
        lag = queue.lag()
        if lag > _STUCK_SECONDS:
            raise StuckError(f"a key has been due for {lag:.0f} s")
        return "ok"

    # Started before kopf, which takes tasks made after its own start for its own and cancels them.
    background = [
        asyncio.create_task(worker(queue, reconcile, failed), name=f"worker-{number}")
        for number in range(settings.workers)
    ]
    background.append(asyncio.create_task(_resync(queue, cluster, settings), name="resync"))
    if settings.clusterwide:
        background.append(asyncio.create_task(_sweep(cluster), name="sweep"))
    registry = build_registry(queue.add, build_login(settings.api_server), healthy)
    try:
        watches = asyncio.create_task(run_watches(registry, settings), name="watches")
        ended, _ = await asyncio.wait([watches, *background], return_when=asyncio.FIRST_COMPLETED)
        watches.cancel()
        for task in ended:
            task.result()
    finally:
        for task in background:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*background, return_exceptions=True)
        await exchange.close()
        await cluster.close()


async def _resync(queue: WorkQueue, cluster: Cluster, settings: Settings) -> None:
    """Look at everything at the start and now and then, whatever the watches tell or miss."""
    while True:
        try:
            for key in await list_keys(cluster, settings.watch_namespaces):
                await queue.add(key)
        except ClusterError as error:
            _log.warning("cannot list what there is: %s", error)
        await asyncio.sleep(_RESYNC_SECONDS)


async def _sweep(cluster: Cluster) -> None:
    while True:
        try:
            for name in await sweep_volumes(cluster):
                _log.info("deleted the orphaned PersistentVolume %s", name)
        except ClusterError as error:
            _log.warning("cannot look for orphaned volumes: %s", error)
        await asyncio.sleep(_RESYNC_SECONDS)
