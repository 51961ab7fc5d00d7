"""The runner as a child process: followed, stopped, and heard to the end.

What it says about itself is kept to its last lines, and whole by who asks for it; what is asked of
it is in `exchange`.  There are no threads: its output is read while its end is waited for.
"""

import json
import os
import select
import signal
import sys
import time
from collections import deque
from typing import Any, Final, cast

from datasync_cli.launch import Launch
from datasync_cli.log_file import Keep

LAST_LINES: Final = 40
_CHUNK_BYTES: Final = 65_536
_LINE_MAX_BYTES: Final = 1 << 20
_LOOK_SECONDS: Final = 0.05  # where the end of a process cannot be waited for


class Child:
    """One runner process in a process group of its own; it is read only while it is waited for."""

    def __init__(self, launch: Launch, keep: Keep | None = None) -> None:
        self.port: int | None = None
        """Where it listens for the exchange, once it has said so."""
        self._keep = keep
        self._code: int | None = None
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._rest = b""
        self._speaks = True
        self._output, output = os.pipe()
        held, self._holds = os.pipe()
        try:
            self._pid = launch(output, held)
        finally:
            os.close(output)
            os.close(held)
        os.set_blocking(self._output, False)
        self._end = _pidfd(self._pid)
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        if self._end is not None:
            self._poll.register(self._end, select.POLLIN)

    def wait(self, seconds: float) -> int | None:
        """The exit code (-N: killed by signal N), or None when it still runs after so many seconds.

        It returns as soon as the child has ended.
        """
        until = time.monotonic() + seconds
        while not self._ended():
            left = until - time.monotonic()
            if left <= 0:
                return None
            longest = left if self._end is not None else min(left, _LOOK_SECONDS)
            if any(descriptor == self._output for descriptor, _ in self._poll.poll(longest * 1000)):
                self._read()
        while self._read():
            pass
        return self._code

    def stop(self) -> None:
        """Ask it to stop, as the kubelet does."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and what it started at once; nothing happens when it has ended."""
        self._signal(signal.SIGKILL)
        if self._code is None:
            _, status = os.waitpid(self._pid, 0)
            self._code = os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End it, if it still runs, and let go of what it was followed by."""
        self.kill()
        os.close(self._output)
        os.close(self._holds)
        if self._end is not None:
            os.close(self._end)

    def last_words(self) -> list[str]:
        """The last lines of its output."""
        return list(self._lines)

    def _ended(self) -> bool:
        if self._code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code is not None

    def _signal(self, number: int) -> None:
        if not self._ended():
            os.killpg(self._pid, number)

    def _read(self) -> bool:
        """Take a piece of what it has said; False: for now, or for good, there is no more."""
        if not self._speaks:
            return False
        try:
            said = os.read(self._output, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + said).split(b"\n")
        if self._rest and (not said or len(self._rest) > _LINE_MAX_BYTES):
            lines.append(self._rest)
            self._rest = b""
        lines = [line for line in lines if self._heard(line)]
        if self._keep is not None and lines:
            self._keep(lines)
        if not said:
            self._speaks = False
            self._poll.unregister(self._output)
        return self._speaks

    def _heard(self, raw: bytes) -> bool:
        """Take a line in; False: it was not for the log."""
        line = raw.decode(errors="replace").rstrip()
        port = _announced_port(line) if self.port is None else None
        if port is not None:
            self.port = port
            return False
        self._lines.append(line)
        return True


def _pidfd(pid: int) -> int | None:
    """What can be polled for the end of a process; Linux alone has it."""
    return os.pidfd_open(pid) if sys.platform == "linux" else None


def _announced_port(line: str) -> int | None:
    try:
        said: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    event = cast("dict[str, Any]", said)
    return event.get("port") if event.get("event") == "exchange" else None
