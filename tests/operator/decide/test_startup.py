"""Why a runner does not run: the kubelet's and the scheduler's words, made into a reason."""

from typing import Any

import pytest

from datasync_api.conditions import Reason
from datasync_operator.decide import naming
from datasync_operator.decide.startup import diagnose
from datasync_operator.decide.views import EventView, JobView, PodView
from fakes.objects import NOW, ago, job, pod, warning

SECRET = warning("FailedMount", 'MountVolume.SetUp failed: secret "keys" not found')
SERVER = warning("FailedMount", "mount.nfs: connection refused")


@pytest.mark.parametrize(
    ("the_job", "pods", "events", "expected"),
    [
        (job(), [], [], Reason.LAUNCHING),
        (
            job(),
            [],
            [warning("FailedCreate", "violates PodSecurity", uid="uid-job")],
            Reason.POD_CREATION_FAILED,
        ),
        (job(failed_pods=1), [], [], Reason.RETRYING),
        (job(), [pod(phase="Failed", exit_code=30)], [], Reason.RETRYING),
        (job(), [pod(phase="Succeeded", exit_code=0)], [], None),
        (job(), [pod()], [], Reason.LAUNCHING),
        (job(), [pod(unschedulable="0/1 nodes")], [], Reason.UNSCHEDULABLE),
        (job(), [pod(waiting_reason="ImagePullBackOff")], [], Reason.IMAGE_PULL_FAILED),
        (job(), [pod(waiting_reason="ErrImageNeverPull")], [], Reason.IMAGE_PULL_FAILED),
        (job(), [pod(waiting_reason="ContainerCreating")], [SECRET], Reason.CREDENTIALS_MISSING),
        (job(), [pod(waiting_reason="ContainerCreating")], [SERVER], Reason.MOUNT_FAILED),
        (job(), [pod(waiting_reason="CreateContainerError")], [], Reason.LAUNCHING),
        (job(), [pod(phase="Running")], [SERVER], None),
        (job(complete=True), [pod(phase="Succeeded", exit_code=0)], [], None),
        (job(), [pod(deleting=True, phase="Running"), pod(name="b")], [], Reason.LAUNCHING),
    ],
)
def test_reason(
    the_job: JobView, pods: list[PodView], events: list[EventView], expected: Reason | None
) -> None:
    found = diagnose(the_job, pods, events)
    assert (found.reason if found else None) == expected


def test_the_message_carries_the_kubelets_own_words() -> None:
    found = diagnose(job(), [pod()], [SERVER])
    assert found is not None
    assert "connection refused" in found.message
    assert "check its server" in found.message


def test_another_pods_event_is_not_this_ones() -> None:
    other = warning("FailedMount", "connection refused", uid="uid-other")
    found = diagnose(job(), [pod()], [other])
    assert found is not None
    assert found.reason is Reason.LAUNCHING


@pytest.mark.parametrize(
    "pods", [[], [pod()], [pod(phase="Running", deleting=True)]], ids=["none", "pending", "going"]
)
def test_a_suspended_job_waits_without_a_deadline(pods: list[PodView]) -> None:
    found = diagnose(job(created=ago(86_400), suspended=True), pods, [])
    assert found is not None
    assert found.reason is Reason.SUSPENDED
    assert not found.overdue(NOW, 60)
    assert "Kueue" in found.message


@pytest.mark.parametrize(("started", "overdue"), [(ago(5), False), (ago(61), True), (None, True)])
def test_the_deadline_runs_from_when_the_job_was_let_go(started: Any, overdue: bool) -> None:
    for events in ([], [warning("FailedCreate", "quota", uid="uid-job")]):
        found = diagnose(job(created=ago(86_400), started=started), [], events)
        assert found is not None
        assert found.overdue(NOW, 60) is overdue


@pytest.mark.parametrize(
    ("spec", "status", "suspended"),
    [
        ({}, {}, False),
        ({"suspend": False}, {"startTime": "2026-11-23T11:00:00Z"}, False),
        ({"suspend": True}, {}, True),
        ({"suspend": False}, {"conditions": [{"type": "Suspended", "status": "True"}]}, True),
        ({"suspend": False}, {"conditions": [{"type": "Suspended", "status": "False"}]}, False),
    ],
)
def test_when_a_job_is_suspended(
    spec: dict[str, Any], status: dict[str, Any], suspended: bool
) -> None:
    meta = {"name": "j", "uid": "u", "creationTimestamp": "2026-11-23T10:00:00Z"}
    seen = JobView.parse({"metadata": meta, "spec": spec, "status": status})
    assert seen.suspended is suspended
    assert seen.since.hour == (11 if "startTime" in status else 10)


