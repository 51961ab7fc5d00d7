"""One execution, one step closer to its end.

Every path ends: what is waited for has a deadline, what is tried again has a limit, and a missing
result is an error.  Terminal phases never change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from datasync_api.conditions import Condition, Reason, set_condition
from datasync_api.execution import (
    Execution,
    ExecutionResult,
    ExecutionStatus,
    Phase,
    Resolved,
)
from datasync_api.plan import nested
from datasync_api.report import Progress
from datasync_operator.cluster.port import CLAIMS, CONFIG_MAPS, EXECUTIONS, JOBS, SECRETS, VOLUMES
from datasync_operator.decide import manifests, naming, outcome, progress, volumes
from datasync_operator.decide.ledger import Admitted, Ledger, Waiting
from datasync_operator.decide.manifests import Recipe
from datasync_operator.decide.naming import Side
from datasync_operator.decide.outcome import Outcome
from datasync_operator.decide.plan import Action, Create, Delete, Plan, SetFinalizers
from datasync_operator.decide.startup import diagnose
from datasync_operator.decide.views import EventView, JobView, PodView
from datasync_operator.settings import Settings

_QUEUE_SECONDS: Final = 5.0
_LAUNCH_SECONDS: Final = 2.0
_SIDES: Final[tuple[Side, Side]] = ("source", "destination")


@dataclass(frozen=True, kw_only=True)
class ExecutionView:
    """An execution and everything that its next step depends on."""

    execution: Execution
    recipe: Recipe | None
    """None: a reference leads nowhere; `missing` says which."""
    missing: tuple[Reason, str] | None = None
    ledger: Ledger | None = None
    """Only while it is queued."""
    job: JobView | None = None
    pods: Sequence[PodView] = ()
    events: Sequence[EventView] = ()
    progress: Progress | None = None
    """None: no runner to ask, or it did not answer."""
    token: str = ""
    volume_names: Sequence[str] = ()
    """PersistentVolumes that were made for it and still exist."""


def decide_execution(seen: ExecutionView, settings: Settings, *, now: datetime) -> Plan:
    """Bring one execution one step closer to done.

    | deleted | phase | cancel | Job | step |
    |---|---|---|---|---|
    | yes | any | any | any | stop the Job, clean up, let go |
    | no | terminal | any | any | clean up; delete after the ttl |
    | no | Queued | yes | - | Cancelled |
    | no | other | yes | there | Cancelling: delete the Job |
    | no | other | yes | gone, no pod left | Cancelled |
    | no | Queued | no | - | wait, or take a slot: Launching |
    | no | active | no | none yet | create plan, token, volumes, Job |
    | no | active | no | vanished | next attempt, or Error |
    | no | active | no | running | follow the runner's phase |
    | no | active | no | finished | Success or Error by the result |
    """
    step = _Step(seen, settings, now)
    execution = seen.execution
    if execution.metadata.deletion_timestamp is not None:
        return step.let_go()
    if execution.phase.terminal:
        return step.clean_up()
    if execution.spec.cancel:
        return step.cancel()
    if execution.phase is Phase.QUEUED:
        return step.wait_or_start()
    if seen.job is None:
        return step.launch()
    if seen.job.deleting:
        return Plan(requeue_after_seconds=_LAUNCH_SECONDS)
    if seen.job.finished:
        return step.conclude(seen.job)
    return step.follow(seen.job)


@dataclass(frozen=True)
class _Step:
    seen: ExecutionView
    settings: Settings
    now: datetime

    @property
    def execution(self) -> Execution:
        return self.seen.execution

    @property
    def status(self) -> ExecutionStatus:
        return self.seen.execution.status

    # ---- waiting ------------------------------------------------------------------------

    def wait_or_start(self) -> Plan:
        asked = self.status.start_time or self.execution.metadata.creation_timestamp or self.now
        if self.seen.recipe is None:
            reason, message = self.seen.missing or (Reason.TASK_NOT_FOUND, "its task is missing")
            if self.now - asked > timedelta(seconds=self.settings.launch_deadline_seconds):
                return self._end(Outcome(reason, message))
            return self._wait(reason, message)
        if problem := self._problem(self.seen.recipe):
            return self._end(problem)
        assert self.seen.ledger is not None  # noqa: S101 - observed for every queued execution
        task = self.execution.spec.task_ref.name
        if self.seen.recipe.task.spec.options.task_queueing == "Disabled" and (
            rival := self.seen.ledger.active_run_of(task, but=self.execution.metadata.name)
        ):
            return self._end(
                Outcome(
                    Reason.TASK_BUSY,
                    f"execution {rival} of this task is active and taskQueueing is Disabled: start "
                    "again when it has ended, or enable taskQueueing",
                )
            )
        verdict = self.seen.ledger.verdict(self.execution.metadata.uid)
        if isinstance(verdict, Waiting):
            return self._wait(verdict.reason, verdict.message)
        return self._start(self.seen.recipe, verdict)

    def _problem(self, recipe: Recipe) -> Outcome | None:
        """What makes the pair of locations impossible, whoever runs it."""
        source, destination = recipe.source.spec, recipe.destination.spec
        plan = recipe.plan(self.execution, self.settings)
        if nested(plan.source, plan.destination):
            return Outcome(
                Reason.INVALID_SPEC,
                f"{destination.uri} and {source.uri} lie within each other: the transfer would copy "
                "its own output; choose a destination outside of the source",
            )
        if (claim := destination.persistent_volume_claim) and claim.read_only:
            return Outcome(
                Reason.INVALID_SPEC,
                f"the destination {destination.uri} is readOnly: set readOnly to false, or name "
                "another destination",
            )
        if len(accounts := recipe.service_accounts()) > 1:
            return Outcome(
                Reason.CONFLICTING_IDENTITIES,
                f"the run asks for several service accounts ({', '.join(sorted(accounts))}), a pod "
                "has one: use a credentialsSecretRef at one end",
            )
        return None

    def _wait(self, reason: Reason, message: str) -> Plan:
        status = self._say("False", reason, message)
        return Plan(
            status=status.model_copy(
                update={
                    "phase": Phase.QUEUED,
                    "start_time": self.status.start_time or self.now,
                }
            ),
            requeue_after_seconds=_QUEUE_SECONDS,
        )

    def _start(self, recipe: Recipe, verdict: Admitted) -> Plan:
        """Take the slot: written before anything is created, so the ledger counts it."""
        plan = recipe.plan(self.execution, self.settings)
        status = self._say("False", Reason.LAUNCHING, "the runner is being launched")
        return Plan(
            actions=self._finalizers({naming.FINALIZER}),
            status=status.model_copy(
                update={
                    "phase": Phase.LAUNCHING,
                    "start_time": self.status.start_time or self.now,
                    "launch_time": self.now,
                    "attempts": 1,
                    "resolved": Resolved(
                        task_generation=recipe.task.metadata.generation,
                        source_uri=plan.source.uri,
                        destination_uri=plan.destination.uri,
                        agent=verdict.agent,
                        plan_hash=plan.hash(),
                    ),
                }
            ),
            requeue_after_seconds=0.0,
        )

    # ---- running ------------------------------------------------------------------------

    def launch(self) -> Plan:
        """Create the attempt's Job and what it mounts, or count an attempt whose Job vanished."""
        if self.status.job_uid is not None:
            return self._relaunch()
        if self.seen.recipe is None:
            reason, message = self.seen.missing or (Reason.TASK_NOT_FOUND, "its task is missing")
            return self._end(Outcome(reason, message))
        recipe, execution = self.seen.recipe, self.execution
        namespace = execution.metadata.namespace
        plan = recipe.plan(execution, self.settings)
        token = manifests.token_secret(execution, self.seen.token)
        actions: list[Action] = [
            Create(CONFIG_MAPS, namespace, manifests.plan_config_map(execution, plan)),
            Create(SECRETS, namespace, token),
        ]
        for side in _SIDES:
            if (nfs := recipe.side(side).spec.nfs) is not None:
                volume = volumes.persistent_volume(execution, nfs, side)
                actions.append(Create(VOLUMES, None, volume))
                actions.append(Create(CLAIMS, namespace, volumes.claim(execution, side)))
        job = manifests.job(execution, recipe, self.settings, attempt=self.status.attempts or 1)
        actions.append(Create(JOBS, namespace, job))
        return Plan(actions=actions, requeue_after_seconds=0.5)

    def _relaunch(self) -> Plan:
        if self._live_pods():  # its pod is still ending: two must not write to one destination
            return Plan(requeue_after_seconds=_LAUNCH_SECONDS)
        limit = self.seen.recipe.task.spec.retry.limit if self.seen.recipe else 0
        attempts = self.status.attempts or 1
        if attempts > limit:
            return self._end(
                Outcome(
                    Reason.RETRIES_EXHAUSTED,
                    f"the run's Job was deleted from outside and retry.limit ({limit}) is used up: "
                    "start the task again",
                )
            )
        status = self._say("False", Reason.RETRYING, "the run's Job was deleted; it starts anew")
        return Plan(
            status=status.model_copy(update={"attempts": attempts + 1, "job_uid": None}),
            requeue_after_seconds=0.0,
        )

    def follow(self, job: JobView) -> Plan:
        """Keep up with a Job that runs."""
        waiting = diagnose(job, self.seen.pods, self.seen.events)
        if waiting is not None:
            if waiting.overdue(self.now, self.settings.launch_deadline_seconds):
                reason = waiting.reason
                if reason in (Reason.LAUNCHING, Reason.RETRYING):
                    reason = Reason.LAUNCH_DEADLINE_EXCEEDED
                seconds = self.settings.launch_deadline_seconds
                text = f"no runner started within {seconds} s: {waiting.message}"
                return self._end(Outcome(reason, text))
            status = self._say("False", waiting.reason, waiting.message)
            return Plan(
                status=status.model_copy(update={"job_uid": job.uid}),
                requeue_after_seconds=_LAUNCH_SECONDS,
            )
        if self.seen.progress is None:
            told = progress.stale(self.status.progress)
            status = self._say(
                "False", Reason.RUNNING, "the runner runs; its progress is not known"
            )
            phase = self.execution.phase
        else:
            verifying = self.seen.recipe is None or (
                self.seen.recipe.task.spec.options.verify_mode != "None"
            )
            told = progress.advance(
                self.status.progress, self.seen.progress, verifying=verifying, now=self.now
            )
            status = self._say("False", Reason.RUNNING, "the runner runs")
            phase = Phase(self.seen.progress.phase)
        if self._stalled(told.last_progress_time if told else None):
            return self._end(
                Outcome(
                    Reason.NO_PROGRESS,
                    f"no number moved for {self.settings.stall_deadline_seconds} s: a storage server "
                    "may hang; check it, then start the task again",
                )
            )
        return Plan(
            status=status.model_copy(
                update={
                    "phase": phase,
                    "job_uid": job.uid,
                    "progress": told,
                    "counters": self.seen.progress.counters
                    if self.seen.progress
                    else self.status.counters,
                }
            ),
            requeue_after_seconds=self._exchange_pause(),
        )

    def _exchange_pause(self) -> float:
        """Soon again while a phase is young, then at the configured pace."""
        launched = self.status.launch_time
        young = launched is not None and self.now - launched < timedelta(seconds=15)
        pace = float(self.settings.exchange_interval_seconds)
        return min(1.0, pace) if young or self.seen.progress is None else pace

    def _stalled(self, last: datetime | None) -> bool:
        since = last or self.status.launch_time
        limit = timedelta(seconds=self.settings.stall_deadline_seconds)
        return since is not None and self.seen.progress is not None and self.now - since > limit

    def conclude(self, job: JobView) -> Plan:
        """Read the result of a Job that has finished."""
        end = outcome.conclude(job, self.seen.pods, self.execution.metadata.uid)
        plan = self._end(end)
        assert isinstance(plan.status, ExecutionStatus)  # noqa: S101 - what _end makes
        return Plan(
            status=plan.status.model_copy(update={"job_uid": job.uid}),
            requeue_after_seconds=0.0,
        )

    # ---- ending -------------------------------------------------------------------------

    def cancel(self) -> Plan:
        """Stop the Job and wait until no pod of it writes any more."""
        if self.seen.job is None and not self._live_pods():
            status = self._say("False", Reason.CANCELLED, "cancelled as asked", stalled=False)
            return Plan(
                status=status.model_copy(update={"phase": Phase.CANCELLED, "end_time": self.now}),
                requeue_after_seconds=0.0,
            )
        if self.seen.job is not None and self.seen.job.finished and not self._live_pods():
            return self.conclude(self.seen.job)  # it ended before it could be stopped
        status = self._say("False", Reason.CANCEL_REQUESTED, "the runner is being stopped")
        return Plan(
            actions=self._stop_job(),
            status=status.model_copy(update={"phase": Phase.CANCELLING}),
            requeue_after_seconds=_LAUNCH_SECONDS,
        )

    def clean_up(self) -> Plan:
        """Take away what is not needed after the end; delete the object when its time is up."""
        if (
            self.execution.metadata.finalizers
            and naming.FINALIZER in self.execution.metadata.finalizers
        ):
            return self._release()
        ttl, end = self.execution.spec.ttl_seconds_after_finished, self.status.end_time
        if ttl is None or end is None:
            return Plan()
        left = (end + timedelta(seconds=ttl) - self.now).total_seconds()
        if left > 0:
            return Plan(requeue_after_seconds=left)
        meta = self.execution.metadata
        return Plan(actions=[Delete(EXECUTIONS, meta.namespace, meta.name, meta.uid)])

    def let_go(self) -> Plan:
        """Stop what runs before the object goes; nothing is held back without our finalizer."""
        if naming.FINALIZER not in self.execution.metadata.finalizers:
            return Plan()
        return self._release()

    def _release(self) -> Plan:
        """Stop the Job, wait for its pods, delete the volumes, then drop the finalizer."""
        unfinished = self.seen.job is not None and not self.seen.job.finished
        if unfinished or self._live_pods():
            return Plan(actions=self._stop_job(), requeue_after_seconds=_LAUNCH_SECONDS)
        namespace = self.execution.metadata.namespace
        actions: list[Action] = []
        for name in self.seen.volume_names:
            actions.append(Delete(CLAIMS, namespace, name))
            actions.append(Delete(VOLUMES, None, name))
        return Plan(actions=[*actions, *self._finalizers(set())])

    def _stop_job(self) -> list[Action]:
        job = self.seen.job
        if job is None or job.deleting or job.finished:
            return []
        return [Delete(JOBS, self.execution.metadata.namespace, job.name, job.uid)]

    def _live_pods(self) -> bool:
        return any(not pod.finished for pod in self.seen.pods)

    def _finalizers(self, ours: set[str]) -> list[Action]:
        others = [f for f in self.execution.metadata.finalizers if f != naming.FINALIZER]
        wanted = (*others, *sorted(ours))
        if tuple(self.execution.metadata.finalizers) == wanted:
            return []
        return [SetFinalizers(wanted)]

    def _end(self, end: Outcome) -> Plan:
        """The terminal status of a run that was not cancelled."""
        status = self._say(
            "True" if end.success else "False", end.reason, end.message, stalled=not end.success
        )
        result = self._result(end)
        changes: dict[str, object] = {
            "phase": Phase.SUCCESS if end.success else Phase.ERROR,
            "start_time": self.status.start_time or self.now,
            "end_time": self.now,
            "result": result,
            "progress": progress.stale(self.status.progress),
        }
        if end.result is not None:
            changes["counters"] = end.result.counters
            changes["failures"] = end.result.failures
            changes["progress"] = progress.final(self.status.progress, end.result, now=self.now)
        return Plan(status=status.model_copy(update=changes), requeue_after_seconds=0.0)

    def _result(self, end: Outcome) -> ExecutionResult:
        told = end.result
        stages = ExecutionResult()
        if told is not None:
            stages = ExecutionResult(
                prepare_status=told.prepare_status,
                transfer_status=told.transfer_status,
                verify_status=told.verify_status,
                prepare_duration_ms=told.prepare_duration_ms,
                transfer_duration_ms=told.transfer_duration_ms,
                verify_duration_ms=told.verify_duration_ms,
                total_duration_ms=told.total_duration_ms,
            )
        if end.success:
            return stages
        return stages.model_copy(
            update={"error_code": end.reason, "error_detail": end.message[:4096]}
        )

    def _say(
        self, ready: str, reason: Reason, message: str, *, stalled: bool | None = None
    ) -> ExecutionStatus:
        """The status with its three conditions (kstatus reads them); `stalled` None: it goes on."""
        generation = self.execution.metadata.generation
        reconciling = "True" if stalled is None else "False"
        conditions = self.status.conditions
        for type_, value in (
            ("Ready", ready),
            ("Reconciling", reconciling),
            ("Stalled", "True" if stalled else "False"),
        ):
            wanted = Condition.model_validate(
                {
                    "type": type_,
                    "status": value,
                    "reason": reason,
                    "message": message[:4096],
                    "observed_generation": generation,
                }
            )
            conditions = set_condition(conditions, wanted, now=self.now)
        return self.status.model_copy(
            update={"observed_generation": generation, "conditions": conditions}
        )
