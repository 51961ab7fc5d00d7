"""One execution, step by step: the table of decide_execution and those of the steps."""

from dataclasses import replace
from typing import Any

import pytest

from datasync_api.conditions import Reason, find_condition
from datasync_api.counters import Counters
from datasync_api.execution import Execution, ExecutionStatus, Phase
from datasync_api.location import Location
from datasync_api.report import Progress
from datasync_api.task import Task
from datasync_operator.decide import naming
from datasync_operator.decide.execution import decide_execution
from datasync_operator.decide.ledger import Ledger
from datasync_operator.decide.plan import Create, Delete, Plan, SetFinalizers
from datasync_operator.decide.recipe import Recipe
from datasync_operator.decide.view import ExecutionView
from fakes.objects import (
    NOW,
    SETTINGS,
    agent,
    ago,
    bucket,
    claim,
    efs,
    execution,
    job,
    lustre,
    mounted_share,
    nfs,
    ontap,
    open_zfs,
    pod,
    resolved,
    result,
    s3,
    smb,
    task,
    warning,
)

FINALIZED = {"finalizers": [naming.FINALIZER]}
ALWAYS = {"from": "00:00", "to": "24:00"}
PAUSED = {"expression": "rate(1 day)", "windows": [{**ALWAYS, "pause": True}]}


def recipe(
    the_task: Task | None = None,
    source: Location | None = None,
    destination: Location | None = None,
) -> Recipe:
    return Recipe(the_task or task(), source or nfs(), destination or bucket(), agent())


def ledger(*runs: Execution, the_recipe: Recipe | None = None) -> Ledger:
    made = the_recipe or recipe()
    ends = {"nas": made.source, "bucket": made.destination}
    return Ledger(list(runs), {"nightly": made.task}, ends, {"site": agent()})


def decide(run: Execution, **seen: Any) -> Plan:
    view = ExecutionView(execution=run, **{"recipe": recipe(), "ledger": ledger(run), **seen})
    return decide_execution(view, SETTINGS, now=NOW)


def told(plan: Plan) -> ExecutionStatus:
    assert isinstance(plan.status, ExecutionStatus)
    return plan.status


def reason(plan: Plan, type_: str = "Ready") -> str:
    condition = find_condition(told(plan).conditions, type_)
    assert condition is not None
    return condition.reason


def launching(**status: Any) -> Execution:
    known = {"attempts": 1, "launchTime": ago(3).isoformat(), "resolved": resolved(), **status}
    return execution(phase="Launching", status=known, metadata=FINALIZED)


