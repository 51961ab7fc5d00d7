"""The runner of `datasync run` from its start to its end: shown, interrupted, out of time.

What it says of itself at its end is believed; where it says nothing, the exit code is all there is.
"""

import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from pydantic import ValidationError

from datasync_api.base import ApiModel
from datasync_api.counters import Counters, FilesFailed, FoldersFailed
from datasync_api.exit_codes import ExitCode
from datasync_api.plan import TransferPlan
from datasync_api.preflight import Reached
from datasync_api.report import TransferResult
from datasync_cli.child import Child
from datasync_cli.display import Live
from datasync_cli.launch import Launch
from datasync_cli.log_file import log_file
from datasync_cli.outcome import OF_A_STATUS, Ending
from datasync_page.samples import Samples

POLL_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 30.0
_NEVER_BEGUN: Final = Ending(
    exit_code=ExitCode.STOPPED,
    result=None,
    interrupted=True,
    deadline_seconds=None,
    last_words=(),
)
_OF_A_RESULT: Final = (FilesFailed, FoldersFailed, Counters, Reached, TransferResult)
"""The models that the end of a run needs; those inside come first."""


@dataclass
class Stop:
    """What was asked of a running transfer."""

    interrupts: int = 0
    deadline_seconds: int | None = None
    asked_at: float | None = field(default=None)


@dataclass(frozen=True)
class Begun:
    """How the runner is started, where it leaves its result, and what it is asked with."""

    launch: Launch
    result: Path
    token: str = field(repr=False)


def supervise(
    plan: TransferPlan,
    begun: Begun,
    stop: Stop,
    *,
    deadline_seconds: int | None,
    log: Path | None,
) -> tuple[Ending, Samples]:
    """Start the runner and follow it to its end, with what was seen of its rate.

    One that was asked to stop before it was started is not started.

    Raises: UsageError, where the log cannot be kept.
    """
    title = f"{plan.execution.task}: {plan.source.uri} → {plan.destination.uri}"
    verifying = plan.options.verify_mode != "None"
    samples = Samples()
    with (
        Live(title, verifying=verifying) as live,
        log_file(log) as keep,
    ):
        _build(*_OF_A_RESULT)  # before the runner is a copy of this process: it needs them too
        if stop.interrupts:
            return _NEVER_BEGUN, samples
        child = Child(begun.launch, keep)
        began = time.monotonic()
        try:
            _stop_if_asked(child, stop, deadline_seconds, 0.0)  # while it was started
            _build(*OF_A_STATUS)  # there is time while it runs
            while (code := child.wait(POLL_SECONDS)) is None:
                elapsed = time.monotonic() - began
                if child.port is not None:
                    from datasync_cli.exchange import ask_progress

                    progress = ask_progress(child.port, begun.token, plan.execution.uid)
                    if progress is not None:
                        live.update(progress, seconds=elapsed)
                        samples.add(elapsed, progress.counters.bytes_transferred)
                _stop_if_asked(child, stop, deadline_seconds, elapsed)
        finally:
            child.close()
    ending = Ending(
        exit_code=code,
        result=_read_result(begun.result, plan.execution.uid),
        interrupted=stop.interrupts > 0,
        deadline_seconds=stop.deadline_seconds,
        last_words=child.last_words(),
    )
    return ending, samples


def _build(*models: type[ApiModel]) -> None:
    for model in models:
        model.model_rebuild()


def _stop_if_asked(child: Child, stop: Stop, deadline: int | None, elapsed: float) -> None:
    """SIGTERM once; SIGKILL on a second interrupt, or when the runner does not end in time."""
    if deadline is not None and elapsed > deadline and stop.deadline_seconds is None:
        stop.deadline_seconds = deadline
    if not stop.interrupts and stop.deadline_seconds is None:
        return
    if stop.asked_at is None:
        stop.asked_at = elapsed
        child.stop()
    elif stop.interrupts > 1 or elapsed - stop.asked_at > GRACE_SECONDS:
        child.kill()


@contextmanager
def interrupts() -> Generator[Stop]:
    """Count what asks for a stop instead of dying of it: the runner is to end before we do, and
    what is private is to be removed.

    A hangup, as of a terminal that is closed, asks too, unless it is ignored (`nohup`).
    """
    stop = Stop()

    def count(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.interrupts += 1

    asking = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        asking.append(signal.SIGHUP)
    before = {number: signal.signal(number, count) for number in asking}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read_result(path: Path, execution_uid: str) -> TransferResult | None:
    """The runner's last word; one that is missing, broken or another run's is none."""
    try:
        result = TransferResult.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return result if result.execution_uid == execution_uid else None
