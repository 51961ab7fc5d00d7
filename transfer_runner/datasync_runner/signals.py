"""The signals that ask for a stop, kept until the run can answer them.

A container's first process is not told of a signal that it neither handles nor blocks, and any
other process is ended by it without a result.  So they are blocked before anything else is done,
and a run that is about to begin is told of what came meanwhile.  Source: pid_namespaces(7).

A hangup, as of a terminal that is closed, asks too, unless it is ignored, as by `nohup`.
"""

import signal
from typing import Final

STOPS: Final = tuple(
    number
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
)


def keep() -> None:
    """Have them wait, in this thread and in those that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def release() -> None:
    """Be told of those that came, and of all from now on."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