class TestWaiting:
    def test_a_free_slot_is_taken_before_anything_is_created(self) -> None:
        plan = decide(execution())
        assert told(plan).phase is Phase.LAUNCHING
        assert told(plan).attempts == 1
        assert told(plan).launch_time == NOW
        assert told(plan).resolved is not None
        assert told(plan).resolved.agent == "site"  # type: ignore[union-attr]
        assert plan.actions == [SetFinalizers((naming.FINALIZER,))]

    def test_it_waits_for_a_reference_and_says_which(self) -> None:
        missing = (
            Reason.LOCATION_NOT_FOUND,
            "no DataSyncLocation nas in this namespace: create it",
        )
        plan = decide(execution(), recipe=None, missing=missing)
        assert told(plan).phase is Phase.QUEUED
        assert reason(plan) == Reason.LOCATION_NOT_FOUND
        assert plan.requeue_after_seconds == 5.0

    def test_a_reference_that_never_comes_ends_it(self) -> None:
        old = execution(metadata={"creationTimestamp": ago(61).isoformat()})
        plan = decide(old, recipe=None, missing=(Reason.TASK_NOT_FOUND, "no task"))
        assert told(plan).phase is Phase.ERROR
        assert reason(plan) == Reason.TASK_NOT_FOUND

    @pytest.mark.parametrize(("age", "phase"), [(10, Phase.QUEUED), (61, Phase.ERROR)])
    def test_an_agent_that_never_comes_ends_it(self, age: int, phase: Phase) -> None:
        run = execution(metadata={"creationTimestamp": ago(age).isoformat()})
        none = replace(ledger(run), agents={})
        plan = decide(run, ledger=none)
        assert told(plan).phase is phase
        assert reason(plan) == Reason.AGENT_NOT_FOUND

    @pytest.mark.parametrize(("age", "phase"), [(10, Phase.QUEUED), (61, Phase.ERROR)])
    def test_a_driver_is_waited_for_and_one_that_never_comes_ends_it(
        self, age: int, phase: Phase
    ) -> None:
        made = recipe(destination=efs("bucket"))
        run = execution(metadata={"creationTimestamp": ago(age).isoformat()})
        without = replace(ledger(run, the_recipe=made), missing_drivers={"efs.csi.aws.com"})
        plan = decide(run, recipe=made, ledger=without)
        assert told(plan).phase is phase
        assert reason(plan) == Reason.DRIVER_NOT_INSTALLED
        assert plan.actions == ()

    @pytest.mark.parametrize(
        ("others", "age", "phase", "expected"),
        [
            ({}, 10, Phase.QUEUED, Reason.TASK_NOT_FOUND),
            ({}, 61, Phase.ERROR, Reason.TASK_NOT_FOUND),
            ({"export": task("export")}, 86_400, Phase.QUEUED, Reason.WAITING_FOR_TASK),
        ],
        ids=["not there yet", "never there", "no success yet"],
    )
    def test_a_task_to_run_after_is_waited_for(
        self, others: dict[str, Task], age: int, phase: Phase, expected: Reason
    ) -> None:
        made = recipe(task(runAfter=["export"]))
        run = execution(metadata={"creationTimestamp": ago(age).isoformat()})
        book = ledger(run, the_recipe=made)
        plan = decide(run, recipe=made, ledger=replace(book, tasks={**book.tasks, **others}))
        assert (told(plan).phase, reason(plan)) == (phase, expected)

    def test_a_window_that_pauses_is_waited_for_without_a_deadline(self) -> None:
        made = recipe(task(schedule=PAUSED))
        run = execution(metadata={"creationTimestamp": ago(86_400).isoformat()})
        plan = decide(run, recipe=made, ledger=ledger(run, the_recipe=made))
        assert (told(plan).phase, reason(plan)) == (Phase.QUEUED, Reason.PAUSED)
        now = execution(bytesPerSecond=-1)
        plan = decide(now, recipe=made, ledger=ledger(now, the_recipe=made))
        assert told(plan).phase is Phase.LAUNCHING

    def test_windows_that_cannot_be_read_end_it(self) -> None:
        made = recipe(task(schedule={**PAUSED, "timeZone": "Nowhere/Here"}))
        run = execution()
        plan = decide(run, recipe=made, ledger=ledger(run, the_recipe=made))
        assert (told(plan).phase, reason(plan)) == (Phase.ERROR, Reason.INVALID_SPEC)

    def test_another_run_of_the_task_is_waited_for(self) -> None:
        first = execution("first", phase="Transferring", status={"resolved": resolved()})
        run = execution("second")
        plan = decide(run, ledger=ledger(first, run))
        assert told(plan).phase is Phase.QUEUED
        assert reason(plan) == Reason.WAITING_FOR_SLOT

    def test_without_queueing_a_second_start_is_refused(self) -> None:
        made = recipe(task(options={"taskQueueing": "Disabled"}))
        first = execution("first", phase="Transferring", status={"resolved": resolved()})
        run = execution("second")
        plan = decide(run, recipe=made, ledger=ledger(first, run, the_recipe=made))
        assert told(plan).phase is Phase.ERROR
        assert reason(plan) == Reason.TASK_BUSY

    @pytest.mark.parametrize(
        ("source", "destination", "expected"),
        [
            (s3("one"), s3("one", prefix="below"), Reason.INVALID_SPEC),
            (claim(path="a"), claim(path="a/b"), Reason.INVALID_SPEC),
            (s3("one"), claim(readOnly=True), Reason.INVALID_SPEC),
            (
                s3("one", serviceAccountName="a"),
                s3("two", serviceAccountName="b"),
                Reason.CONFLICTING_IDENTITIES,
            ),
        ],
        ids=["folder inside", "claim inside", "read-only destination", "two identities"],
    )
    def test_impossible_pairs_end_at_once(
        self, source: Location, destination: Location, expected: Reason
    ) -> None:
        made = recipe(source=source, destination=destination)
        plan = decide(execution(), recipe=made, ledger=ledger(the_recipe=made))
        assert told(plan).phase is Phase.ERROR
        assert reason(plan) == expected

    @pytest.mark.parametrize(
        ("source", "destination", "possible"),
        [
            (smb(), smb(share="other"), True),
            (smb(), s3("one"), False),
            (nfs(), smb(), False),
            (smb(), mounted_share(share="other"), False),
            (mounted_share(), smb(share="other"), False),
        ],
        ids=["shares", "a bucket", "an export", "to a mounted share", "from a mounted share"],
    )
    def test_security_descriptors_need_a_share_at_both_ends(
        self, source: Location, destination: Location, possible: bool
    ) -> None:
        for flags in ("OwnerDACL", "OwnerDACLSACL", "None"):
            the_task = task(options={"securityDescriptorCopyFlags": flags})
            made = recipe(the_task, source=source, destination=destination)
            plan = decide(execution(), recipe=made, ledger=ledger(the_recipe=made))
            fine = possible or flags == "None"
            assert (told(plan).phase is not Phase.ERROR) is fine
            assert fine or reason(plan) == Reason.INVALID_SPEC

    @pytest.mark.parametrize(
        ("place", "words"),
        [
            (s3("one", prefix="data/reports"), "the report would lie in"),
            (s3("one", prefix="other"), None),
            (claim(readOnly=True), "readOnly"),
        ],
        ids=["inside", "beside", "read-only"],
    )
    def test_a_report_lies_outside_of_what_is_synchronized(
        self, place: Location, words: str | None
    ) -> None:
        the_task = task(report={"locationRef": {"name": "told"}})
        made = replace(recipe(the_task, destination=s3("one", prefix="data")), report=place.spec)
        plan = decide(execution(), recipe=made, ledger=ledger(the_recipe=made))
        if words is None:
            assert told(plan).phase is not Phase.ERROR
            return
        assert told(plan).phase is Phase.ERROR
        assert words in told(plan).result.error_detail  # type: ignore[union-attr,operator]

    def test_a_filter_that_cannot_be_read_ends_it_at_once(self) -> None:
        made = recipe(task(includes=[{"filterType": "Glob", "value": "/[9-0]"}]))
        plan = decide(execution(), recipe=made, ledger=ledger(the_recipe=made))
        assert told(plan).phase is Phase.ERROR
        assert reason(plan) == Reason.INVALID_SPEC

    @pytest.mark.parametrize(
        "source",
        [nfs(), efs(), lustre(), open_zfs(), ontap()],
        ids=["nfs", "efs", "lustre", "openzfs", "ontap"],
    )
    def test_volumes_need_the_clusterwide_installation(self, source: Location) -> None:
        run, made = execution(), recipe(source=source)
        view = ExecutionView(execution=run, recipe=made, ledger=ledger(run, the_recipe=made))
        namespaced = replace(SETTINGS, watch_namespaces=("team-a",))
        plan = decide_execution(view, namespaced, now=NOW)
        assert reason(plan) == Reason.INVALID_SPEC
        assert source.spec.uri in told(plan).result.error_detail  # type: ignore[union-attr,operator]


