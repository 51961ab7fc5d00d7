"""How a run ended: from a finished Job and its pods' last words to an outcome.

No result is an error, never a success.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from datasync_api.conditions import Reason
from datasync_api.execution import Phase
from datasync_api.exit_codes import KILLED
from datasync_api.report import TransferResult, accomplished
from datasync_operator.decide.views import JobView, PodView


@dataclass(frozen=True)
class Outcome:
    """The end of a run: the phase, the reason and the words."""

    reason: Reason
    message: str
    result: TransferResult | None = None
    phase: Phase = Phase.ERROR


def read_result(pod: PodView, execution_uid: str) -> TransferResult | None:
    """The result in a pod's termination message; None when absent, unreadable or another run's."""
    try:
        result = TransferResult.model_validate_json(pod.message)
    except ValidationError:
        return None
    return result if result.execution_uid == execution_uid else None


def conclude(job: JobView, pods: Sequence[PodView], execution_uid: str) -> Outcome:
    """The outcome of a finished Job.

    | Job | last pod's result | exit | outcome |
    |---|---|---|---|
    | Complete | Success | 0 | Succeeded |
    | Complete | CompletedWithErrors | 0 | CompletedWithErrors, the result's error |
    | Complete | Error | 0 | the result's error |
    | Complete | none | 0 | ResultMissing |
    | Failed | Held, with its hold | 12 | Held, the result's error |
    | Failed | with an error | any | the result's error |
    | Failed, DeadlineExceeded | any | any | DeadlineExceeded |
    | Failed | none | 137, OOMKilled | OutOfMemory |
    | Failed | none | other | RetriesExhausted |
    """
    ended = sorted(
        (pod for pod in pods if pod.finished or pod.exit_code is not None),
        key=lambda pod: (pod.phase == "Succeeded", pod.created, pod.name),
    )
    last = ended[-1] if ended else None
    result = read_result(last, execution_uid) if last else None
    if job.complete:
        return _of_complete(result)
    if job.failed_reason == "DeadlineExceeded":
        return Outcome(
            Reason.DEADLINE_EXCEEDED,
            "the run was active for longer than deadlineSeconds: raise it, or transfer less at "
            "once; what was transferred stays, and the next run goes on from there",
            result,
        )
    attempts = f" (after {job.failed_pods} attempts)" if job.failed_pods > 1 else ""
    if result is not None and result.error is not None:
        if result.outcome == "Held" and result.hold is not None:
            return Outcome(result.error.code, result.error.detail, result, Phase.HELD)
        return Outcome(result.error.code, result.error.detail + attempts, result)
    if last is not None and (last.exit_reason == "OOMKilled" or last.exit_code == KILLED):
        return Outcome(
            Reason.OUT_OF_MEMORY,
            "the runner was killed, most likely for lack of memory: raise resources.limits.memory "
            f"of the agent{attempts}",
            result,
        )
    words = f"exit code {last.exit_code}" if last else "no pod of it was left to ask"
    return Outcome(
        Reason.RETRIES_EXHAUSTED,
        f"the runner failed and retry.limit is used up: {words}{attempts}; read the pod's log for "
        "why, then start the task again",
        result,
    )


def _of_complete(result: TransferResult | None) -> Outcome:
    if result is None:
        return Outcome(
            Reason.RESULT_MISSING,
            "the runner ended without a readable result, so nothing is known of the transfer: run "
            "the task again, and check that runner and operator are of one version",
        )
    if result.outcome == "Success":
        return Outcome(Reason.SUCCEEDED, accomplished(result), result, Phase.SUCCESS)
    if result.error is not None:
        tolerated = result.outcome == "CompletedWithErrors"
        phase = Phase.COMPLETED_WITH_ERRORS if tolerated else Phase.ERROR
        return Outcome(result.error.code, result.error.detail, result, phase)
    return Outcome(
        Reason.INTERNAL_ERROR,
        "the runner reported a failure without saying why: read its log",
        result,
    )
