"""A run that a guard holds: what lets it go on, what ends it, and what it holds up (nothing)."""

from typing import Any

import pytest

from datasync_api.conditions import Reason, find_condition
from datasync_api.execution import Execution, ExecutionStatus, Phase
from datasync_operator.decide import manifests, naming
from datasync_operator.decide.execution import decide_execution
from datasync_operator.decide.ledger import Admitted, Ledger
from datasync_operator.decide.plan import Delete, Plan, SetFinalizers
from datasync_operator.decide.recipe import Recipe
from datasync_operator.decide.task import TaskView, decide_task
from datasync_operator.decide.view import ExecutionView
from fakes.objects import (
    NOW,
    SETTINGS,
    agent,
    ago,
    bucket,
    execution,
    job,
    nfs,
    pod,
    resolved,
    result,
    task,
)

TOKEN, OTHER = "1200-0123456789", "1500-9876543210"
HOLD = {"token": TOKEN, "reason": "TooManyDeletions", "deletions": 1200, "limit": 1000}
TOLD = "1200 of 2000 files would be deleted"
ENDS = {"nas": nfs(), "bucket": bucket()}
FAILED_JOB = job(failed=True, failed_reason="PodFailurePolicy")


def held(name: str = "run", *, age: float = 60, **more: Any) -> Execution:
    status = {
        "attempts": 1,
        "startTime": ago(age + 10).isoformat(),
        "launchTime": ago(age).isoformat(),
        "jobUid": "uid-job",
        "resolved": resolved(),
        "hold": HOLD,
        "result": {"errorCode": "TooManyDeletions", "errorDetail": TOLD},
        "progress": {"percent": 99},
        "counters": {"filesTransferred": 4},
        **more.pop("status", {}),
    }
    metadata = {"finalizers": [naming.FINALIZER], **more.pop("metadata", {})}
    return execution(name, phase="Held", status=status, metadata=metadata, **more)


def later(phase: str, *, age: float = 5, of: str = "nightly", **spec: Any) -> Execution:
    launched = {"launchTime": ago(age).isoformat(), "resolved": resolved()}
    return execution("later", task=of, phase=phase, status=launched, **spec)


def ledger(*runs: Execution, **spec: Any) -> Ledger:
    return Ledger(list(runs), {"nightly": task(**spec)}, ENDS, {"site": agent()})


def decide(run: Execution, *others: Execution, **seen: Any) -> Plan:
    recipe = Recipe(task(), ENDS["nas"], ENDS["bucket"], agent())
    view = {"recipe": recipe, "ledger": ledger(run, *others), "job": FAILED_JOB, **seen}
    return decide_execution(ExecutionView(execution=run, **view), SETTINGS, now=NOW)


def told(plan: Plan) -> ExecutionStatus:
    assert isinstance(plan.status, ExecutionStatus)
    return plan.status


def ready(plan: Plan) -> tuple[str, str]:
    condition = find_condition(told(plan).conditions, "Ready")
    assert condition is not None
    return condition.reason, condition.message