class TestLaunching:
    def test_everything_is_made_in_order_volumes_first_the_job_last(self) -> None:
        plan = decide(launching(), token="secret")
        made = [a for a in plan.actions if isinstance(a, Create)]
        assert [a.resource.plural for a in made] == ["persistentvolumes"]
        assert plan.status is None

        name = made[0].manifest["metadata"]["name"]
        waiting = decide(launching(), token="secret", volume_names=[name])
        assert waiting.actions == []
        assert waiting.requeue_after_seconds == 0.2

        plan = decide(launching(), token="secret", volume_names=[name], bindable_volumes=[name])
        made = [a for a in plan.actions if isinstance(a, Create)]
        assert [(a.resource.plural, a.manifest["kind"]) for a in made] == [
            ("configmaps", "ConfigMap"),
            ("secrets", "Secret"),
            ("persistentvolumeclaims", "PersistentVolumeClaim"),
            ("jobs", "Job"),
        ]
        assert plan.status is None

    @pytest.mark.parametrize(
        ("status", "ends"),
        [
            ({"launchTime": ago(60).isoformat()}, False),
            ({"launchTime": ago(61).isoformat()}, True),
            (
                {
                    "launchTime": ago(900).isoformat(),
                    "attempts": 2,
                    "progress": {"lastUpdateTime": ago(30).isoformat()},
                },
                False,
            ),
        ],
        ids=["within the deadline", "past it", "its last Job vanished just now"],
    )
    def test_what_kubernetes_keeps_refusing_ends_it(
        self, status: dict[str, Any], ends: bool
    ) -> None:
        plan = decide(launching(**status))
        assert (plan.status is not None) is ends
        if ends:
            assert reason(plan) == Reason.LAUNCH_DEADLINE_EXCEEDED

    def test_the_same_view_makes_the_same_things(self) -> None:
        assert decide(launching(), token="t") == decide(launching(), token="t")

    def test_a_vanished_job_is_the_next_attempt(self) -> None:
        plan = decide(launching(jobUid="uid-job"))
        assert told(plan).attempts == 2
        assert told(plan).job_uid is None
        assert reason(plan) == Reason.RETRYING

    def test_the_next_attempt_waits_for_the_pods_of_the_last(self) -> None:
        plan = decide(launching(jobUid="uid-job"), pods=[pod(phase="Running", deleting=True)])
        assert plan.status is None
        assert plan.requeue_after_seconds == 2.0

    @pytest.mark.parametrize(("limit", "attempts"), [(3, 4), (0, 1), (5, 6)])
    def test_attempts_are_limited(self, limit: int, attempts: int) -> None:
        made = recipe(task(retry={"limit": limit}))
        plan = decide(launching(jobUid="uid-job", attempts=attempts), recipe=made)
        assert told(plan).phase is Phase.ERROR
        assert reason(plan) == Reason.RETRIES_EXHAUSTED
        if limit:
            again = decide(launching(jobUid="uid-job", attempts=attempts - 1), recipe=made)
            assert told(again).attempts == attempts

    def test_a_missing_recipe_ends_it(self) -> None:
        plan = decide(launching(), recipe=None, missing=(Reason.TASK_NOT_FOUND, "gone"))
        assert reason(plan) == Reason.TASK_NOT_FOUND

    def test_why_it_does_not_start_is_said(self) -> None:
        plan = decide(launching(), job=job(), pods=[pod(unschedulable="0/1 nodes fit")])
        assert told(plan).phase is Phase.LAUNCHING
        assert reason(plan) == Reason.UNSCHEDULABLE
        assert told(plan).job_uid == "uid-job"

    @pytest.mark.parametrize(
        ("pods", "events", "expected"),
        [
            ([pod(created=ago(61), unschedulable="no")], [], Reason.UNSCHEDULABLE),
            ([pod(created=ago(61), waiting_reason="ErrImagePull")], [], Reason.IMAGE_PULL_FAILED),
            (
                [pod(created=ago(61))],
                [warning("FailedMount", "access denied")],
                Reason.MOUNT_FAILED,
            ),
            ([pod(created=ago(61))], [], Reason.LAUNCH_DEADLINE_EXCEEDED),
        ],
    )
    def test_past_the_launch_deadline_it_ends_with_the_reason(
        self, pods: list[Any], events: list[Any], expected: Reason
    ) -> None:
        plan = decide(launching(), job=job(created=ago(62)), pods=pods, events=events)
        assert told(plan).phase is Phase.ERROR
        assert reason(plan) == expected
        assert "within 60 s" in (told(plan).result.error_detail or "")  # type: ignore[union-attr]

    def test_a_node_that_is_not_let_in_ends_it_at_once(self) -> None:
        denied = warning("FailedMount", "mount failed: Output: mount error(13): Permission denied")
        plan = decide(launching(), job=job(), pods=[pod()], events=[denied])
        assert told(plan).phase is Phase.ERROR
        assert reason(plan) == Reason.CREDENTIALS_REFUSED
        detail = told(plan).result.error_detail or ""  # type: ignore[union-attr]
        assert detail.startswith("the server of a share does not let the user of its Secret in")


