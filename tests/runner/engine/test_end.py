"""How a run that went through everything ended: the table of `completed`."""

import pytest

from datasync_api.hold import Hold
from datasync_api.task_options import TaskOptions
from datasync_runner.core.tally import Tally
from datasync_runner.engine.delete import DeletionHeld
from datasync_runner.engine.end import completed, stopped_by
from datasync_runner.engine.failures import record
from datasync_runner.storage import errors


@pytest.mark.parametrize(
    ("failures", "policy", "outcome"),
    [
        ([], "Fail", "Success"),
        ([], "Tolerate", "Success"),
        ([("transfer", errors.Denied)], "Fail", "Error"),
        ([("transfer", errors.Denied)], "Tolerate", "CompletedWithErrors"),
        (
            [("prepare", errors.Denied), ("delete", errors.Denied)],
            "Tolerate",
            "CompletedWithErrors",
        ),
        ([("verify", errors.VerificationFailed)], "Tolerate", "Error"),
        ([("transfer", errors.VerificationFailed)], "Tolerate", "Error"),
        ([("verify", errors.Unavailable)], "Tolerate", "Error"),
        ([("transfer", errors.Denied), ("verify", errors.Missing)], "Tolerate", "Error"),
    ],
    ids=[
        "nothing failed",
        "nothing to tolerate",
        "a file failed",
        "a file failed and may",
        "neither listed nor deleted",
        "the destination differs",
        "it differed before it got its name",
        "nobody knows whether it differs",
        "one of two is not tolerated",
    ],
)
def test_outcome(failures, policy, outcome):
    tally = Tally()
    for stage, error in failures:
        record(tally, stage, error("why", b"x"))
    end = completed(tally, TaskOptions(file_error_policy=policy))
    assert (end.code, end.outcome) == (0, outcome)
    assert (end.error is None) == (not failures)
    if failures:
        assert end.error.code == "FilesFailed"


def test_a_stop_is_an_error_and_a_hold_is_a_hold():
    away = stopped_by(errors.Unreachable("it does not answer"))
    assert (away.code, away.outcome, away.hold) == (30, "Error", None)
    assert away.error.code == "LocationUnreachable"
    hold = Hold(token="5-0123456789", reason="TooManyDeletions", deletions=5, limit=2)
    held = stopped_by(DeletionHeld(hold, "5 of 8 files would be deleted"))
    assert (held.code, held.outcome, held.hold) == (12, "Held", hold)
    assert held.error.code == "TooManyDeletions"
