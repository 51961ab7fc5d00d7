"""Which ceiling of bytes a second a run has to keep to now."""

from datasync_api.execution import Execution


def rate_in_force(execution: Execution) -> int | None:
    """What every exchange tells the runner: -1 is unlimited, None leaves it at its plan.

    The task's ceiling is the one that the run started with: a later change of the task does not
    touch a run, a change of the execution does, and taking it back brings the task's again.

    | spec.bytesPerSecond | status.resolved.bytesPerSecond | told |
    |---|---|---|
    | -1 | any | -1 |
    | 1000 | any | 1000 |
    | absent | 2000 | 2000 |
    | absent | absent: an older operator started the run | None |
    """
    if execution.spec.bytes_per_second is not None:
        return execution.spec.bytes_per_second
    resolved = execution.status.resolved
    return resolved.bytes_per_second if resolved is not None else None
