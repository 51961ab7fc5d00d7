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
from datasync_api.overrides import OverridesInvalidError
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


def candidates(*locations: Location) -> tuple[str, ...] | None:
    """Agents that reach all, in the first one's order of preference; None where none is asked for.

    | source's agents | destination's agents | agents of the manifest's or report's | candidates |
    |---|---|---|---|
    | none | none | none | none asked for |
    | a, b | none | none | a, b |
    | none | b | none | b |
    | a, b | b, c | none | b |
    | a, b | none | b | b |
    | none | none | b | b |
    | a | c | none | empty: no agent reaches both |
    """
    named = [
        [ref.name for ref in location.spec.agent_refs]
        for location in locations
        if location.spec.agent_refs
    ]
    if not named:
        return None
    return tuple(name for name in named[0] if all(name in others for others in named[1:]))


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
        used = self._used()
        busy = {
            run.spec.task_ref.name: run.metadata.name for run in self.executions if run.phase.active
        }
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

    def check_verdict(self, location: Location) -> Verdict:
        """Whether a check of the location may start now.

        It takes a slot as a run does, for its pod is as large; but for seconds, so it does not
        stand behind the runs that wait, and where none is free it waits.
        """
        driver = driver_of(location.spec)
        if driver is not None and driver.name in self.missing_drivers:
            return Waiting(Reason.DRIVER_NOT_INSTALLED, driver.missing)
        return self._agent(self._checkers(location), self._used())

    def _checkers(self, location: Location) -> tuple[str, ...] | None:
        """The agents that a check may be placed on; None where none is asked for.

        | the location's agents | tasks that use it, and the agents of their runs | the check's |
        |---|---|---|
        | a, b | any | a, b |
        | none | t1: none, t2: b | b: whose network and identity its runs have |
        | none | t1: none | none asked for |
        """
        if (own := candidates(location)) is not None:
            return own
        for _, task in sorted(self.tasks.items()):
            names = task.spec.location_names()
            places = [self.locations[name] for name in names if name in self.locations]
            if location.metadata.name in names and (found := candidates(*places)):
                return found
        return None

    def _used(self) -> dict[str, int]:
        """How many slots of each agent are taken, by runs and by checks."""
        used = dict.fromkeys(self.agents, 0)
        holders = [
            run.status.resolved.agent
            for run in self.executions
            if run.phase.active and run.status.resolved
        ]
        for location in self.locations.values():
            check = location.status.ongoing_check
            if check is not None and check.launch_time is not None:
                holders.append(check.agent)
        for agent in holders:
            if agent in used:
                used[agent] += 1
        return used

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

    def agents_for(self, run: Execution) -> tuple[str, ...]:
        """Agents that the run may be placed on; none where it needs none, or cannot be placed."""
        task = self.tasks.get(run.spec.task_ref.name)
        places = self._places(run, task) if task is not None else None
        return (candidates(*places) or ()) if isinstance(places, list) else ()

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
        places = self._places(run, task)
        if isinstance(places, Waiting):
            return places
        for place in places:
            driver = driver_of(place.spec)
            if driver is not None and driver.name in self.missing_drivers:
                where = f"location {place.metadata.name}"
                return Waiting(Reason.DRIVER_NOT_INSTALLED, f"{where}: {driver.missing}")
        return self._agent(candidates(*places), used)

    def _places(self, run: Execution, task: Task) -> list[Location] | Waiting:
        """All locations that the run's pod has to reach: its ends, its manifest's, its report's."""
        try:
            names = run.spec.location_names(task.spec)
        except OverridesInvalidError as error:
            return Waiting(Reason.INVALID_SPEC, str(error))
        places = [self.locations[name] for name in names if name in self.locations]
        if len(places) < len(names):
            return Waiting(Reason.LOCATION_NOT_FOUND, "its locations do not exist")
        return places

    def _agent(self, names: tuple[str, ...] | None, used: Mapping[str, int]) -> Verdict:
        if names is None:
            return Admitted(None)
        if not names:
            return Waiting(
                Reason.AGENT_NOT_FOUND,
                "its locations have no agent in common: name one agent in the agentRefs of each "
                "that has any",
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
            f"{used[agent.metadata.name]} of {agent.spec.max_concurrent_executions} slots of "
            f"{agent.metadata.name}"
            for agent in online
        )
        text = f"no free slot: {caps} are taken, by runs and by checks of locations"
        return Waiting(Reason.WAITING_FOR_SLOT, text)


def _arrival(run: Execution) -> tuple[float, str]:
    created = run.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, run.metadata.name)
