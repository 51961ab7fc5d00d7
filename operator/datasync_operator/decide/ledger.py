"""Who may run now: one run a task, a cap an agent, first come first served.

The ledger is rebuilt from the live executions each time, so a restart forgets nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from datasync_api.agent import Agent
from datasync_api.conditions import Reason
from datasync_api.execution import Execution, Phase
from datasync_api.location import Location
from datasync_api.task import Task
from datasync_operator.decide.drivers import driver_of
from datasync_operator.decide.order import comes_first
from datasync_operator.decide.windows import paused


@dataclass(frozen=True)
class Admitted:
    """The run may start, on this agent, or on none where its locations name none."""

    agent: str | None


@dataclass(frozen=True)
class Waiting:
    """The run has to wait, for the reason given."""

    reason: Reason
    message: str


Verdict = Admitted | Waiting


def candidates(source: Location, destination: Location) -> tuple[str, ...] | None:
    """Agents that reach both ends, in the order of preference; None where no agent is asked for.

    | source's agents | destination's agents | candidates |
    |---|---|---|
    | none | none | none asked for |
    | a, b | none | a, b |
    | none | b | b |
    | a, b | b, c | b |
    | a | c | empty: no agent reaches both |
    """
    one = [ref.name for ref in source.spec.agent_refs]
    other = [ref.name for ref in destination.spec.agent_refs]
    if not one and not other:
        return None
    if one and other:
        return tuple(name for name in one if name in other)
    return tuple(one or other)


@dataclass(frozen=True)
class Ledger:
    """The executions, tasks, locations and agents of one namespace, at one moment."""

    executions: Sequence[Execution]
    tasks: Mapping[str, Task]
    locations: Mapping[str, Location]
    agents: Mapping[str, Agent]
    missing_drivers: Collection[str] = ()
    """CSI drivers that locations here need and the cluster does not have, by name."""

    def verdict(self, uid: str, *, now: datetime) -> Verdict:
        """Whether the queued execution may start now.

        All that wait are let in one after another, oldest first, as far as there is room; a run
        that cannot start does not hold back those behind it that can.
        """
        used = dict.fromkeys(self.agents, 0)
        busy: dict[str, str] = {}
        for run in self.executions:
            if run.phase.active:
                busy[run.spec.task_ref.name] = run.metadata.name
                if run.status.resolved and run.status.resolved.agent in used:
                    used[run.status.resolved.agent] += 1
        for ahead, run in enumerate(sorted(self._waiting(), key=_arrival)):
            answer = self._place(run, busy, used, now)
            if run.metadata.uid == uid:
                if isinstance(answer, Waiting) and ahead:
                    return Waiting(answer.reason, f"{answer.message}; {ahead} ahead in the queue")
                return answer
            if isinstance(answer, Admitted):
                busy[run.spec.task_ref.name] = run.metadata.name
                if answer.agent is not None:
                    used[answer.agent] += 1
        return Waiting(Reason.WAITING_FOR_SLOT, "the execution is not in the queue yet")

    def active_run_of(self, task: str, *, but: str) -> str | None:
        """The name of another run of the task that is active or waits ahead, if there is one.

        A run that is Held is neither: nothing of it goes on before somebody says so.
        """
        rivals = [
            run
            for run in self.executions
            if run.spec.task_ref.name == task
            and (run.phase.active or run.phase is Phase.QUEUED)
            and run.metadata.name != but
        ]
        mine = next((run for run in self.executions if run.metadata.name == but), None)
        for run in sorted(rivals, key=_arrival):
            if run.phase.active or mine is None or _arrival(run) < _arrival(mine):
                return run.metadata.name
        return None

    def _waiting(self) -> list[Execution]:
        return [
            run
            for run in self.executions
            if run.phase is Phase.QUEUED
            and not run.spec.cancel
            and run.metadata.deletion_timestamp is None
        ]

    def _place(
        self, run: Execution, busy: Mapping[str, str], used: Mapping[str, int], now: datetime
    ) -> Verdict:
        task = self.tasks.get(run.spec.task_ref.name)
        if task is None:
            return Waiting(Reason.TASK_NOT_FOUND, "its task does not exist")
        if (running := busy.get(task.metadata.name)) is not None:
            return Waiting(
                Reason.WAITING_FOR_SLOT,
                f"execution {running} of this task is still active; one runs at a time",
            )
        if text := paused(run, task, now=now):
            return Waiting(Reason.PAUSED, text)
        if run.spec.mode == "Transfer" and (first := comes_first(task, self.tasks)):
            return Waiting(*first)
        ends = [
            self.locations.get(ref.name)
            for ref in (task.spec.source_location_ref, task.spec.destination_location_ref)
        ]
        if ends[0] is None or ends[1] is None:
            return Waiting(Reason.LOCATION_NOT_FOUND, "its locations do not exist")
        for end in (ends[0], ends[1]):
            driver = driver_of(end.spec)
            if driver is not None and driver.name in self.missing_drivers:
                where = f"location {end.metadata.name}"
                return Waiting(Reason.DRIVER_NOT_INSTALLED, f"{where}: {driver.missing}")
        return self._agent(candidates(ends[0], ends[1]), used)

    def _agent(self, names: tuple[str, ...] | None, used: Mapping[str, int]) -> Verdict:
        if names is None:
            return Admitted(None)
        if not names:
            return Waiting(
                Reason.AGENT_NOT_FOUND,
                "the two locations have no agent in common: name one agent in both agentRefs",
            )
        known = [self.agents[name] for name in names if name in self.agents]
        if not known:
            return Waiting(
                Reason.AGENT_NOT_FOUND,
                f"no DataSyncAgent {', '.join(names)} in this namespace: create it",
            )
        online = [agent for agent in known if agent.status.connection == "Online"]
        if not online:
            names_known = ", ".join(agent.metadata.name for agent in known)
            return Waiting(
                Reason.WAITING_FOR_AGENT,
                f"no agent is Online ({names_known}): see `kubectl describe dsa` for why",
            )
        for agent in online:
            if used[agent.metadata.name] < agent.spec.max_concurrent_executions:
                return Admitted(agent.metadata.name)
        caps = ", ".join(
            f"{agent.metadata.name} runs {used[agent.metadata.name]} of "
            f"{agent.spec.max_concurrent_executions}"
            for agent in online
        )
        return Waiting(Reason.WAITING_FOR_SLOT, f"no free slot: {caps}")


def _arrival(run: Execution) -> tuple[float, str]:
    created = run.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, run.metadata.name)