@pytest.mark.parametrize(
    ("condition", "unschedulable", "placed"),
    [
        ({"status": "True"}, "", True),
        ({"status": "False", "reason": "Unschedulable", "message": "0/1"}, "0/1", False),
        ({"status": "False", "reason": "SchedulingGated", "message": "gated"}, "", False),
    ],
)
def test_when_a_pod_got_its_node(
    condition: dict[str, str], unschedulable: str, placed: bool
) -> None:
    meta = {"name": "p", "uid": "u", "creationTimestamp": "2026-11-23T10:00:00Z"}
    told = {"type": "PodScheduled", "lastTransitionTime": "2026-11-23T11:00:00Z", **condition}
    seen = PodView.parse({"metadata": meta, "status": {"conditions": [told]}})
    assert seen.unschedulable == unschedulable
    assert (seen.scheduled is not None and seen.scheduled.hour == 11) is placed


STAGE = (
    f'MountVolume.MountDevice failed for volume "{naming.volume("ns", "run", "uid", "source")}" : '
)


@pytest.mark.parametrize(
    ("told", "reason", "fix"),
    [
        (
            "fetching NodeStageSecretRef team-a/login failed: kubernetes.io/csi: failed to find "
            'the secret login in the namespace team-a with error: secrets "login" not found',
            Reason.CREDENTIALS_MISSING,
            "username and password for a share",
        ),
        (
            'rpc error: code = Internal desc = volume(v) mount "//nas/team" on "/var/lib/kubelet" '
            "failed with mount failed: exit status 32 Output: mount error(13): Permission denied",
            Reason.CREDENTIALS_REFUSED,
            "check username, password and domain",
        ),
        (
            'rpc error: code = Internal desc = volume(v) mount "//nas/tean" on "/var/lib/kubelet" '
            "failed with mount failed: exit status 32 Output: mount error(2): No such file",
            Reason.MOUNT_FAILED,
            "check its server, path and mount options",
        ),
    ],
    ids=["no Secret", "a wrong password", "no share"],
)
def test_why_a_share_is_not_mounted(told: str, reason: Reason, fix: str) -> None:
    found = diagnose(job(), [pod()], [warning("FailedMount", STAGE + told)])
    assert found is not None
    assert (found.reason, found.location) == (reason, "source")
    assert fix in found.message
    assert told in found.message


MAPS = [
    'MountVolume.SetUp failed for volume "manifest" : configmap "list" not found',
    'MountVolume.SetUp failed for volume "manifest" : configmap references non-existent config '
    "key: today.csv",
]


@pytest.mark.parametrize("told", MAPS)
def test_a_config_map_that_is_not_there_is_no_servers_fault(told: str) -> None:
    found = diagnose(job(), [pod()], [warning("FailedMount", told)])
    assert found is not None
    assert found.reason is Reason.MOUNT_FAILED
    assert "create it, or correct the name" in found.message
    assert told in found.message


def test_the_deadline_does_not_run_while_the_job_backs_off() -> None:
    failed = pod(phase="Failed", exit_code=30, created=ago(100))
    found = diagnose(job(created=ago(200), failed_pods=1), [failed], [])
    assert found is not None
    assert not found.overdue(NOW, 60)


@pytest.mark.parametrize(
    ("told", "location"),
    [
        (
            'MountVolume.SetUp failed for volume "source-credentials" : secret "k" not found',
            "source",
        ),
        (
            'MountVolume.SetUp failed for volume "destination-credentials" : secret "k" not found',
            "destination",
        ),
        (
            f'MountVolume.SetUp failed for volume "{naming.volume("ns", "run", "uid", "source")}" : '
            "mount failed: exit status 32",
            "source",
        ),
        (
            "Unable to attach or mount volumes: unmounted volumes=[destination], timed out",
            "destination",
        ),
        ('MountVolume.SetUp failed for volume "source-ca" : configmap "corp" not found', None),
        ('MountVolume.SetUp failed for volume "pvc-0a1b" : mount failed', None),
        ('MountVolume.SetUp failed for volume "my-source" : mount failed', None),
        ('MountVolume.SetUp failed for volume "report-credentials" : secret "k" not found', None),
    ],
)
def test_which_location_a_failure_to_mount_is_about(told: str, location: str | None) -> None:
    found = diagnose(job(), [pod()], [warning("FailedMount", told)])
    assert found is not None
    assert found.location == location
