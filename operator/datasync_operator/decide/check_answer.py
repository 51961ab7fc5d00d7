"""What a check's finished Job says of its location; no result is no success."""

from collections.abc import Sequence

from datasync_api.conditions import Reason
from datasync_api.exit_codes import KILLED
from datasync_operator.decide.outcome import read_result
from datasync_operator.decide.views import JobView, PodView


def answer_of(
    job: JobView, pods: Sequence[PodView], uid: str, *, agent: str | None
) -> tuple[Reason, str]:
    """The answer of a Job, by its last pod that has ended.

    | Job | its result | exit | answer |
    |---|---|---|---|
    | any | with an error | any | the error |
    | Complete | the location let it in | 0 | Reached |
    | Failed, DeadlineExceeded | none | any | DeadlineExceeded |
    | Failed | none | 137, OOMKilled | OutOfMemory |
    | any | none, or another's | other | ResultMissing |
    """
    ended = sorted(
        (pod for pod in pods if pod.finished or pod.exit_code is not None),
        key=lambda pod: (pod.created, pod.name),
    )
    last = ended[-1] if ended else None
    result = read_result(last, uid) if last else None
    if result is not None and result.error is not None:
        return result.error.code, result.error.detail
    if job.complete and result is not None and result.reached.source is not None:
        return Reason.REACHED, f"a check reached it{f' from agent {agent}' if agent else ''}"
    if job.failed_reason == "DeadlineExceeded":
        return Reason.DEADLINE_EXCEEDED, "the check's pod did not end in time: set another check"
    if last is not None and (last.exit_reason == "OOMKilled" or last.exit_code == KILLED):
        text = "the runner was killed, most likely for lack of memory: raise "
        return Reason.OUT_OF_MEMORY, f"{text}resources.limits.memory of the agent"
    words = f"exit code {last.exit_code}" if last else "no pod of it was left to ask"
    return (
        Reason.RESULT_MISSING,
        f"the check ended without a readable result ({words}), so nothing is known of the "
        "location: set another check, and see that runner and operator are of one version",
    )