def running_view(**more: Any) -> dict[str, Any]:
    return {"job": job(), "pods": [pod(phase="Running", ip="10.0.0.1")], **more}


def live(phase: str = "Transferring", *, totals_final: bool = True, **counters: int) -> Progress:
    known = {"estimated_files_to_transfer": 10, "estimated_bytes_to_transfer": 1000, **counters}
    return Progress.model_validate(
        {
            "executionUid": "uid-run",
            "phase": phase,
            "counters": Counters(**known).manifest(),  # type: ignore[arg-type]
            "totalsFinal": totals_final,
        }
    )


class TestRunning:
    @pytest.mark.parametrize("phase", ["Preparing", "Transferring", "Verifying"])
    def test_the_phase_is_the_runners(self, phase: str) -> None:
        plan = decide(launching(), **running_view(progress=live(phase)))
        assert told(plan).phase == phase
        assert reason(plan) == Reason.RUNNING

    def test_a_location_that_lets_nobody_in_yet_is_told(self) -> None:
        text = "cannot reach the source, trying again: no answer"
        seen = live("Preparing").model_copy(update={"waiting": text})
        plan = decide(launching(), **running_view(progress=seen))
        assert [c.message for c in told(plan).conditions if c.type == "Ready"] == [text]

    @pytest.mark.parametrize(
        ("phase", "source", "age", "written"),
        [
            ("Transferring", "Live", 0, False),
            ("Transferring", "Live", 1, True),
            ("Preparing", "Live", 0, True),
            ("Transferring", "Stale", 0, True),
        ],
    )
    def test_the_status_is_written_at_the_pace_of_the_exchange(
        self, phase: str, source: str, age: int, written: bool
    ) -> None:
        known = {"lastUpdateTime": ago(age).isoformat(), "source": source}
        run = execution(
            phase=phase,
            status={"progress": known, "launchTime": ago(3).isoformat()},
            metadata=FINALIZED,
        )
        plan = decide(run, **running_view(progress=live(files_transferred=4)))
        assert (plan.status is not None) is written
        assert plan.requeue_after_seconds == 1.0

    def test_a_silent_runner_is_said_to_be_stale_and_goes_on(self) -> None:
        known = {"filesTransferred": 3, "source": "Live"}
        run = execution(
            phase="Transferring", status={"progress": known, "attempts": 1}, metadata=FINALIZED
        )
        plan = decide(run, **running_view())
        assert told(plan).phase is Phase.TRANSFERRING
        assert told(plan).progress is not None
        assert told(plan).progress.source == "Stale"  # type: ignore[union-attr]
        assert told(plan).progress.files_transferred == 3  # type: ignore[union-attr]

    def test_standing_still_for_too_long_ends_it(self) -> None:
        known = {"lastProgressTime": ago(1801).isoformat()}
        run = launching(progress=known, counters=live().counters.manifest())
        plan = decide(run, **running_view(progress=live()))
        assert told(plan).phase is Phase.ERROR
        assert reason(plan) == Reason.NO_PROGRESS

    def test_a_number_that_moves_keeps_it_alive(self) -> None:
        known = {"lastProgressTime": ago(1801).isoformat()}
        run = launching(progress=known, counters=live().counters.manifest())
        plan = decide(run, **running_view(progress=live(bytes_written=1)))
        assert told(plan).phase is Phase.TRANSFERRING
        assert told(plan).progress.last_progress_time == NOW  # type: ignore[union-attr]

    def test_a_suspended_job_is_waited_for_and_standing_still_is_no_stall(self) -> None:
        known = {"lastProgressTime": ago(86_400).isoformat()}
        run = launching(progress=known, counters=live().counters.manifest())
        waiting = decide(run, job=job(created=ago(86_400), suspended=True))
        assert (told(waiting).phase, reason(waiting)) == (Phase.LAUNCHING, Reason.SUSPENDED)
        assert waiting.requeue_after_seconds == 30.0
        let_go = run.model_copy(update={"status": told(waiting)})
        plan = decide(let_go, **running_view(progress=live()))
        assert told(plan).phase is Phase.TRANSFERRING

    def test_a_job_being_deleted_is_waited_for(self) -> None:
        plan = decide(launching(), job=job(deleting=True))
        assert plan.status is None and not plan.actions

    def test_the_percentage_never_falls(self) -> None:
        known = {"percent": 60, "bytesWritten": 600}
        plan = decide(launching(progress=known), **running_view(progress=live(bytes_written=10)))
        assert told(plan).progress.percent == 60  # type: ignore[union-attr]


