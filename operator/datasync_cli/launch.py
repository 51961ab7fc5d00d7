"""How a runner process begins: as a command, or as a copy of this one that turns into the runner.

A copy spares a second start of Python and the imports that both need, a third of a second of CPU
before the first request.  It is made while this process has a single thread and nothing of its own
open, and it runs what `python -m datasync_runner` would, not a function of it.
"""

import fcntl
import os
import runpy
import select
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

Launch = Callable[[int, int], int]
"""Starts a process whose stdout and stderr go to a descriptor, in a process group of its own, so
that Ctrl-C reaches only us; the answer is its id.  The second descriptor reads a pipe that we hold:
a copy is asked to stop when we end, however that is, so that it never goes on unwatched."""

RUNNER: Final = "datasync_runner"
_SIGNALS: Final = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM)
"""What a child must not inherit ignored: the first two from Python, the others from a shell that
starts us in the background; we stop the child by them."""
_ASKING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What may ask a copy to stop, or us."""
_CAN_COPY: Final = sys.platform == "linux"  # elsewhere system libraries do not survive a fork


def runner(arguments: Sequence[str], *, command: Sequence[str] | None = None) -> Launch:
    """The runner with these arguments; `command` replaces it."""
    if command is None and _CAN_COPY:
        return copied(RUNNER, arguments)
    return executed([*(command or (sys.executable, "-m", RUNNER)), *arguments])


def executed(argv: Sequence[str]) -> Launch:
    """A command."""
    return lambda output, held: _spawn([*argv], output)


def copied(module: str, arguments: Sequence[str]) -> Launch:
    """A copy of this process that does what `python -m` with this module does."""
    return lambda output, held: _copy(module, arguments, output, held)


def _spawn(argv: list[str], output: int) -> int:
    return os.posix_spawnp(
        argv[0],
        argv,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
        ],
        setpgroup=0,
        setsigdef=_SIGNALS,
    )


def _copy(module: str, arguments: Sequence[str], output: int, held: int) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING)  # until the copy heeds them itself
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if pid:
        with suppress(ProcessLookupError):  # the copy does so too: who needs it first does not wait
            os.setpgid(pid, pid)
        return pid
    code = 1
    try:
        _stand_alone(output, held)
        code = _run_module(module, arguments)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # the clean-up is the parent's: the copy must not remove its files


def _stand_alone(output: int, held: int) -> None:
    """Become what an executed child would be: signals, descriptors and group of its own."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as by `nohup`
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, held)
    os.closerange(held + 1, os.sysconf("SC_OPEN_MAX"))
    _stop_with(held)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKING)


def _stop_with(held: int) -> None:
    """Get SIGTERM when the other end of the pipe is closed; signal-driven I/O, fcntl(2)."""
    fcntl.fcntl(held, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(held, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(held, fcntl.F_SETFL, os.O_ASYNC)
    closed = select.poll()
    closed.register(held, select.POLLHUP)
    if closed.poll(0):  # before this, of which no signal comes
        os.kill(os.getpid(), signal.SIGTERM)


def _run_module(module: str, arguments: Sequence[str]) -> int:
    """What `python -m` does; the answer is the exit code."""
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
