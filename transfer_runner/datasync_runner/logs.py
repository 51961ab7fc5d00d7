"""The log: one JSON object a line on stdout, and where else it is asked for.

One process writes: the leader.  What its workers have to say they hand over in their reports
(`engine.pool_worker`), so that lines never interleave, however long they are.  Records of `logging`
come with `extra={"fields": {...}}`; lines of single files are made by `engine.file_events`.

A log that nobody takes stops no transfer: errors of writing are passed over.
"""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from datasync_api.task_options import LogLevel
from datasync_runner.core.log_lines import log_line

Write = Callable[[Sequence[str]], None]
"""Takes lines without their ends; blocks as long as their reader makes it, and raises nothing."""

_LEVELS: Final[dict[LogLevel, int]] = {
    "Off": logging.ERROR,  # a defect of the runner is told all the same: nobody could find it else
    "Basic": logging.INFO,
    "Transfer": logging.INFO,
}


class Log:
    """Whole lines to stdout, and to whoever else listens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Write] = []

    def listen(self, listener: Write) -> None:
        """Let somebody have every line from now on."""
        self._listeners.append(listener)

    def write(self, lines: Sequence[str]) -> None:
        """As `Write`; from any thread."""
        with self._lock:
            to_stdout(lines)
            for listener in self._listeners:
                listener(lines)


def to_stdout(lines: Sequence[str]) -> None:
    """As `Write`; for one thread."""
    with contextlib.suppress(OSError, ValueError):  # gone, or closed
        sys.stdout.write("".join([f"{line}\n" for line in lines]))
        sys.stdout.flush()


class LineFormatter(logging.Formatter):
    """Time, level, event, fields, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: dict[str, Any] = {**getattr(record, "fields", {})}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return log_line(record.created, record.levelname, record.getMessage(), fields)


class LineHandler(logging.Handler):
    """Records of `logging` become lines."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        try:
            self._write([self.format(record)])
        except Exception:
            self.handleError(record)


def configure(write: Write) -> None:
    """Send this process's log there; libraries speak from warnings on."""
    logging.basicConfig(level=logging.WARNING, handlers=[LineHandler(write)], force=True)


def set_level(level: LogLevel) -> None:
    """Say as much as the task's `options.logLevel` asks for."""
    logging.getLogger("datasync_runner").setLevel(_LEVELS[level])
    logging.getLogger().setLevel(max(logging.WARNING, _LEVELS[level]))