class TestPausing:
    def test_the_job_is_stopped_and_the_run_goes_back_into_the_queue(self) -> None:
        made = recipe(task(schedule=PAUSED))
        run = launching(jobUid="uid-job")
        stopping = decide(run, recipe=made, job=job(), pods=[pod()])
        assert [type(action) for action in stopping.actions] == [Delete]
        assert reason(stopping) == Reason.PAUSED
        assert told(stopping).phase == run.phase
        assert decide(run, recipe=made, pods=[pod()]).status is None, "its pod still writes"
        queued = told(decide(run, recipe=made))
        assert (queued.phase, queued.job_uid, queued.attempts) == (Phase.QUEUED, None, 1)

    def test_one_that_was_faster_keeps_its_own_end(self) -> None:
        made = recipe(task(schedule=PAUSED))
        run = launching(jobUid="uid-job")
        done = pod(phase="Succeeded", exit_code=0, message=result())
        ended = decide(run, recipe=made, job=job(complete=True), pods=[done])
        assert told(ended).phase is Phase.SUCCESS

    def test_whoever_asks_for_a_rate_goes_on(self) -> None:
        made = recipe(task(schedule=PAUSED))
        run = execution(phase="Transferring", status=launching(jobUid="u").status.manifest())
        own = run.model_copy(
            update={"spec": run.spec.model_copy(update={"bytes_per_second": 1000})}
        )
        assert decide(own, recipe=made, job=job(), pods=[pod(phase="Running")]).actions == ()


