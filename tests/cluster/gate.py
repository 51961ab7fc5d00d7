"""Holds a transfer in a phase for as long as a test needs: requests to S3 wait behind a gate.

With it nothing has to be slow to be interrupted, and a run is in the phase that the test means.
"""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fixtures.testbed import TestbedError

SERVER_PORT = 8333
GATE_PORT = 8390
READY_SECONDS = 10


@dataclass(frozen=True)
class Gate:
    """Where the gate is, and what it holds back."""

    endpoint: str
    control: Path
    log: Path
    rules: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def holding(self, *rules: str) -> Iterator[None]:
        """Hold requests whose 'METHOD /bucket/key?query' matches one of the expressions."""
        self._change(add=set(rules))
        try:
            yield
        finally:
            self._change(remove=set(rules))

    def release(self, *rules: str) -> None:
        """Let requests of these expressions go."""
        self._change(remove=set(rules))

    def passed(self, rule: str) -> int:
        """How many requests that match the expression were passed on."""
        return sum(1 for line in self.log.read_text().splitlines() if re.search(rule, line))

    def _change(
        self, *, add: frozenset[str] | set[str] = frozenset(), remove: set[str] | None = None
    ) -> None:
        with self.lock:
            self.rules.update(add)
            self.rules.difference_update(remove or ())
            fresh = self.control.with_suffix(".new")
            fresh.write_text("\n".join(sorted(self.rules)))
            fresh.replace(self.control)


@contextmanager
def open_gate(network: Path, address: str, folder: Path) -> Iterator[Gate]:
    """Run the proxy in a network namespace before the S3 server there."""
    control, log, errors = folder / "control", folder / "requests", folder / "errors"
    for file in (control, log):
        file.write_text("")
    words = [
        *("nsenter", f"--net={network}", sys.executable, Path(__file__).parent / "gate_proxy.py"),
        *(str(GATE_PORT), str(SERVER_PORT), control, log),
    ]
    with errors.open("w") as output:
        process = subprocess.Popen([str(word) for word in words], stdout=output, stderr=output)
    try:
        _wait_until_it_listens(process, address, errors)
        yield Gate(f"http://{address}:{GATE_PORT}", control, log)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_until_it_listens(process: subprocess.Popen[bytes], address: str, errors: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > end:
            raise TestbedError(f"the gate did not start: {errors.read_text()}")
        try:
            socket.create_connection((address, GATE_PORT), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