class TestBeingHeld:
    def test_a_guard_holds_the_run_with_its_token_and_does_not_end_it(self) -> None:
        why = {"code": "TooManyDeletions", "detail": TOLD}
        message = result(outcome="Held", error=why, hold=HOLD)
        run = execution(phase="Verifying", status={"attempts": 1, "resolved": resolved()})
        ended = pod(phase="Failed", exit_code=12, message=message)
        plan = decide(run, pods=[ended])
        assert told(plan).phase is Phase.HELD
        assert told(plan).hold is not None and told(plan).hold.token == TOKEN  # type: ignore[union-attr]
        assert told(plan).end_time is None
        assert told(plan).counters.files_transferred == 3  # type: ignore[union-attr]
        assert told(plan).result.error_code is Reason.TOO_MANY_DELETIONS  # type: ignore[union-attr]
        conditions = {c.type: c.status for c in told(plan).conditions}
        assert conditions == {"Ready": "False", "Reconciling": "False", "Stalled": "True"}

    def test_without_its_hold_a_result_is_no_more_than_an_error(self) -> None:
        message = result(outcome="Held", error={"code": "SourceEmpty", "detail": "it is empty"})
        run = execution(phase="Verifying", status={"attempts": 1, "resolved": resolved()})
        plan = decide(run, pods=[pod(phase="Failed", exit_code=12, message=message)])
        assert told(plan).phase is Phase.ERROR
        assert told(plan).hold is None

    def test_it_says_how_to_go_on(self) -> None:
        plan = decide(held())
        reason, message = ready(plan)
        assert reason == Reason.TOO_MANY_DELETIONS
        assert message.startswith(TOLD)
        assert message.endswith(f"set spec.acknowledge of this execution to {TOKEN}")
        assert told(plan).phase is Phase.HELD
        assert plan.requeue_after_seconds == 30.0
        assert plan.actions == ()

    def test_the_token_of_another_hold_is_called_that(self) -> None:
        plan = decide(held(acknowledge=OTHER))
        assert told(plan).phase is Phase.HELD
        assert f"spec.acknowledge {OTHER} is the token of another hold" in ready(plan)[1]

    def test_no_deadline_runs_and_no_ttl(self) -> None:
        plan = decide(held(age=90 * 86_400, ttlSecondsAfterFinished=0))
        assert told(plan).phase is Phase.HELD
        assert plan.actions == ()

    def test_a_hold_that_was_removed_from_outside_ends_it(self) -> None:
        plan = decide(held(status={"hold": None}))
        assert told(plan).phase is Phase.ERROR


class TestGoingOn:
    def test_the_token_puts_it_back_into_the_queue_as_a_new_attempt(self) -> None:
        plan = decide(held(acknowledge=TOKEN))
        queued = told(plan)
        assert queued.phase is Phase.QUEUED
        assert queued.acknowledged == TOKEN
        assert (queued.hold, queued.job_uid, queued.result) == (None, None, None)
        assert (queued.progress, queued.counters) == (None, None)
        assert queued.start_time == ago(70)
        # The pod of the Job that was held would keep the volumes.
        assert [(a.name, a.uid) for a in plan.actions if isinstance(a, Delete)] == [
            ("run-1", "uid-job")
        ]

    def test_it_starts_with_the_next_attempt_and_the_token_in_its_plan(self) -> None:
        first = held(acknowledge=TOKEN)
        queued = first.model_copy(update={"status": told(decide(first))})
        started = told(decide(queued, job=None))
        assert (started.phase, started.attempts, started.job_uid) == (Phase.LAUNCHING, 2, None)
        assert started.acknowledged == TOKEN
        running = queued.model_copy(update={"status": started})
        recipe = Recipe(task(), ENDS["nas"], ENDS["bucket"], agent())
        assert recipe.plan(running, SETTINGS).acknowledge == TOKEN
        # A plan is immutable, so the one with the token is another object.
        assert manifests.plan_name(running) != manifests.plan_name(first)
        volumes = manifests.job(running, recipe, SETTINGS, attempt=2)["spec"]["template"]["spec"][
            "volumes"
        ]
        assert volumes[0]["configMap"]["name"] == manifests.plan_name(running)

    def test_a_token_that_is_there_before_the_start_counts_from_the_first_attempt(self) -> None:
        run = execution(acknowledge=TOKEN)
        started = told(decide(run, job=None))
        assert (started.attempts, started.acknowledged) == (1, TOKEN)
        assert told(decide(execution(), job=None)).acknowledged is None

    def test_a_larger_deletion_is_held_again(self) -> None:
        why = {"code": "TooManyDeletions", "detail": "1500 of 2000 files would be deleted"}
        hold = {**HOLD, "token": OTHER, "deletions": 1500, "limit": 1200}
        status = {"attempts": 2, "resolved": resolved(), "acknowledged": TOKEN}
        run = execution(phase="Verifying", status=status, acknowledge=TOKEN)
        message = result(outcome="Held", error=why, hold=hold)
        again = told(decide(run, pods=[pod(phase="Failed", exit_code=12, message=message)]))
        assert (again.phase, again.hold.token) == (Phase.HELD, OTHER)  # type: ignore[union-attr]
        still = decide(run.model_copy(update={"status": again}))
        assert told(still).phase is Phase.HELD
        assert f"{TOKEN} is the token of another hold" in ready(still)[1]