class TestEnding:
    def test_success_needs_a_result(self) -> None:
        done = pod(phase="Succeeded", exit_code=0, message=result())
        plan = decide(launching(), job=job(complete=True), pods=[done])
        assert told(plan).phase is Phase.SUCCESS
        assert told(plan).progress.percent == 100  # type: ignore[union-attr]
        assert told(plan).counters.files_transferred == 3  # type: ignore[union-attr]
        assert find_condition(told(plan).conditions, "Ready").status == "True"  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("delivery", "status", "words"),
        [
            (None, None, ""),
            ({}, "True", "every line"),
            ({"lostLines": 3, "problem": "no right; allow it"}, "False", "3 lines did not reach"),
            ({"problem": "no right; allow it"}, "False", "no right; allow it"),
        ],
    )
    def test_what_became_of_the_log_is_told_and_fails_nothing(
        self, delivery: dict[str, object] | None, status: str | None, words: str
    ) -> None:
        done = pod(phase="Succeeded", exit_code=0, message=result(logDelivery=delivery))
        plan = decide(launching(), job=job(complete=True), pods=[done])
        assert told(plan).phase is Phase.SUCCESS
        assert reason(plan) == Reason.SUCCEEDED
        logs = find_condition(told(plan).conditions, "LogsDelivered")
        assert (logs.status if logs else None) == status
        assert words in (logs.message if logs else "")

    @pytest.mark.parametrize("message", ["", "{}", "not json", result("uid-of-another-run")])
    def test_no_readable_result_is_an_error(self, message: str) -> None:
        done = pod(phase="Succeeded", exit_code=0, message=message)
        plan = decide(launching(), job=job(complete=True), pods=[done])
        assert told(plan).phase is Phase.ERROR
        assert reason(plan, "Stalled") == Reason.RESULT_MISSING

    def test_failures_that_the_task_tolerates_are_named_and_leave_it_ready(self) -> None:
        why = {"code": "FilesFailed", "detail": "2 items failed; most often Denied (2)"}
        failures = [{"code": "Denied", "count": 2, "samplePath": "/a"}]
        message = result(outcome="CompletedWithErrors", error=why, failures=failures)
        done = pod(phase="Succeeded", exit_code=0, message=message)
        plan = decide(launching(), job=job(complete=True), pods=[done])
        assert told(plan).phase is Phase.COMPLETED_WITH_ERRORS
        assert told(plan).end_time == NOW
        assert told(plan).result.error_code == Reason.FILES_FAILED  # type: ignore[union-attr]
        assert [failure.code for failure in told(plan).failures] == ["Denied"]
        assert told(plan).progress.percent is None  # type: ignore[union-attr]
        conditions = {c.type: (c.status, c.reason) for c in told(plan).conditions}
        assert conditions["Ready"] == ("True", Reason.FILES_FAILED)
        assert conditions["Stalled"] == ("False", Reason.FILES_FAILED)

    def test_a_dry_run_tells_what_a_transfer_would_do_and_what_would_be_held(self) -> None:
        hold = {
            "token": "9-0123456789",
            "reason": "TooManyDeletions",
            "deletions": 9,
            "limit": 5,
        }
        counters = {"estimatedFilesToTransfer": 4, "estimatedFilesToDelete": 9}
        asked = {"PutObject": 4, "DeleteObjects": 1}
        message = result(mode="DryRun", hold=hold, counters=counters, requests=asked)
        done = pod(phase="Succeeded", exit_code=0, message=message)
        plan = decide(launching(), job=job(complete=True), pods=[done])
        assert told(plan).phase is Phase.SUCCESS
        assert told(plan).requests == asked
        assert told(plan).hold is not None
        ready = find_condition(told(plan).conditions, "Ready")
        assert ready is not None and ready.status == "True"
        assert ready.message.startswith("a dry run, nothing was written: 4 files (0 bytes)")
        assert ready.message.endswith("unless it starts with the token 9-0123456789")

    @pytest.mark.parametrize("phase", ["Success", "CompletedWithErrors", "Error", "Cancelled"])
    def test_terminal_phases_never_change(self, phase: str) -> None:
        ended = execution(phase=phase)
        assert decide(ended, job=job(), pods=[pod(phase="Running")]) == Plan()
        cancelled = execution(phase=phase, cancel=True)
        assert decide(cancelled) == Plan()

    @pytest.mark.parametrize(
        ("phase", "volumes", "gone"),
        [
            ("Success", ["pv-1"], ["jobs", "persistentvolumeclaims", "persistentvolumes"]),
            ("CompletedWithErrors", ["pv-1"], ["persistentvolumeclaims", "persistentvolumes"]),
            ("Error", ["pv-1"], ["persistentvolumeclaims", "persistentvolumes"]),
            ("Success", [], []),
        ],
    )
    def test_after_the_end_volumes_go_and_then_the_finalizer(
        self, phase: str, volumes: list[str], gone: list[str]
    ) -> None:
        ended = execution(phase=phase, metadata=FINALIZED)
        plan = decide(ended, job=job(complete=True), volume_names=volumes)
        assert [a.resource.plural for a in plan.actions if isinstance(a, Delete)] == gone
        assert plan.actions[-1] == SetFinalizers(())
        assert plan.status is None

    def test_an_ended_run_whose_job_still_runs_stops_it_first(self) -> None:
        ended = execution(phase="Error", metadata=FINALIZED)
        plan = decide(ended, job=job(), pods=[pod(phase="Pending")], volume_names=["pv-1"])
        assert [type(a) for a in plan.actions] == [Delete]
        assert plan.requeue_after_seconds == 2.0

    @pytest.mark.parametrize(("age", "deleted"), [(9, False), (10, True)])
    def test_the_ttl(self, age: int, deleted: bool) -> None:
        ended = execution(
            phase="Success",
            status={"endTime": ago(age).isoformat()},
            ttlSecondsAfterFinished=10,
        )
        plan = decide(ended)
        assert bool(plan.actions) is deleted
        assert (plan.requeue_after_seconds == 1.0) is not deleted


