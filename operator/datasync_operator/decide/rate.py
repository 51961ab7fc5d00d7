"""Which ceiling of bytes a second a run has to keep to now."""

from datasync_api.execution import Execution
from datasync_api.rate import UNLIMITED
from datasync_api.windows import Window


def rate_in_force(execution: Execution, window: Window | None = None) -> int | None:
    """What every exchange tells the runner: -1 is unlimited, None leaves it at its plan.

    The window is the one of the task's schedule that holds now, and is the task's as it is.
    The task's ceiling is the one that the run started with: a later change of the task does not
    touch a run, a change of the execution does, and taking it back brings the task's again.

    | spec.bytesPerSecond | the window's | status.resolved.bytesPerSecond | told |
    |---|---|---|---|
    | -1 | any | any | -1 |
    | 1000 | any | any | 1000 |
    | absent | 500 | any | 500 |
    | absent | -1 | 2000 | -1 |
    | absent | no window, or none with a rate | 2000 | 2000 |
    | absent | none | absent: an older operator started the run | None |
    """
    if execution.spec.bytes_per_second is not None:
        return execution.spec.bytes_per_second
    if window is not None and window.bytes_per_second is not None:
        return window.bytes_per_second
    resolved = execution.status.resolved
    return resolved.bytes_per_second if resolved is not None else None


def within_share(rate: int | None, agent_rate: int, runs: int) -> int | None:
    """The rate of one of so many runs that share their agent's ceiling.

    Shares are equal, and what a run does not use is lent to nobody: so the sum is a ceiling without
    anybody having to know how fast the others are.

    | the run's rate | the agent's | runs on it | told |
    |---|---|---|---|
    | any | -1 | any | the run's |
    | -1, or None | 900 | 3 | 300 |
    | 100 | 900 | 3 | 100 |
    | 1000 | 900 | 3 | 300 |
    | any | 2 | 3 | 1: less is no rate |
    """
    if agent_rate == UNLIMITED:
        return rate
    share = max(1, agent_rate // max(1, runs))
    return share if rate is None or rate == UNLIMITED else min(rate, share)
