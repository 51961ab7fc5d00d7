"""Exit codes: how a runner tells the Job controller what to do with a failure.

The Job's `podFailurePolicy` is made from this table, so both sides cannot disagree.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the runner's exit code means and what the Job does with it.

    | code | meaning | podFailurePolicy |
    |---|---|---|
    | 0 | done; the result says whether files failed | - |
    | 10 | the configuration cannot work | FailJob |
    | 11 | the storage refused the credentials | FailJob |
    | 12 | a safety guard stopped the run | FailJob |
    | 20 | this run cannot succeed, tried again or not | FailJob |
    | 30 | passing errors outlived the runner's own retries | Count |
    | 31 | asked to stop | Count |
    """

    DONE = 0
    CONFIGURATION = 10
    CREDENTIALS = 11
    GUARD = 12
    HOPELESS = 20
    TRANSIENT = 30
    STOPPED = 31


FAIL_JOB = (ExitCode.CONFIGURATION, ExitCode.CREDENTIALS, ExitCode.GUARD, ExitCode.HOPELESS)
KILLED = 137
"""Not the runner's own: killed by the kernel, most likely out of memory."""