class TestCancelling:
    def test_a_queued_run_is_cancelled_at_once(self) -> None:
        plan = decide(execution(cancel=True))
        assert told(plan).phase is Phase.CANCELLED
        assert find_condition(told(plan).conditions, "Stalled").status == "False"  # type: ignore[union-attr]

    def test_a_running_one_is_stopped_first(self) -> None:
        run = execution(phase="Transferring", cancel=True, metadata=FINALIZED)
        plan = decide(run, job=job(), pods=[pod(phase="Running")])
        assert told(plan).phase is Phase.CANCELLING
        assert [a.name for a in plan.actions if isinstance(a, Delete)] == ["run-1"]

    def test_it_waits_for_the_last_pod(self) -> None:
        run = execution(phase="Cancelling", cancel=True, metadata=FINALIZED)
        plan = decide(run, job=None, pods=[pod(phase="Running", deleting=True)])
        assert told(plan).phase is Phase.CANCELLING
        assert not plan.actions

    def test_a_run_that_was_faster_keeps_its_own_end(self) -> None:
        run = execution(phase="Transferring", cancel=True, metadata=FINALIZED)
        done = pod(phase="Succeeded", exit_code=0, message=result())
        assert told(decide(run, job=job(complete=True), pods=[done])).phase is Phase.SUCCESS


class TestDeleting:
    def test_a_running_one_is_stopped_and_held(self) -> None:
        gone = {"deletionTimestamp": NOW.isoformat(), **FINALIZED}
        run = execution(phase="Transferring", metadata=gone)
        plan = decide(run, job=job(), pods=[pod(phase="Running")])
        assert [type(a) for a in plan.actions] == [Delete]

    def test_without_pods_it_is_let_go_with_its_volumes(self) -> None:
        gone = {"deletionTimestamp": NOW.isoformat(), "finalizers": ["other", naming.FINALIZER]}
        run = execution(phase="Transferring", metadata=gone)
        plan = decide(run, job=None, pods=[], volume_names=["pv-1"])
        assert plan.actions[-1] == SetFinalizers(("other",))
        assert len(plan.actions) == 3

    def test_one_that_is_not_ours_to_hold_is_left_alone(self) -> None:
        run = execution(metadata={"deletionTimestamp": NOW.isoformat(), "finalizers": ["other"]})
        assert decide(run) == Plan()
