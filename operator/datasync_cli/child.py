"""The runner as a child process: started, asked for its progress, stopped, and heard to the end.

The same conversation that the operator has with a pod: exchange by HTTP with a bearer token, a
SIGTERM to stop.  What the runner says about itself is kept to its last lines.
"""

import http.client
import json
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, Any, cast

from pydantic import ValidationError

from datasync_api.report import ExchangeRequest, Progress

LAST_LINES = 40
_EXCHANGE_TIMEOUT_SECONDS = 5.0


class Child:
    """One runner process in a process group of its own, so that Ctrl-C reaches only us."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self.port: int | None = None
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            process_group=0,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(pipe,), daemon=True)
            for pipe in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None when the child still runs after so many seconds."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        for reader in self._readers:
            reader.join(timeout=2)
        return code

    def stop(self) -> None:
        """Ask it to stop, as the kubelet does."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and what it started at once; nothing happens when it has ended."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def last_words(self) -> list[str]:
        """The last lines of its output."""
        return list(self._lines)

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for raw in pipe:
                line = raw.decode(errors="replace").rstrip()
                port = _announced_port(line) if self.port is None else None
                if port is not None:
                    self.port = port
                else:
                    self._lines.append(line)


def _announced_port(line: str) -> int | None:
    try:
        said: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    event = cast("dict[str, Any]", said)
    return event.get("port") if event.get("event") == "exchange" else None


def ask_progress(port: int, token: str, execution_uid: str) -> Progress | None:
    """One exchange; None when there was no answer that can be used, which ends nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_EXCHANGE_TIMEOUT_SECONDS)
    try:
        connection.request(
            "POST",
            "/v1/exchange",
            body=ExchangeRequest(execution_uid=execution_uid).model_dump_json(by_alias=True),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            return None
        progress = Progress.model_validate_json(answer)
    except (OSError, http.client.HTTPException, ValidationError):
        return None
    finally:
        connection.close()
    return progress if progress.execution_uid == execution_uid else None
