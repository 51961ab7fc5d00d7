"""A location that is looked at without a run: when, by what pod, and what the answer is."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import kubernetes_validate
import pytest

from datasync_api.check_plan import CheckPlan
from datasync_api.conditions import Reason, find_condition
from datasync_api.location import Location, LocationStatus
from datasync_operator.decide import naming
from datasync_operator.decide.check import decide_check
from datasync_operator.decide.check_answer import answer_of
from datasync_operator.decide.check_job import ANSWER_SECONDS, check_job
from datasync_operator.decide.check_step import CheckView, Step
from datasync_operator.decide.ledger import Admitted, Ledger, Waiting
from datasync_operator.decide.location import LocationView, decide_location
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.plan import Create, Delete
from datasync_operator.settings import Settings
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
    mounted_share,
    nfs,
    pod,
    resolved,
    result,
    s3,
    smb,
    task,
    warning,
)

TAG = "after-the-move"
LAUNCH_SECONDS = SETTINGS.launch_deadline_seconds
NAMESPACED = Settings(namespace="ns", runner_image="runner:1", watch_namespaces=("ns",))
NO_SLOT = Waiting(Reason.WAITING_FOR_SLOT, "no free slot")
NO_SECRET = warning(
    "FailedMount",
    'MountVolume.SetUp failed for volume "source-credentials" : secret "keys" not found',
)
NOT_MOUNTED = warning("FailedMount", "mount.nfs: connection refused")
NOT_LET_IN = warning("FailedMount", "mount failed: Output: mount error(13): Permission denied")
RUNS: dict[str, Any] = {"job": job(), "pods": [pod(phase="Running")]}
NO_QUOTA = warning("FailedCreate", "exceeded quota", uid="uid-job")


def asked(location: Location | None = None, *, tag: str = TAG, **status: Any) -> Location:
    """The location with a tag, and with what its status says."""
    one = location or bucket()
    told = LocationStatus.model_validate({"observedGeneration": 1, **status})
    spec = one.spec.model_copy(update={"check": tag})
    return one.model_copy(update={"spec": spec, "status": told})


def going(
    *,
    since: float = 5,
    launched: float | None = 4,
    runs: float | None = None,
    on: str | None = "site",
    tag: str = TAG,
    generation: int = 1,
) -> dict[str, Any]:
    """A check that goes on; times in seconds ago."""
    check: dict[str, Any] = {"tag": tag, "generation": generation}
    check["startTime"] = ago(since).isoformat()
    if launched is not None:
        check |= {"launchTime": ago(launched).isoformat(), "agent": on}
    if runs is not None:
        check["runTime"] = ago(runs).isoformat()
    return {"ongoingCheck": check}


def step(location: Location, settings: Settings = SETTINGS, **seen: Any) -> Step:
    return decide_check(location, CheckView(**seen), settings, now=NOW)


def short(actions: Any) -> list[str]:
    """What is done, by verb and resource."""
    return [f"{type(one).__name__} {one.resource.plural}" for one in actions]


def created(actions: Any, plural: str) -> dict[str, Any]:
    [found] = [
        one.manifest for one in actions if isinstance(one, Create) and one.resource.plural == plural
    ]
    return found


AWAY = ["Delete jobs", "Delete persistentvolumeclaims", "Delete persistentvolumes"]
DELETED = bucket().metadata.model_copy(update={"deletion_timestamp": NOW})


class TestWhatIsAsked:
    """The table of decide_check, from its top."""

    @pytest.mark.parametrize(
        ("tag", "status", "actions", "goes_on"),
        [
            ("", {}, [], False),
            (TAG, {"lastCheck": TAG}, [], False),
            ("", going(), AWAY, False),
            (TAG, {"lastCheck": TAG, **going()}, AWAY, False),
            (TAG, {"lastCheck": TAG, **going(launched=None)}, [], False),
            (TAG, going(tag="before"), AWAY, False),
            (TAG, going(generation=0), AWAY, False),
            (TAG, {}, [], True),
            (TAG, {"lastCheck": "before"}, [], True),
        ],
    )
    def test_a_tag_is_answered_once(
        self, tag: str, status: dict[str, Any], actions: list[str], goes_on: bool
    ) -> None:
        found = step(asked(tag=tag, **status), verdict=Admitted("site"))
        assert short(found.actions) == actions
        assert (found.ongoing is not None) is goes_on
        assert (found.answered, found.found) == (None, None)

    def test_what_another_tag_made_is_taken_away_before_the_new_one_begins(self) -> None:
        found = step(asked(**going(tag="before")))
        assert (found.ongoing, found.requeue_after_seconds) == (None, 0.0)
        before = asked(tag="before", **going(tag="before"))
        assert before.status.ongoing_check is not None
        owner = Owner.of_check(before, before.status.ongoing_check)
        names = [one.name for one in found.actions if isinstance(one, Delete)]
        assert names == [
            naming.job("bucket", owner.uid, "check"),
            owner.volume("source"),
            owner.volume("source"),
        ]

    def test_a_location_that_is_being_deleted_is_left_alone(self) -> None:
        found = step(asked().model_copy(update={"metadata": DELETED}))
        assert (found.ongoing, found.actions) == (None, ())

    def test_a_namespaced_install_may_not_delete_volumes_and_has_none(self) -> None:
        found = step(asked(tag="", **going()), NAMESPACED)
        assert short(found.actions) == ["Delete jobs"]


class TestWaiting:
    @pytest.mark.parametrize("agent_name", ["site", None])
    def test_a_slot_is_taken_in_the_status_before_anything_is_made(
        self, agent_name: str | None
    ) -> None:
        found = step(asked(), verdict=Admitted(agent_name))
        assert (found.actions, found.requeue_after_seconds) == ((), 0.0)
        assert found.ongoing is not None
        assert found.ongoing.manifest() == {
            "tag": TAG,
            "generation": 1,
            "startTime": "2026-11-23T12:00:00Z",
            "launchTime": "2026-11-23T12:00:00Z",
            **({"agent": agent_name} if agent_name else {}),
        }

    @pytest.mark.parametrize(
        ("since", "answered"), [(0, None), (LAUNCH_SECONDS, None), (LAUNCH_SECONDS + 1, TAG)]
    )
    def test_what_keeps_it_waiting_is_told_and_is_the_answer_in_the_end(
        self, since: float, answered: str | None
    ) -> None:
        location = asked(**(going(since=since, launched=None) if since else {}))
        found = step(location, verdict=NO_SLOT)
        assert (found.actions, found.answered) == ((), answered)
        assert found.ongoing is not None
        assert (found.ongoing.start_time, found.ongoing.launch_time) == (ago(since), None)
        assert found.found is not None
        assert found.found.reason is Reason.WAITING_FOR_SLOT
        assert "no free slot" in found.found.message
        assert found.found.time == (NOW if answered else ago(since))
        assert found.requeue_after_seconds == (0.0 if answered else 5.0)

    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            (nfs(), Admitted("site")),
            (nfs(agents=("other",)), Reason.WAITING_FOR_AGENT),
            (nfs(agents=("other", "site")), Admitted("site")),
            (nfs(agents=("full",)), Reason.WAITING_FOR_SLOT),
            (nfs(agents=("gone",)), Reason.AGENT_NOT_FOUND),
            (efs(), Reason.DRIVER_NOT_INSTALLED),
            (claim(), Admitted(None)),
            (bucket(), Admitted("site")),  # its task's runs are on that agent
        ],
    )
    def test_where_it_may_run(self, location: Location, expected: Admitted | Reason) -> None:
        agents = {
            "site": agent("site", maxConcurrentExecutions=2),
            "other": agent("other", connection="Offline"),
            "full": agent("full", maxConcurrentExecutions=1),
        }
        busy = execution(phase="Transferring", status={"resolved": resolved("full")})
        places = {"nas": nfs(), "bucket": bucket()}
        book = Ledger([busy], {"nightly": task()}, places, agents, {"efs.csi.aws.com"})
        verdict = book.check_verdict(location)
        assert (verdict.reason if isinstance(verdict, Waiting) else verdict) == expected

    @pytest.mark.parametrize(("launched", "run_starts"), [(None, True), (4, False)])
    def test_a_check_takes_a_slot_as_a_run_does(
        self, launched: float | None, run_starts: bool
    ) -> None:
        places = {"nas": nfs(), "bucket": asked(**going(launched=launched))}
        agents = {"site": agent("site", maxConcurrentExecutions=1)}
        book = Ledger([execution()], {"nightly": task()}, places, agents)
        assert (book.verdict("uid-run", now=NOW) == Admitted("site")) is run_starts
        assert (book.check_verdict(nfs("another")) == Admitted("site")) is run_starts


class TestLaunching:
    def test_a_bucket_needs_nothing_but_its_job(self) -> None:
        found = step(asked(**going()), agent=agent())
        assert short(found.actions) == ["Create jobs"]
        assert found.ongoing is not None

    def test_an_export_has_its_volume_first(self) -> None:
        location = asked(nfs(), **going())
        first = step(location, agent=agent())
        assert short(first.actions) == ["Create persistentvolumes"]
        volume = created(first.actions, "persistentvolumes")
        assert volume["spec"]["nfs"]["readOnly"] is True
        assert "ownerReferences" not in volume["metadata"]
        name = volume["metadata"]["name"]
        waits = step(location, agent=agent(), volume_names=[name])
        assert (short(waits.actions), waits.found) == ([], None)
        taken_up = {"volume_names": [name], "bindable_volumes": [name]}
        later = step(location, agent=agent(), **taken_up)
        assert short(later.actions) == ["Create persistentvolumeclaims", "Create jobs"]
        claimed = created(later.actions, "persistentvolumeclaims")
        assert claimed["metadata"]["name"] == name
        [selector] = claimed["spec"]["selector"].values()
        assert selector.items() <= volume["metadata"]["labels"].items()

    @pytest.mark.parametrize(
        ("location", "agent_spec", "settings", "launched", "reason"),
        [
            (bucket(), None, SETTINGS, 4, Reason.AGENT_NOT_FOUND),
            (
                s3("own", serviceAccountName="irsa"),
                {"serviceAccountName": "other"},
                SETTINGS,
                4,
                Reason.CONFLICTING_IDENTITIES,
            ),
            (nfs(), {}, NAMESPACED, 4, Reason.INVALID_SPEC),
            (bucket(), {}, SETTINGS, LAUNCH_SECONDS + 1, Reason.LAUNCH_DEADLINE_EXCEEDED),
        ],
    )
    def test_what_can_not_be_launched_is_the_answer(
        self,
        location: Location,
        agent_spec: dict[str, Any] | None,
        settings: Settings,
        launched: float,
        reason: Reason,
    ) -> None:
        on = None if agent_spec is None else agent(**agent_spec)
        found = step(asked(location, **going(launched=launched)), settings, agent=on)
        assert (found.actions, found.answered) == ((), TAG)
        assert found.found is not None
        assert (found.found.reason, found.found.time) == (reason, NOW)

    def test_that_there_is_no_job_in_the_end_may_have_more_reasons_than_a_refusal(self) -> None:
        """The operator may have been away since the slot was taken, and has asked for nothing."""
        found = step(asked(**going(launched=LAUNCH_SECONDS + 1)), agent=agent())
        assert found.found is not None
        for words in (
            f"there is no Job of the check {LAUNCH_SECONDS} s after it was to begin",
            "Kubernetes refused it",
            "it was deleted from outside",
            "the operator was away",
            "set another spec.check",
        ):
            assert words in found.found.message


def made(location: Location, **agent_spec: Any) -> dict[str, Any]:
    """The Job of a check."""
    known = asked(location, **going()).status.ongoing_check
    assert known is not None
    owner = Owner.of_check(location, known)
    on = agent(**agent_spec) if agent_spec else None
    return check_job(owner, location.spec, on, [], SETTINGS)


class TestTheJob:
    @pytest.mark.parametrize("location", [nfs(), bucket(), s3("own"), smb(), claim(), efs()])
    def test_it_is_one_restricted_pod_that_kubernetes_takes(self, location: Location) -> None:
        found = made(location)
        kubernetes_validate.validate(found, "1.34", strict=True)
        template = found["spec"]["template"]
        pod_spec = template["spec"]
        assert found["spec"]["backoffLimit"] == 0
        assert found["spec"]["activeDeadlineSeconds"] == LAUNCH_SECONDS + ANSWER_SECONDS
        [container] = pod_spec["containers"]
        assert container["image"] == SETTINGS.runner_image
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod_spec["securityContext"]["runAsNonRoot"] is True
        assert pod_spec["automountServiceAccountToken"] is False
        mounted = {one["name"] for one in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod_spec["volumes"]}
        for mount in container["volumeMounts"]:
            assert mount["name"] == "tmp" or mount["readOnly"] is True

    def test_it_belongs_to_its_location_and_wakes_it(self) -> None:
        for meta in (made(nfs())["metadata"], made(nfs())["spec"]["template"]["metadata"]):
            assert meta["annotations"]["datasync.dev/location"] == "nas"
            assert naming.EXECUTION_UID_LABEL not in meta["labels"]
            assert meta["labels"][naming.CHECK_UID_LABEL] == naming.check("uid-nas", 1, TAG)
        [owner] = made(nfs())["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("DataSyncLocation", "uid-nas")

    def test_the_plan_is_in_the_pods_own_annotation(self) -> None:
        template = made(bucket())["spec"]["template"]
        [plan] = [one for one in template["spec"]["volumes"] if one["name"] == "plan"]
        [item] = plan["downwardAPI"]["items"]
        path = item["fieldRef"]["fieldPath"]
        name = path.removeprefix("metadata.annotations['").removesuffix("']")
        text = template["metadata"]["annotations"][name]
        told = CheckPlan.model_validate_json(text)
        assert told.uid == naming.check("uid-bucket", 1, TAG)
        assert (told.location.kind, told.location.uri) == (
            "S3",
            "object-storage://s3.example.com/mirror/",
        )
        assert "keys" not in text  # nor does anything else name the Secret
        [container] = template["spec"]["containers"]
        [mount] = [one for one in container["volumeMounts"] if one["name"] == "plan"]
        assert container["args"][:2] == ["--check", f"{mount['mountPath']}/{item['path']}"]

    def test_it_runs_where_and_as_the_agent_says(self) -> None:
        found = made(nfs(), privileges="ReadAll", nodeSelector={"site": "here"}, queueName="q")
        template = found["spec"]["template"]
        assert template["spec"]["nodeSelector"] == {"site": "here"}
        [container] = template["spec"]["containers"]
        assert container["securityContext"]["capabilities"]["add"] == ["DAC_READ_SEARCH"]
        assert found["metadata"]["labels"][naming.KUEUE_QUEUE_LABEL] == "q"

    def test_the_identity_is_the_agents_or_the_locations(self) -> None:
        for location, on in (
            (s3("own", serviceAccountName="irsa"), agent()),
            (s3("own"), agent(serviceAccountName="irsa")),
        ):
            found = step(asked(location, **going()), agent=on)
            template = created(found.actions, "jobs")["spec"]["template"]
            assert template["spec"]["serviceAccountName"] == "irsa"

    def test_another_tag_and_another_spec_have_other_names(self) -> None:
        names = {
            naming.check(uid, generation, tag)
            for uid in ("a", "b")
            for generation in (1, 2)
            for tag in ("x", "y")
        }
        assert len(names) == 8


UID = naming.check("uid-bucket", 1, TAG)
LET_IN = result(UID, reached={"source": ago(1).isoformat()})
WRONG_KEYS = {"code": "CredentialsRefused", "detail": "correct the keys", "location": "source"}
REFUSED = result(UID, outcome="Error", error=WRONG_KEYS)


class TestTheAnswer:
    @pytest.mark.parametrize(
        ("the_job", "pods", "reason"),
        [
            ({"complete": True}, [{"exit_code": 0, "message": LET_IN}], "Reached"),
            ({"failed": True}, [{"exit_code": 11, "message": REFUSED}], "CredentialsRefused"),
            ({"failed": True, "failed_reason": "DeadlineExceeded"}, [], "DeadlineExceeded"),
            ({"failed": True}, [{"exit_code": 137}], "OutOfMemory"),
            ({"failed": True}, [{"exit_code": 1, "exit_reason": "OOMKilled"}], "OutOfMemory"),
            ({"failed": True}, [{"exit_code": 31}], "ResultMissing"),
            ({"failed": True}, [{"exit_code": 31, "message": LET_IN}], "ResultMissing"),
            ({"complete": True}, [{"exit_code": 0}], "ResultMissing"),
            ({"complete": True}, [{"exit_code": 0, "message": result(UID)}], "ResultMissing"),
            (
                {"complete": True},
                [{"exit_code": 0, "message": result("other", reached={"source": NOW.isoformat()})}],
                "ResultMissing",
            ),
            ({"complete": True}, [], "ResultMissing"),
        ],
    )
    def test_it_is_the_last_pods_and_no_result_is_no_success(
        self, the_job: dict[str, Any], pods: list[dict[str, Any]], reason: str
    ) -> None:
        ended = [pod(phase="Failed", **one) for one in pods]
        assert answer_of(job(**the_job), ended, UID, agent="site")[0] == reason

    @pytest.mark.parametrize(
        ("pods", "events", "launched", "reason"),
        [
            ([], [], 4, None),
            ([], [], LAUNCH_SECONDS + 1, "LaunchDeadlineExceeded"),
            ([], [NO_QUOTA], 4, "PodCreationFailed"),
            ([pod()], [NO_SECRET], 4, "CredentialsMissing"),
            ([pod()], [NO_SECRET], LAUNCH_SECONDS + 1, "CredentialsMissing"),
            ([pod()], [NOT_MOUNTED], 4, "MountFailed"),
            ([pod(unschedulable="0/1 nodes")], [], LAUNCH_SECONDS + 1, "Unschedulable"),
            ([pod(phase="Running")], [], LAUNCH_SECONDS + 1, None),
        ],
    )
    def test_what_keeps_it_is_told_and_every_wait_ends(
        self, pods: list[Any], events: list[Any], launched: float, reason: str | None
    ) -> None:
        location = asked(**going(since=launched + 1, launched=launched))
        found = step(location, job=job(), pods=pods, events=events, agent=agent())
        ends = launched > LAUNCH_SECONDS and reason is not None
        assert (found.actions, found.answered) == ((), TAG if ends else None)
        assert found.ongoing is not None
        assert (found.found.reason if found.found else None) == reason
        assert found.requeue_after_seconds is not None

    @pytest.mark.parametrize(
        ("known", "seen", "runs_since", "reason"),
        [
            (None, [pod(phase="Running")], 0, None),
            (7, [pod(phase="Running")], 7, None),
            (ANSWER_SECONDS, [pod(phase="Running")], ANSWER_SECONDS, None),
            (ANSWER_SECONDS + 1, [pod(phase="Running")], None, "LocationUnreachable"),
            (7, [pod(name="its-successor")], None, None),  # the first one was evicted
        ],
    )
    def test_a_pod_that_runs_has_so_long_from_when_it_was_seen_to(
        self, known: float | None, seen: list[Any], runs_since: float | None, reason: str | None
    ) -> None:
        location = asked(**going(launched=LAUNCH_SECONDS, runs=known))
        found = step(location, job=job(), pods=seen, agent=agent())
        assert found.answered == (TAG if reason else None)
        assert (found.found.reason if found.found else None) == reason
        if found.found is None:
            assert found.ongoing is not None
            assert found.ongoing.run_time == (None if runs_since is None else ago(runs_since))
        else:
            assert f"within {ANSWER_SECONDS} s" in found.found.message

    @pytest.mark.parametrize(
        ("obstacle", "launch_deadline_seconds", "launched", "placed", "waits_for_seconds"),
        [
            (NO_SECRET, 600, 121, 120, None),
            (NO_SECRET, 600, 122, 121, 120),
            (NOT_MOUNTED, 600, 122, 121, 120),
            (NOT_MOUNTED, 600, 400, 20, None),  # a node was added for it, and is young
            (NOT_MOUNTED, 60, 62, 61, 60),
            (replace(NOT_MOUNTED, last_seen=ago(100)), 600, 122, 121, None),  # its image is pulled
            (NO_QUOTA, 600, 600, None, None),
            (NO_QUOTA, 600, 601, None, 600),
        ],
    )
    def test_an_obstacle_of_the_locations_own_does_not_hold_the_slot_for_long(
        self,
        obstacle: Any,
        launch_deadline_seconds: int,
        launched: float,
        placed: float | None,
        waits_for_seconds: int | None,
    ) -> None:
        settings = replace(SETTINGS, launch_deadline_seconds=launch_deadline_seconds)
        pods = [] if placed is None else [pod(created=ago(launched), scheduled=ago(placed))]
        seen: dict[str, Any] = {"job": job(), "pods": pods, "events": [obstacle]}
        found = step(asked(**going(launched=launched)), settings, agent=agent(), **seen)
        assert (found.answered is not None) is (waits_for_seconds is not None)
        assert found.found is not None
        if waits_for_seconds is not None:
            words = f"no runner started within {waits_for_seconds} s: "
            assert found.found.message.startswith(words)

    def test_a_node_that_is_not_let_in_is_the_answer_at_once(self) -> None:
        seen: dict[str, Any] = {"job": job(), "pods": [pod()], "events": [NOT_LET_IN]}
        found = step(asked(mounted_share(), **going()), agent=agent(), **seen)
        assert (found.actions, found.answered) == ((), TAG)
        assert found.found is not None
        assert found.found.reason is Reason.CREDENTIALS_REFUSED
        assert "check username, password and domain" in found.found.message
        assert "set another check" in found.found.message

    def test_a_job_that_is_suspended_waits_for_its_queue_but_not_for_ever(self) -> None:
        waits = job(suspended=True)
        for launched, answered in ((4, None), (LAUNCH_SECONDS + 1, TAG)):
            found = step(asked(**going(launched=launched)), job=waits, agent=agent())
            assert found.answered == answered
            assert found.found is not None
            assert found.found.reason is Reason.SUSPENDED

    def test_a_job_that_is_being_deleted_is_waited_for(self) -> None:
        found = step(asked(**going()), job=job(deleting=True), agent=agent())
        assert (found.actions, found.found) == ((), None)


def told(location: Location, *, now: datetime = NOW, **seen: Any) -> LocationStatus:
    view = LocationView(location=location, agents={"site"}, **seen)
    status = decide_location(view, SETTINGS, now=now).status
    assert isinstance(status, LocationStatus)
    return status


def conditions(status: LocationStatus) -> dict[str, tuple[str, str]]:
    return {known.type: (known.status, known.reason) for known in status.conditions}


class TestTheStatus:
    """What a check found out becomes the conditions, the tag is echoed with them."""

    def test_the_answer_its_time_and_its_tag_are_written_at_once(self) -> None:
        ended = {"job": job(complete=True), "pods": [pod(exit_code=0, message=LET_IN)]}
        status = told(asked(**going()), check=CheckView(agent=agent(), **ended))
        assert (status.last_check, status.last_check_time) == (TAG, NOW)
        assert conditions(status) == {
            "CredentialsAvailable": ("True", "Reached"),
            "Reachable": ("True", "Reached"),
            "Ready": ("True", "Valid"),
        }
        reachable = find_condition(status.conditions, "Reachable")
        assert reachable is not None
        assert reachable.message == "a check reached it from agent site"
        # Nothing is lost by an operator that dies here: the next one takes away what was made.
        next_plan = decide_location(
            LocationView(location=asked().model_copy(update={"status": status}), agents={"site"}),
            SETTINGS,
            now=NOW,
        )
        assert short(next_plan.actions) == AWAY
        assert isinstance(next_plan.status, LocationStatus)
        assert next_plan.status == status.model_copy(update={"ongoing_check": None})

    def test_wrong_keys_are_named_with_what_to_do(self) -> None:
        ended = {"job": job(failed=True), "pods": [pod(exit_code=11, message=REFUSED)]}
        status = told(asked(**going()), check=CheckView(agent=agent(), **ended))
        assert conditions(status) == {
            "CredentialsAvailable": ("False", "CredentialsRefused"),
            "Reachable": ("Unknown", "CredentialsRefused"),
            "Ready": ("False", "CredentialsRefused"),
        }
        for known in status.conditions:
            assert known.message == "correct the keys"

    @pytest.mark.parametrize("reason", ["WaitingForAgent", "WaitingForSlot", "DriverNotInstalled"])
    def test_a_check_that_asked_nobody_says_nothing_of_the_location(self, reason: str) -> None:
        verdict = Waiting(Reason(reason), "why")
        status = told(asked(), check=CheckView(verdict=verdict))
        assert conditions(status) == {
            "CredentialsAvailable": ("Unknown", reason),
            "Reachable": ("Unknown", reason),
            "Ready": ("Unknown", "Running"),
        }
        assert status.last_check is None

    @pytest.mark.parametrize(
        ("tag", "status", "seen", "expected"),
        [
            ("", {}, {}, ("True", "Valid")),
            (TAG, {"lastCheck": TAG}, {}, ("True", "Valid")),
            (TAG, {}, {"verdict": NO_SLOT}, ("Unknown", "Running")),
            (TAG, {"lastCheck": "before"}, {"verdict": Admitted("site")}, ("Unknown", "Running")),
            (TAG, going(), {"job": job(), "pods": [pod()]}, ("Unknown", "Running")),
            (TAG, going(), {"job": job(), "pods": [pod(phase="Running")]}, ("Unknown", "Running")),
            (
                TAG,
                going(),
                {"job": job(), "pods": [pod()], "events": [NO_SECRET]},
                ("False", "CredentialsMissing"),
            ),
        ],
    )
    def test_it_is_ready_once_somebody_has_looked(
        self, tag: str, status: dict[str, Any], seen: dict[str, Any], expected: tuple[str, str]
    ) -> None:
        found = told(asked(tag=tag, **status), check=CheckView(agent=agent(), **seen))
        assert conditions(found)["Ready"] == expected
        if expected[0] == "Unknown":
            ready = find_condition(found.conditions, "Ready")
            assert ready is not None
            assert ready.message == f"spec.check {TAG} is not answered yet"

    def test_it_is_not_ready_where_nobody_could_look(self) -> None:
        before = going(since=LAUNCH_SECONDS + 1, launched=None)
        found = told(asked(**before), check=CheckView(verdict=NO_SLOT))
        assert found.last_check == TAG
        assert conditions(found)["Ready"] == ("Unknown", "WaitingForSlot")

    def test_a_claim_whose_own_secret_is_refused_cannot_be_reached(self) -> None:
        held_up = {"job": job(), "pods": [pod()], "events": [NOT_LET_IN]}
        found = told(asked(claim(), **going()), check=CheckView(agent=agent(), **held_up))
        assert conditions(found)["Reachable"] == ("False", "CredentialsRefused")
        assert conditions(found)["Ready"] == ("False", "CredentialsRefused")

    def test_a_missing_secret_is_told_while_the_pod_waits_for_it(self) -> None:
        held_up = {"job": job(), "pods": [pod()], "events": [NO_SECRET]}
        status = told(asked(**going()), check=CheckView(agent=agent(), **held_up))
        assert conditions(status)["CredentialsAvailable"] == ("False", "CredentialsMissing")
        assert status.last_check is None

    @pytest.mark.parametrize(
        ("before", "seen", "expected"),
        [
            ({"verdict": NO_SLOT}, {"verdict": Admitted("site")}, "Launching"),
            ({"verdict": NO_SLOT}, {"job": job()}, "Launching"),
            ({"job": job(), "pods": [pod()], "events": [NO_SECRET]}, RUNS, "Launching"),
            ({"job": job(), "pods": [pod(unschedulable="0/1")]}, {"job": job()}, "Launching"),
            ({"job": job()}, RUNS, None),
        ],
    )
    def test_an_obstacle_that_is_gone_is_told_no_longer(
        self, before: dict[str, Any], seen: dict[str, Any], expected: str | None
    ) -> None:
        def view(known: dict[str, Any]) -> CheckView:
            return CheckView(agent=agent(), **known)

        def going_on(known: dict[str, Any]) -> dict[str, Any]:
            return going(launched=None if "verdict" in known else 4)

        status = told(asked(**going_on(before)), check=view(before))
        later = asked(**{**status.manifest(), **going_on(seen)})
        found = conditions(told(later, check=view(seen)))
        assert found.get("Reachable") == (("Unknown", expected) if expected else None)
        assert found.get("CredentialsAvailable") == (("Unknown", expected) if expected else None)
        assert found["Ready"] == ("Unknown", "Running")

    @pytest.mark.parametrize(
        ("heard", "expected"), [(20, "WaitingForSlot"), (5, "WaitingForSlot"), (3, "Reached")]
    )
    def test_of_a_check_and_a_run_the_later_counts(self, heard: float, expected: str) -> None:
        location = asked(nfs(), **going(since=5, launched=None))
        end = {"name": "nas", "uid": "uid-nas", "generation": 1}
        reached = {"time": ago(heard).isoformat(), "reason": "Reached", "message": "a run did"}
        known = {"resolved": {**resolved(), "sourceLocation": end}}
        run = execution(status={**known, "preflight": {"source": reached}})
        seen: dict[str, Any] = {"executions": [run], "check": CheckView(verdict=NO_SLOT)}
        status = told(location, **seen)
        assert conditions(status)["Reachable"][1] == expected
        again = location.model_copy(update={"status": status})
        later = told(again, now=NOW + timedelta(seconds=2), **seen)
        assert later == status  # a status that says the same is not written again and again

    def test_the_next_look_is_soon_while_a_check_goes_on(self) -> None:
        for location, agents, expected in (
            (asked(nfs(), **going()), {"site"}, 2.0),
            (asked(nfs(), **going()), set[str](), 2.0),
            (asked(nfs(), tag=""), set[str](), 60.0),
        ):
            view = LocationView(
                location=location, agents=agents, check=CheckView(agent=agent(), job=job())
            )
            assert decide_location(view, SETTINGS, now=NOW).requeue_after_seconds == expected
