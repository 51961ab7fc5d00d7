"""Which ceiling of bytes a second a run has to keep to now."""

from datasync_api.execution import Execution
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
