"""One task: schedule, trigger, history limits, and what its status says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datasync_api.baseline import Baseline
from datasync_api.conditions import Reason, find_condition
from datasync_api.execution import Execution
from datasync_api.execution_progress import ExecutionResult
from datasync_api.location import Location
from datasync_api.task import Task, TaskStatus
from datasync_operator.decide import naming
from datasync_operator.decide.plan import Create, Delete, Plan
from datasync_operator.decide.slots import decide_schedule
from datasync_operator.decide.task import TaskView, decide_task
from datasync_operator.decide.task_runs import outdated, task_state
from fakes.objects import NOW, ago, bucket, claim, execution, nfs, task

HOURLY = {"expression": "rate(1 hour)"}
ENDS = {"nas": nfs(), "bucket": bucket()}
LISTED = {"manifest": {"s3": {"locationRef": {"name": "other"}, "key": "files.csv"}}}
REPORTED = {"report": {"locationRef": {"name": "other"}}}
OLD, NEW = (
    {"recipe": "0" * 64, "sourceTime": at.isoformat(), "destinationTime": at.isoformat()}
    for at in (ago(7200), ago(20))
)


def old_task(hours: float, *, schedule: dict[str, Any] | None = None, **more: Any) -> Task:
    created = {"creationTimestamp": ago(hours * 3600).isoformat()}
    return task(metadata=created, schedule={**HOURLY, **(schedule or {})}, **more)


def decide(the_task: Task, *runs: Execution, **seen: Any) -> Plan:
    return decide_task(TaskView(the_task, seen.get("locations", ENDS), runs), now=NOW)


def started(plan: Plan) -> list[str]:
    return [a.manifest["metadata"]["name"] for a in plan.actions if isinstance(a, Create)]


def told(plan: Plan) -> TaskStatus:
    assert isinstance(plan.status, TaskStatus)
    return plan.status


def own(name: str, phase: str, *, age: float = 10, by: str = "schedule", **more: Any) -> Execution:
    owner = {"apiVersion": "x", "kind": "DataSyncTask", "name": "nightly", "uid": "uid-nightly"}
    return execution(
        name,
        phase=phase,
        status={"endTime": ago(age).isoformat()},
        metadata={"labels": {naming.STARTED_BY_LABEL: by}, "ownerReferences": [owner], **more},
    )


class TestSchedule:
    @pytest.mark.parametrize(
        ("the_task", "runs", "slot_age", "missed"),
        [
            (old_task(0.5), [], None, 0),
            (old_task(1), [], 0.0, 0),
            (old_task(1.2), [], 0.2, 0),
            (old_task(3.2), [], 0.2, 2),
            (old_task(1.5, schedule={"startingDeadlineSeconds": 10}), [], None, 1),
            (old_task(1.2, suspend=True), [], None, 0),
            (old_task(1.2, schedule={"status": "Disabled"}), [], None, 0),
            (old_task(2.2), [own("waits", "Queued")], None, 2),
            (old_task(1.2), [own("runs", "Transferring")], 0.2, 0),
        ],
        ids=[
            "not yet",
            "on the minute",
            "a little late",
            "after an outage: the latest, the others missed",
            "too late",
            "suspended",
            "disabled",
            "one waits already",
            "one runs: the next queues",
        ],
    )
    def test_what_is_due(
        self, the_task: Task, runs: list[Execution], slot_age: float | None, missed: int
    ) -> None:
        due = decide_schedule(the_task, runs, now=NOW)
        expected = None if slot_age is None else NOW - timedelta(hours=slot_age)
        assert (due.slot, due.missed) == (expected, missed)

    def test_a_slot_starts_one_run_named_after_its_minute(self) -> None:
        plan = decide(old_task(1))
        assert started(plan) == ["nightly-202611231200"]
        assert told(plan).last_schedule_time == NOW
        assert told(plan).next_schedule_time == NOW + timedelta(hours=1)
        assert plan.requeue_after_seconds == 300.0

    def test_looking_again_starts_nothing(self) -> None:
        first = decide(old_task(1))
        again = old_task(1, status=told(first).manifest())
        assert started(decide(again)) == []

    def test_looking_again_before_the_status_was_written_makes_the_same_name(self) -> None:
        assert started(decide(old_task(1))) == started(decide(old_task(1)))

    def test_jitter_is_the_same_each_time_and_within_its_bound(self) -> None:
        jittered = old_task(0.5, schedule={"jitterSeconds": 600})
        nexts = {decide_schedule(jittered, [], now=NOW).next for _ in range(3)}
        assert len(nexts) == 1
        due = nexts.pop()
        assert due is not None
        assert timedelta(0) <= due - (NOW + timedelta(minutes=30)) <= timedelta(seconds=600)

    def test_jitter_differs_from_task_to_task(self) -> None:
        dues = {
            decide_schedule(
                old_task(0.5, schedule={"jitterSeconds": 600}, name=f"task-{number}"), [], now=NOW
            ).next
            for number in range(5)
        }
        assert len(dues) == 5

    def test_time_zones_are_the_schedules_own(self) -> None:
        berlin = old_task(
            2, schedule={"expression": "cron(30 13 * * ? *)", "timeZone": "Europe/Berlin"}
        )
        due = decide_schedule(berlin, [], now=NOW)
        assert due.next == datetime(2026, 11, 23, 12, 30, tzinfo=UTC)

    def test_what_cannot_be_read_is_said_and_starts_nothing(self) -> None:
        broken = old_task(5, schedule={"expression": "cron(0 25 * * ? *)"})
        plan = decide(broken)
        condition = find_condition(told(plan).conditions, "Ready")
        assert condition is not None
        assert condition.reason == Reason.INVALID_SPEC
        assert started(plan) == []

    def test_a_filter_that_cannot_be_read_is_said(self) -> None:
        broken = task(excludes=[{"filterType": "Glob", "value": "*.[z-a]"}])
        condition = find_condition(told(decide(broken)).conditions, "Ready")
        assert condition is not None
        assert condition.reason == Reason.INVALID_SPEC
        assert condition.message == ("excludes[0].value: the range z-a goes downwards: write a-z")


class TestTrigger:
    def test_a_changed_trigger_starts_one_run_and_is_echoed(self) -> None:
        plan = decide(task(trigger="v2", status={"lastTrigger": "v1"}))
        assert len(started(plan)) == 1
        assert told(plan).last_trigger == "v2"

    def test_the_same_trigger_starts_nothing(self) -> None:
        assert started(decide(task(trigger="v2", status={"lastTrigger": "v2"}))) == []

    def test_an_empty_trigger_starts_nothing(self) -> None:
        assert started(decide(task(status={"lastTrigger": "v2"}))) == []

    def test_going_back_to_an_old_tag_is_a_new_run(self) -> None:
        one = decide(task(trigger="v1", metadata={"generation": 2}))
        back = decide(task(trigger="v1", metadata={"generation": 4}, status={"lastTrigger": "v2"}))
        assert started(one) != started(back)

    def test_suspended_it_waits(self) -> None:
        plan = decide(task(trigger="v2", suspend=True))
        assert started(plan) == []
        assert told(plan).last_trigger is None


class TestHistory:
    def test_the_oldest_beyond_the_limits_go(self) -> None:
        runs = [own(f"good-{n}", "Success", age=100 - n) for n in range(5)]
        phases = ("Error", "CompletedWithErrors", "Cancelled", "CompletedWithErrors")
        runs += [own(f"bad-{n}", phase, age=100 - n) for n, phase in enumerate(phases)]
        limited = task(successfulExecutionsHistoryLimit=3, failedExecutionsHistoryLimit=1)
        names = {run.metadata.name for run in outdated(limited, runs)}
        assert names == {"good-0", "good-1", "bad-0", "bad-1", "bad-2"}

    @pytest.mark.parametrize(
        "kept",
        [
            execution("applied by a user".replace(" ", "-"), phase="Success"),
            own("runs", "Transferring"),
            own("ends", "Success", finalizers=[naming.FINALIZER]),
            own("goes", "Success", deletionTimestamp=NOW.isoformat(), finalizers=["x"]),
        ],
        ids=["a user's own", "not ended", "not cleaned up", "being deleted"],
    )
    def test_what_is_kept_whatever_the_limits(self, kept: Execution) -> None:
        none = task(successfulExecutionsHistoryLimit=0, failedExecutionsHistoryLimit=0)
        assert outdated(none, [kept]) == []

    def test_the_plan_deletes_them_by_uid(self) -> None:
        plan = decide(task(successfulExecutionsHistoryLimit=0), own("old", "Success"))
        assert [(a.name, a.uid) for a in plan.actions if isinstance(a, Delete)] == [
            ("old", "uid-old")
        ]


class TestStatus:
    @pytest.mark.parametrize(
        ("phases", "ready", "expected"),
        [
            (["Transferring", "Queued"], True, "Running"),
            (["Cancelling"], False, "Running"),
            (["Queued"], True, "Queued"),
            (["Success"], True, "Available"),
            ([], False, "Unavailable"),
        ],
    )
    def test_task_state(self, phases: list[str], ready: bool, expected: str) -> None:
        runs = [execution(f"run-{n}", phase=phase) for n, phase in enumerate(phases)]
        assert task_state(runs, ready=ready) == expected

    def test_failures_in_a_row_are_counted_once_each(self) -> None:
        runs = [own("a", "Error", age=30), own("b", "Error", age=20)]
        first = told(decide(task(), *runs))
        assert first.consecutive_failures == 2
        again = told(decide(task(status=first.manifest()), *runs))
        assert again.consecutive_failures == 2
        good = told(decide(task(status=first.manifest()), *runs, own("c", "Success", age=5)))
        assert good.consecutive_failures == 0
        assert good.last_execution is not None
        assert good.last_execution.name == "c"
        assert good.last_successful_time == ago(5)

    @pytest.mark.parametrize(
        ("phase", "successful", "failures", "condition"),
        [
            ("Success", ago(5), 0, "True"),
            ("CompletedWithErrors", ago(30), 0, "False"),
            ("Error", ago(30), 2, "False"),
            ("Cancelled", ago(30), 1, "False"),
        ],
    )
    def test_what_an_end_means(
        self, phase: str, successful: datetime, failures: int, condition: str
    ) -> None:
        runs = [own("a", "Success", age=30), own("b", "Error", age=20), own("c", phase, age=5)]
        summary = told(decide(task(), *runs))
        assert summary.last_successful_time == successful
        assert summary.consecutive_failures == failures
        last = find_condition(summary.conditions, "LastExecutionSucceeded")
        assert last is not None and last.status == condition
        assert summary.last_execution is not None and summary.last_execution.phase == phase

    @pytest.mark.parametrize("phase", ["Success", "Error"])
    def test_a_dry_run_says_nothing_of_the_data(self, phase: str) -> None:
        before = told(decide(task(), own("a", "Success", age=30)))
        rehearsed = execution(
            "dry", phase=phase, status={"endTime": ago(5).isoformat()}, mode="DryRun"
        )
        after = told(decide(task(status=before.manifest()), own("a", "Success", age=30), rehearsed))
        assert after == before

    @pytest.mark.parametrize(
        ("locations", "expected"),
        [
            (ENDS, "True"),
            ({"nas": nfs()}, "False"),
            ({"nas": nfs(), "bucket": nfs(path="/export/below")}, "False"),
        ],
    )
    def test_ready(self, locations: dict[str, Any], expected: str) -> None:
        condition = find_condition(told(decide(task(), locations=locations)).conditions, "Ready")
        assert condition is not None
        assert condition.status == expected

    @pytest.mark.parametrize(
        ("spec", "more", "reason", "words"),
        [
            (LISTED, {}, "LocationNotFound", "no DataSyncLocation other in this namespace"),
            (LISTED, {"other": bucket("other")}, "Valid", "can run"),
            (LISTED, {"other": claim("other")}, "InvalidSpec", "kind s3 or objectStorage"),
            (REPORTED, {}, "LocationNotFound", "no DataSyncLocation other in this namespace"),
            (REPORTED, {"other": claim("other")}, "Valid", "can run"),
        ],
    )
    def test_ready_with_a_location_beside_its_ends(
        self, spec: dict[str, Any], more: dict[str, Location], reason: str, words: str
    ) -> None:
        found = told(decide(task(**spec), locations=ENDS | more))
        condition = find_condition(found.conditions, "Ready")
        assert condition is not None
        assert condition.reason == reason
        assert words in condition.message
        assert condition.status == ("True" if reason == "Valid" else "False")

    @pytest.mark.parametrize(
        ("flags", "expected"),
        [({}, "True"), ("None", "True"), ("OwnerDACL", "False"), ("OwnerDACLSACL", "False")],
    )
    def test_security_descriptors_are_for_shares(self, flags: Any, expected: str) -> None:
        options = {"securityDescriptorCopyFlags": flags} if flags else {}
        condition = find_condition(told(decide(task(options=options))).conditions, "Ready")
        assert condition is not None
        assert condition.status == expected
        assert expected == "True" or "leave it out" in condition.message

    @pytest.mark.parametrize(
        ("phase", "proven", "kept"),
        [
            ("Success", NEW, NEW),
            ("Success", None, OLD),
            ("Error", NEW, OLD),
            ("Cancelled", None, OLD),
        ],
        ids=["a success moves it", "a clock was not known", "failures do not", "nor does a stop"],
    )
    def test_the_baseline_is_the_last_successes(
        self, phase: str, proven: dict[str, Any] | None, kept: dict[str, Any]
    ) -> None:
        ended = own("run", phase)
        result = ExecutionResult.model_validate({"baseline": proven})
        run = ended.model_copy(
            update={"status": ended.status.model_copy(update={"result": result})}
        )
        found = told(decide(task(status={"baseline": OLD}), run))
        assert found.baseline == Baseline.model_validate(kept)

    def test_nothing_new_says_the_same(self) -> None:
        first = told(decide(task(), own("a", "Error")))
        assert told(decide(task(status=first.manifest()), own("a", "Error"))) == first