class TestEnding:
    @pytest.mark.parametrize(
        ("other", "ends"),
        [
            (later("Held"), True),
            (later("Success"), True),
            (later("CompletedWithErrors"), True),
            (later("Transferring"), False),
            (later("Error"), False),
            (later("Cancelled"), False),
            (execution("later"), False),
            (later("Success", age=100), False),
            (later("Success", of="another"), False),
            (later("Success", mode="DryRun"), False),
        ],
        ids=[
            "held too",
            "went through",
            "went through with errors",
            "not so far yet",
            "failed",
            "cancelled",
            "waits",
            "was before",
            "of another task",
            "wrote nothing",
        ],
    )
    def test_a_later_run_that_has_judged_anew_takes_its_place(
        self, other: Execution, ends: bool
    ) -> None:
        plan = decide(held(), other)
        assert told(plan).phase is (Phase.ERROR if ends else Phase.HELD)
        assert ready(plan)[0] == Reason.TOO_MANY_DELETIONS
        assert ("execution later of this task has taken its place" in ready(plan)[1]) is ends
        assert (told(plan).hold is None) is ends

    def test_the_right_token_counts_all_the_same(self) -> None:
        assert told(decide(held(acknowledge=TOKEN), later("Held"))).phase is Phase.QUEUED

    def test_cancelled_it_is_over_at_once(self) -> None:
        plan = decide(held(cancel=True), pods=[pod(phase="Failed", exit_code=12)])
        assert told(plan).phase is Phase.CANCELLED
        assert told(plan).hold is None
        assert told(plan).end_time == NOW

    def test_deleted_it_is_let_go_with_its_volumes(self) -> None:
        run = held(metadata={"deletionTimestamp": NOW.isoformat()})
        plan = decide(run, volume_names=["pv-1"])
        assert plan.actions[-1] == SetFinalizers(())
        assert [a.resource.plural for a in plan.actions if isinstance(a, Delete)] == [
            "persistentvolumeclaims",
            "persistentvolumes",
        ]


class TestHoldingUpNothing:
    def test_it_has_no_slot_and_the_next_run_of_the_task_may_start(self) -> None:
        book = Ledger(
            [held(), execution("next")],
            {"nightly": task()},
            ENDS,
            {"site": agent(maxConcurrentExecutions=1)},
        )
        assert book.verdict("uid-next", now=NOW) == Admitted("site")

    def test_without_queueing_a_new_start_is_not_refused(self) -> None:
        book = ledger(held(), execution("next"), options={"taskQueueing": "Disabled"})
        assert book.active_run_of("nightly", but="next") is None

    @pytest.mark.parametrize(
        ("others", "state", "current"),
        [
            ([], "Available", "run"),
            ([execution("next")], "Queued", "next"),
            ([later("Transferring")], "Running", "later"),
        ],
    )
    def test_the_task_shows_it_and_stays_available(
        self, others: list[Execution], state: str, current: str
    ) -> None:
        status = decide_task(TaskView(task(), ENDS, [held(), *others]), now=NOW).status
        assert status is not None
        assert status.status == state  # type: ignore[attr-defined]
        assert status.current_execution == current  # type: ignore[attr-defined]
        assert status.last_execution is None  # type: ignore[attr-defined]

    def test_the_next_slot_starts_a_run(self) -> None:
        hourly = task(
            schedule={"expression": "rate(1 hour)"},
            metadata={"creationTimestamp": ago(3600).isoformat()},
        )
        labels = {"labels": {naming.STARTED_BY_LABEL: "schedule"}}
        plan = decide_task(TaskView(hourly, ENDS, [held(metadata=labels)]), now=NOW)
        assert len(plan.actions) == 1
