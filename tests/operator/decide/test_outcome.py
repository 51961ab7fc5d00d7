"""How a run ended: the table of conclude."""

from typing import Any

import pytest

from datasync_api.conditions import Reason
from datasync_api.execution import Phase
from datasync_operator.decide.outcome import conclude
from datasync_operator.decide.status import ended
from datasync_operator.decide.views import PodView
from fakes.objects import ago, execution, job, pod, result

REFUSED = result(
    outcome="Error", error={"code": "CredentialsRefused", "detail": "the key is wrong"}
)
BAD_FILES = result(outcome="Error", error={"code": "FilesFailed", "detail": "3 files failed"})
TOLERATED = result(
    outcome="CompletedWithErrors", error={"code": "FilesFailed", "detail": "3 files failed"}
)


@pytest.mark.parametrize(
    ("end", "last", "expected"),
    [
        ({"complete": True}, {"phase": "Succeeded", "message": result()}, Reason.SUCCEEDED),
        ({"complete": True}, {"phase": "Succeeded", "message": BAD_FILES}, Reason.FILES_FAILED),
        ({"complete": True}, {"phase": "Succeeded", "message": ""}, Reason.RESULT_MISSING),
        (
            {"failed": True},
            {"phase": "Failed", "exit_code": 11, "message": REFUSED},
            Reason.CREDENTIALS_REFUSED,
        ),
        (
            {"failed": True, "failed_reason": "DeadlineExceeded"},
            {"phase": "Failed", "exit_code": 31, "message": ""},
            Reason.DEADLINE_EXCEEDED,
        ),
        ({"failed": True}, {"phase": "Failed", "exit_code": 137}, Reason.OUT_OF_MEMORY),
        (
            {"failed": True},
            {"phase": "Failed", "exit_code": 1, "exit_reason": "OOMKilled"},
            Reason.OUT_OF_MEMORY,
        ),
        ({"failed": True}, {"phase": "Failed", "exit_code": 1}, Reason.RETRIES_EXHAUSTED),
    ],
)
def test_reason(end: dict[str, Any], last: dict[str, Any], expected: Reason) -> None:
    pods = [pod(**{"exit_code": 0, **last})]
    assert conclude(job(**end), pods, "uid-run").reason is expected


@pytest.mark.parametrize(
    ("end", "message", "phase"),
    [
        ({"complete": True}, result(), Phase.SUCCESS),
        ({"complete": True}, TOLERATED, Phase.COMPLETED_WITH_ERRORS),
        ({"complete": True}, BAD_FILES, Phase.ERROR),
        ({"complete": True}, result(outcome="CompletedWithErrors"), Phase.ERROR),
        ({"failed": True}, TOLERATED, Phase.ERROR),
        ({"failed": True}, result(), Phase.ERROR),
    ],
)
def test_phase(end: dict[str, Any], message: str, phase: Phase) -> None:
    assert conclude(job(**end), [pod(exit_code=0, message=message)], "uid-run").phase is phase


@pytest.mark.parametrize("complete", [True, False])
def test_no_pod_left_is_no_success(complete: bool) -> None:
    end = conclude(job(complete=complete, failed=not complete), [], "uid-run")
    assert end.phase is Phase.ERROR


def test_the_last_pod_speaks_and_a_success_speaks_before_all() -> None:
    early = pod(name="a", phase="Failed", exit_code=30, created=ago(20), message=BAD_FILES)
    done = pod(name="b", phase="Succeeded", exit_code=0, created=ago(10), message=result())
    late: PodView = pod(name="c", phase="Failed", exit_code=31, created=ago(5), message="")
    end = conclude(job(complete=True), [early, done, late], "uid-run")
    assert end.phase is Phase.SUCCESS


def test_attempts_are_told() -> None:
    last = pod(phase="Failed", exit_code=30, message=REFUSED)
    assert (
        "after 4 attempts" in conclude(job(failed=True, failed_pods=4), [last], "uid-run").message
    )


def test_a_success_says_what_was_skipped_and_the_status_has_it() -> None:
    skips = [{"code": "Archived", "count": 2, "samplePath": "/cold", "hint": "restore it"}]
    done = pod(phase="Succeeded", exit_code=0, message=result(skips=skips))
    end = conclude(job(complete=True), [done], "uid-run")
    assert end.message.endswith("; 2 items were skipped, for example /cold (Archived): restore it")
    status = ended(execution(phase="Verifying"), end, now=ago(0))
    assert (status.phase, [skip.count for skip in status.skips]) == ("Success", [2])
