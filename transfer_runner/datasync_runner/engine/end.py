"""How a run ended, in the words of the contract: exit code, outcome, and why."""

from typing import NamedTuple

from datasync_api.exit_codes import ExitCode
from datasync_api.hold import Hold
from datasync_api.report import RunError, RunOutcome
from datasync_api.task_options import TaskOptions
from datasync_runner.core.tally import Tally
from datasync_runner.engine.delete import DeletionHeld
from datasync_runner.storage.errors import StopError


class End(NamedTuple):
    """The end of a run; an Error where nothing better is known."""

    code: ExitCode
    outcome: RunOutcome = "Error"
    error: RunError | None = None
    hold: Hold | None = None


STOPPED = End(ExitCode.STOPPED, "Stopped")


def stopped_by(stop: StopError) -> End:
    """It could not go on, or may not."""
    error = RunError(code=stop.reason, detail=stop.message[:1024], location=stop.location)
    if isinstance(stop, DeletionHeld):
        return End(stop.exit_code, "Held", error, stop.hold)
    return End(stop.exit_code, error=error)


def completed(tally: Tally, options: TaskOptions) -> End:
    """It went through everything.

    | items failed | fileErrorPolicy | the destination differs from what was sent | outcome |
    |---|---|---|---|
    | none | any | - | Success |
    | some | Fail | any | Error |
    | some | Tolerate | yes | Error |
    | some | Tolerate | no | CompletedWithErrors |
    """
    error = tally.run_error()
    if error is None:
        return End(ExitCode.DONE, "Success")
    tolerated = options.file_error_policy == "Tolerate" and not tally.mismatched
    return End(ExitCode.DONE, "CompletedWithErrors" if tolerated else "Error", error)
