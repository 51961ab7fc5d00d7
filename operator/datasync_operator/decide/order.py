"""Tasks that come after others: what `runAfter` makes a run wait for.

Judged by the statuses of the tasks alone, so it holds whoever started the runs, and a restart of
the operator forgets nothing.
"""

from collections.abc import Mapping

from datasync_api.conditions import Reason
from datasync_api.task import Task


def comes_first(task: Task, tasks: Mapping[str, Task]) -> tuple[Reason, str] | None:
    """What a run of the task has to wait for, by the reason and a message; None: nothing.

    Each task in `runAfter` must have succeeded since this one last did.

    | this task's last success | the other's | the run |
    |---|---|---|
    | none | none | waits |
    | none | 11:00 | starts |
    | 10:00 | 09:00, or 10:00 | waits |
    | 10:00 | 11:00 | starts |
    | any | there is no such task | waits, with the reason TaskNotFound |
    """
    ours = task.status.last_successful_time
    for name in task.spec.run_after:
        other = tasks.get(name)
        if other is None:
            text = f"no DataSyncTask {name} in this namespace: create it, or correct runAfter"
            return Reason.TASK_NOT_FOUND, text
        theirs = other.status.last_successful_time
        if theirs is None or (ours is not None and theirs <= ours):
            since = f" after {ours:%Y-%m-%dT%H:%M:%SZ}" if ours else ""
            text = f"runAfter: waits for a success of task {name}{since}"
            return Reason.WAITING_FOR_TASK, text
    return None


def ring(task: Task, tasks: Mapping[str, Task]) -> str | None:
    """The tasks over which `runAfter` leads back to this one, none of which could ever be first.

    | a runs after | b runs after | ring of a |
    |---|---|---|
    | b | - | None |
    | a | - | a, a |
    | b | a | a, b, a |
    """
    start = task.metadata.name
    paths: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    while paths:
        path = paths.pop()
        at = task if path[-1] == start else tasks.get(path[-1])
        for name in at.spec.run_after if at is not None else ():
            if name == start:
                return ", ".join((*path, start))
            if name not in seen:
                seen.add(name)
                paths.append((*path, name))
    return None


def ring_problem(task: Task, tasks: Mapping[str, Task]) -> str | None:
    """The same in words: what, why, and how to fix it."""
    if found := ring(task, tasks):
        return f"runAfter leads back to the task itself ({found}): remove one of these"
    return None
