"""One key, once: observe, decide, apply, and say when to look again."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from datasync_api.conditions import find_condition
from datasync_api.execution import ExecutionStatus
from datasync_operator.apply import apply_plan
from datasync_operator.cluster.errors import Conflict, NotFound
from datasync_operator.cluster.port import AGENTS, EXECUTIONS, LOCATIONS, TASKS, Cluster
from datasync_operator.decide.agent import decide_agent
from datasync_operator.decide.execution import decide_execution
from datasync_operator.decide.location import LocationView, decide_location
from datasync_operator.decide.task import decide_task
from datasync_operator.decide.view import ExecutionView
from datasync_operator.keys import Kind, ObjectKey
from datasync_operator.observe import Observer
from datasync_operator.settings import Settings

_log = logging.getLogger(__name__)
_AGAIN_SECONDS = 0.2


def utc_now() -> datetime:
    """The time in UTC, in whole seconds, as Kubernetes writes it."""
    return datetime.now(UTC).replace(microsecond=0)


class Reconciler:
    """Brings the object behind a key one step closer to what its spec asks for."""

    def __init__(
        self,
        cluster: Cluster,
        observer: Observer,
        settings: Settings,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._cluster = cluster
        self._observer = observer
        self._settings = settings
        self._now = now
        # Slots are given out one at a time: two admissions that read the same ledger could both
        # take the last slot.
        self._admission = asyncio.Lock()

    async def __call__(self, key: ObjectKey) -> float | None:
        """Reconcile; the answer is in how many seconds the key wants to be looked at again.

        Raises: ClusterError, for the queue to try again later.
        """
        handlers = {
            Kind.AGENT: self._agent,
            Kind.LOCATION: self._location,
            Kind.TASK: self._task,
            Kind.EXECUTION: self._execution,
        }
        try:
            return await handlers[key.kind](key)
        except NotFound:
            return None
        except Conflict:  # it moved under us: that is a change, not a failure
            return _AGAIN_SECONDS

    async def _agent(self, key: ObjectKey) -> float | None:
        seen = await self._observer.agent(key)
        plan = decide_agent(seen, now=self._now())
        await apply_plan(self._cluster, AGENTS, seen.agent, plan)
        return plan.requeue_after_seconds

    async def _location(self, key: ObjectKey) -> float | None:
        seen = await self._observer.location(key)
        if seen.check.verdict is None:
            return await self._look(seen)
        async with self._admission:
            return await self._look(await self._observer.location(key))

    async def _look(self, seen: LocationView) -> float | None:
        plan = decide_location(seen, self._settings, now=self._now())
        await apply_plan(self._cluster, LOCATIONS, seen.location, plan)
        return plan.requeue_after_seconds

    async def _task(self, key: ObjectKey) -> float | None:
        seen = await self._observer.task(key)
        plan = decide_task(seen, now=self._now())
        await apply_plan(self._cluster, TASKS, seen.task, plan)
        return plan.requeue_after_seconds

    async def _execution(self, key: ObjectKey) -> float | None:
        seen, version = await self._observer.execution(key, now=self._now())
        if seen.ledger is None:
            return await self._step(key, seen, version)
        async with self._admission:
            # as it is now that it is our turn
            seen, version = await self._observer.execution(key, now=self._now())
            return await self._step(key, seen, version)

    async def _step(self, key: ObjectKey, seen: ExecutionView, version: str) -> float | None:
        before = seen.execution.phase
        plan = decide_execution(seen, self._settings, now=self._now())
        await apply_plan(self._cluster, EXECUTIONS, seen.execution, plan, version=version)
        if isinstance(plan.status, ExecutionStatus) and plan.status.phase not in (None, before):
            ready = find_condition(plan.status.conditions, "Ready")
            _log.info(
                "%s: %s -> %s: %s",
                key,
                before,
                plan.status.phase,
                ready.message if ready else "",
            )
        return plan.requeue_after_seconds
