"""The operator as a process against a real API server: kopf's watches, server-side apply, ownership.

There is no kubelet here, so pods stay Pending: what is tested is what the operator asks of the
API server, and what the API server makes of it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from datasync_api.report import TransferResult
from fixtures.control_plane import ControlPlane
from fixtures.kube import Namespace
from manifests import Snippet, snippets

pytestmark = pytest.mark.timeout(60)

NODE = """
apiVersion: v1
kind: Node
metadata: {name: node-1, labels: {site: here}}
"""
MANIFESTS = """
apiVersion: datasync.dev/v1alpha1
kind: DataSyncAgent
metadata: {name: site}
spec: {nodeSelector: {site: here}}
---
apiVersion: datasync.dev/v1alpha1
kind: DataSyncLocation
metadata: {name: nas}
spec: {nfs: {server: nas.example.com, path: /export}, agentRefs: [{name: site}]}
---
apiVersion: datasync.dev/v1alpha1
kind: DataSyncLocation
metadata: {name: bucket}
spec: {s3: {bucket: example}}
---
apiVersion: datasync.dev/v1alpha1
kind: DataSyncTask
metadata: {name: nightly}
spec: {sourceLocationRef: {name: nas}, destinationLocationRef: {name: bucket}}
"""
EXAMPLES = Path(__file__).parents[2] / "examples"
DRIVER = """
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {{name: {name}}}
spec: {{attachRequired: false}}
"""


class Mounted(NamedTuple):
    """An example with a source that a CSI driver mounts, and what the driver is told."""

    example: str
    driver: str
    location: str
    task: str
    execution: str
    attributes: dict[str, str]


MOUNTED = [
    Mounted(
        *("efs-to-s3", "efs.csi.aws.com", "shared", "shared-to-archive", "archive-first"),
        {"encryptInTransit": "true"},
    ),
    Mounted(
        *("smb-mount-to-s3", "smb.csi.k8s.io", "mounted-share", "mounted-share-to-archive"),
        "mounted-first",
        {"source": "//files.example.com/projects"},
    ),
]
RUN = """
apiVersion: datasync.dev/v1alpha1
kind: DataSyncTaskExecution
metadata: {name: run}
spec: {taskRef: {name: nightly}}
"""


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The operator's process; its log goes to the yielded file."""
    folder = tmp_path_factory.mktemp("operator")
    log = folder / "log"
    control_plane.apply(NODE)
    ready = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    control_plane.kubectl("patch", "node", "node-1", "--subresource=status", "-p", ready)
    environment = {
        **os.environ,
        "KUBECONFIG": str(control_plane.kubeconfig),
        "DATASYNC_RUNNER_IMAGE": "example/runner:1",
        "DATASYNC_EXCHANGE_KEY_FILE": str(folder / "key"),
        "DATASYNC_LIVENESS_PORT": "0",
    }
    (folder / "key").write_text("0" * 32)
    with log.open("w") as out:
        command = [sys.executable, "-m", "datasync_operator"]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield log
            assert process.poll() is None, f"the operator ended: {log.read_text()}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                pytest.fail(f"the operator did not end within 20 s of SIGTERM: {log.read_text()}")


@pytest.fixture
def applied(operator: Path, control_plane_namespace: Namespace) -> Namespace:
    control_plane_namespace.apply(MANIFESTS)
    return control_plane_namespace


def phase(namespace: Namespace, name: str = "run") -> str:
    found = namespace.get("dse", name) or {}
    return found.get("status", {}).get("phase", "")


def launched(namespace: Namespace) -> dict[str, Any]:
    """Apply the execution and return its Job."""
    namespace.apply(RUN)
    namespace.wait("a Job", lambda: namespace.list("jobs"))
    return namespace.list("jobs")[0]


def test_definitions_tell_their_state(applied: Namespace) -> None:
    def told() -> bool:
        task, nas = applied.get("dst", "nightly"), applied.get("dsl", "nas")
        site = applied.get("dsa", "site")
        assert task is not None and nas is not None and site is not None
        return (
            task.get("status", {}).get("status") == "Available"
            and nas.get("status", {}).get("uri") == "nfs://nas.example.com/export/"
            and site.get("status", {}).get("connection") == "Online"
        )

    applied.wait("status on agent, location and task", told)


def test_an_execution_is_launched_with_all_it_needs(applied: Namespace) -> None:
    job = launched(applied)
    uid = (applied.get("dse", "run") or {})["metadata"]["uid"]
    selector = f"datasync.dev/execution-uid={uid}"
    for kind in ("configmaps", "secrets", "pvc", "jobs"):
        [found] = applied.list(kind, selector=selector)
        assert found["metadata"]["ownerReferences"][0]["uid"] == uid, kind
    [volume] = applied.kube.list("pv", selector=selector)
    assert volume["spec"]["nfs"]["readOnly"] is True
    applied.wait(
        "the claim to be bound", lambda: applied.list("pvc")[0]["status"].get("phase") == "Bound"
    )
    assert job["spec"]["podFailurePolicy"]["rules"][0]["action"] == "FailJob"
    applied.wait("Launching", lambda: phase(applied) == "Launching")


def test_nothing_that_a_user_applied_is_changed(applied: Namespace) -> None:
    launched(applied)
    applied.wait("Launching", lambda: phase(applied) == "Launching")
    for text in (MANIFESTS, RUN):
        difference = applied.kubectl("diff", "-f", "-", input=text, check=False)
        assert difference.returncode == 0, difference.stdout
    for kind, name in (("dsa", "site"), ("dsl", "nas"), ("dst", "nightly")):
        found = applied.get(kind, name)
        assert found is not None
        meta = found["metadata"]
        assert set(meta["annotations"]) == {"kubectl.kubernetes.io/last-applied-configuration"}
        assert "finalizers" not in meta


def test_the_operator_owns_the_status_and_nothing_else(applied: Namespace) -> None:
    launched(applied)
    applied.wait("Launching", lambda: phase(applied) == "Launching")
    for kind, name in (("dsa", "site"), ("dsl", "nas"), ("dst", "nightly"), ("dse", "run")):
        shown = applied.kubectl("get", kind, name, "-o", "json", "--show-managed-fields")
        for entry in json.loads(shown.stdout)["metadata"]["managedFields"]:
            if entry["manager"] == "datasync-operator":
                assert entry["subresource"] == "status"
                assert set(entry["fieldsV1"]) == {"f:status"}


def test_deleting_a_running_execution_leaves_nothing(applied: Namespace) -> None:
    launched(applied)
    uid = (applied.get("dse", "run") or {})["metadata"]["uid"]
    # The pod has no node, so it ends at once when its Job goes.
    applied.kubectl("delete", "dse", "run", "--wait=true", "--timeout=40s")
    selector = f"datasync.dev/execution-uid={uid}"

    def gone() -> bool:
        kinds = ("jobs", "pods", "pvc", "configmaps", "secrets")
        mine = [one for kind in kinds for one in applied.list(kind, selector=selector)]
        return not mine and not applied.kube.list("pv", selector=selector)

    applied.wait("everything of it to be gone", gone)


def test_cancelling(applied: Namespace) -> None:
    launched(applied)
    applied.kubectl("patch", "dse", "run", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    applied.wait("Cancelled", lambda: phase(applied) == "Cancelled")
    assert not applied.list("jobs")
    found = applied.get("dse", "run")
    assert found is not None
    applied.wait(
        "the finalizer to go",
        lambda: "finalizers" not in (applied.get("dse", "run") or {})["metadata"],
    )


HOLD = {"token": "9-0123456789", "reason": "TooManyDeletions", "deletions": 9, "limit": 5}


def end_pod(namespace: Namespace, exit_code: int, told: TransferResult) -> None:
    """Let the runner pod end, as the kubelet would say it."""
    [pod] = namespace.wait("a pod", lambda: namespace.list("pods"))
    [container] = pod["spec"]["containers"]
    terminated = {"exitCode": exit_code, "message": told.termination_message()}
    status = {
        "phase": "Failed" if exit_code else "Succeeded",
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": terminated},
            }
        ],
    }
    patch = json.dumps({"status": status})
    name = pod["metadata"]["name"]
    namespace.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)


def test_a_job_that_is_suspended_is_waited_for(applied: Namespace) -> None:
    """As Kueue does it: it suspends a Job of its queue, and lets it go when there is room."""
    site = json.dumps({"spec": {"queueName": "batch"}})
    applied.kubectl("patch", "dsa", "site", "--type=merge", "-p", site)
    job = launched(applied)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "batch"

    def reason() -> str:
        status = (applied.get("dse", "run") or {})["status"]
        [ready] = [one for one in status["conditions"] if one["type"] == "Ready"]
        return ready["reason"]

    for suspended in (True, False):
        wish = json.dumps({"spec": {"suspend": suspended}})
        name = job["metadata"]["name"]
        applied.kubectl("patch", "job", name, "--type=merge", "-p", wish)
        applied.wait(
            f"suspended: {suspended}", lambda on=suspended: (reason() == "Suspended") is on
        )
    assert phase(applied) == "Launching"


def test_locations_tell_what_a_run_found_out_about_them(applied: Namespace) -> None:
    launched(applied)
    uid = (applied.get("dse", "run") or {})["metadata"]["uid"]
    now = datetime.now(UTC).replace(microsecond=0)
    told = TransferResult.model_validate(
        {
            "executionUid": uid,
            "outcome": "Error",
            "prepareStatus": "Error",
            "transferStatus": "Pending",
            "verifyStatus": "Pending",
            "counters": {},
            "reached": {"source": now},
            "error": {
                "code": "CredentialsRefused",
                "detail": "correct the keys",
                "location": "destination",
            },
            "startTime": now,
            "endTime": now,
        }
    )
    end_pod(applied, 11, told)
    applied.wait("Error", lambda: phase(applied) == "Error")

    def conditions(name: str) -> dict[str, tuple[str, str]]:
        status = (applied.get("dsl", name) or {})["status"]
        return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}

    reached = {"Reachable": ("True", "Reached"), "Ready": ("True", "Valid")}
    applied.wait("what is known of the source", lambda: conditions("nas") == reached)
    why = "CredentialsRefused"
    refused = {
        "CredentialsAvailable": ("False", why),
        "Reachable": ("Unknown", why),
        "Ready": ("False", why),
    }
    applied.wait("what is known of the destination", lambda: conditions("bucket") == refused)
    assert "lastCheckTime" in (applied.get("dsl", "bucket") or {})["status"]


def checked(namespace: Namespace, name: str, tag: str) -> dict[str, Any]:
    """Set the tag, as a user does, and return the Job of that check."""
    patch = json.dumps({"spec": {"check": tag}})
    namespace.kubectl("patch", "dsl", name, "--type=merge", "-p", patch)
    before = (namespace.get("dsl", name) or {})["metadata"]["generation"]

    def goes_on() -> bool:
        check = (namespace.get("dsl", name) or {}).get("status", {}).get("ongoingCheck", {})
        return (check.get("tag"), check.get("generation")) == (tag, before)

    namespace.wait("the check to go on", goes_on)
    [job] = namespace.wait("its Job", lambda: namespace.list("jobs"))
    return job


def test_a_location_is_looked_at_once_for_each_tag_and_nothing_stays(applied: Namespace) -> None:
    job = checked(applied, "nas", "first")
    [owner] = job["metadata"]["ownerReferences"]
    assert owner["uid"] == (applied.get("dsl", "nas") or {})["metadata"]["uid"]
    uid = job["metadata"]["labels"]["datasync.dev/check-uid"]
    [volume] = applied.kube.list("pv", selector=f"datasync.dev/check-uid={uid}")
    assert volume["spec"]["nfs"]["readOnly"] is True
    now = datetime.now(UTC).replace(microsecond=0)
    told = TransferResult.model_validate(
        {
            "executionUid": uid,
            "outcome": "Success",
            **dict.fromkeys(("prepareStatus", "transferStatus", "verifyStatus"), "Pending"),
            "counters": {},
            "reached": {"source": now},
            "startTime": now,
            "endTime": now,
        }
    )
    end_pod(applied, 0, told)

    def status() -> dict[str, Any]:
        return (applied.get("dsl", "nas") or {})["status"]

    applied.wait("the answer", lambda: status().get("lastCheck") == "first")
    conditions = {one["type"]: (one["status"], one["reason"]) for one in status()["conditions"]}
    assert conditions == {"Reachable": ("True", "Reached"), "Ready": ("True", "Valid")}
    assert "lastCheckTime" in status()

    def gone() -> bool:
        mine = applied.list("jobs,pods,pvc", selector=f"datasync.dev/check-uid={uid}")
        return not mine and not applied.kube.list("pv", selector=f"datasync.dev/check-uid={uid}")

    applied.wait("all that was made for it to go", gone)
    applied.wait("the end of the check", lambda: "ongoingCheck" not in status())
    second = checked(applied, "nas", "second")
    assert second["metadata"]["name"] != job["metadata"]["name"]


def test_a_location_that_is_deleted_takes_its_check_along(applied: Namespace) -> None:
    checked(applied, "bucket", "first")
    applied.kubectl("delete", "dsl", "bucket", "--wait=true", "--timeout=40s")
    applied.wait("its Job and its pod to go", lambda: not applied.list("jobs,pods"))


def test_a_held_run_waits_for_its_token_and_goes_on_as_a_new_attempt(applied: Namespace) -> None:
    job = launched(applied)
    uid = (applied.get("dse", "run") or {})["metadata"]["uid"]
    now = datetime.now(UTC)
    told = TransferResult.model_validate(
        {
            "executionUid": uid,
            "outcome": "Held",
            "prepareStatus": "Success",
            "transferStatus": "Pending",
            "verifyStatus": "Pending",
            "counters": {"filesTransferred": 5},
            "hold": HOLD,
            "error": {"code": "TooManyDeletions", "detail": "9 of 10 files would be deleted"},
            "startTime": now,
            "endTime": now,
        }
    )
    end_pod(applied, 12, told)
    applied.wait("Held", lambda: phase(applied) == "Held")
    held = applied.get("dse", "run") or {}
    assert held["status"]["hold"] == HOLD
    assert "endTime" not in held["status"]

    acknowledged = json.dumps({"spec": {"acknowledge": HOLD["token"]}})
    applied.kubectl("patch", "dse", "run", "--type=merge", "-p", acknowledged)
    applied.wait("Launching", lambda: phase(applied) == "Launching")

    def second() -> bool:
        names = [one["metadata"]["name"] for one in applied.list("jobs")]
        return len(names) == 1 and names[0] != job["metadata"]["name"]

    applied.wait("another Job instead of the first", second)
    status = (applied.get("dse", "run") or {})["status"]
    assert (status["attempts"], status["acknowledged"]) == (2, HOLD["token"])
    assert not {"hold", "counters", "result"} & set(status)
    plans = [
        one["data"]["plan.json"]
        for one in applied.list("configmaps")
        if "plan.json" in one.get("data", {})
    ]
    assert sorted(json.loads(plan)["acknowledge"] for plan in plans) == ["", HOLD["token"]]


def test_a_trigger_starts_one_run_and_is_echoed(applied: Namespace) -> None:
    applied.kubectl("patch", "dst", "nightly", "--type=merge", "-p", '{"spec":{"trigger":"v1"}}')
    applied.wait("a run", lambda: applied.list("dse"))
    applied.wait(
        "the echo",
        lambda: (applied.get("dst", "nightly") or {})["status"].get("lastTrigger") == "v1",
    )
    [run] = applied.list("dse")
    assert run["metadata"]["labels"]["datasync.dev/started-by"] == "trigger"


def test_a_window_pauses_a_run_that_goes_and_then_it_goes_on(applied: Namespace) -> None:
    first = launched(applied)["metadata"]["name"]

    def schedule(windows: list[dict[str, Any]]) -> None:
        spec = {"schedule": {"expression": "rate(1 day)", "windows": windows}}
        patch = json.dumps({"spec": spec})
        applied.kubectl("patch", "dst", "nightly", "--type=merge", "-p", patch)

    def paused() -> bool:
        status = (applied.get("dse", "run") or {}).get("status", {})
        reasons = [c["reason"] for c in status.get("conditions", ())]
        return status.get("phase") == "Queued" and "Paused" in reasons

    schedule([{"from": "00:00", "to": "24:00", "pause": True}])
    applied.wait("the run to be paused", paused)
    assert not applied.list("jobs")
    schedule([{"from": "00:00", "to": "24:00", "bytesPerSecond": 1000}])
    applied.wait("a Job of the next attempt", lambda: applied.list("jobs"))
    assert applied.list("jobs")[0]["metadata"]["name"] != first


def test_a_run_waits_for_the_task_that_comes_before_it(applied: Namespace) -> None:
    task = (applied.get("dst", "nightly") or {})["spec"]
    before = {name: task[name] for name in ("sourceLocationRef", "destinationLocationRef")}
    kind = {"apiVersion": "datasync.dev/v1alpha1", "kind": "DataSyncTask"}
    applied.apply(json.dumps({**kind, "metadata": {"name": "export"}, "spec": before}))
    after = '{"spec":{"runAfter":["export"]}}'
    applied.kubectl("patch", "dst", "nightly", "--type=merge", "-p", after)
    applied.apply(RUN)

    def waits() -> bool:
        status = (applied.get("dse", "run") or {}).get("status", {})
        return "WaitingForTask" in [c["reason"] for c in status.get("conditions", ())]

    applied.wait("the run to wait", waits)
    assert not applied.list("jobs")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    success = json.dumps({"status": {"lastSuccessfulTime": now}})
    applied.kubectl("patch", "dst", "export", "--type=merge", "--subresource=status", "-p", success)
    launched(applied)


@pytest.mark.parametrize("mounted", MOUNTED, ids=lambda mounted: mounted.driver)
def test_a_run_waits_for_the_driver_of_its_file_system_and_then_goes(
    operator: Path, control_plane_namespace: Namespace, mounted: Mounted
) -> None:
    space = control_plane_namespace

    def reason(kind: str, name: str, type_: str) -> str:
        status = (space.get(kind, name) or {}).get("status", {})
        found = [c["reason"] for c in status.get("conditions", ()) if c["type"] == type_]
        return found[0] if found else ""

    def says(kind: str, name: str, type_: str, expected: str) -> None:
        what = f"{kind} {name} to say {expected}"
        space.wait(what, lambda: reason(kind, name, type_) == expected)

    space.apply(EXAMPLES / mounted.example)
    says("dsl", mounted.location, "DriverInstalled", "DriverNotInstalled")
    says("dse", mounted.execution, "Ready", "DriverNotInstalled")
    uid = (space.get("dse", mounted.execution) or {})["metadata"]["uid"]
    selector = f"datasync.dev/execution-uid={uid}"
    assert not space.list("jobs,pods,pvc")
    assert not space.kube.list("pv", selector=selector)
    driver = DRIVER.format(name=mounted.driver)
    try:
        space.kube.apply(driver)
        space.wait("a Job", lambda: space.list("jobs"))
        [volume] = space.kube.list("pv", selector=selector)
        assert volume["spec"]["csi"]["volumeAttributes"] == mounted.attributes
        space.wait(
            "the claim to be bound", lambda: space.list("pvc")[0]["status"].get("phase") == "Bound"
        )
        says("dsl", mounted.location, "DriverInstalled", "DriverInstalled")
        says("dsl", mounted.location, "Ready", "Valid")
        assert (space.get("dsl", mounted.location) or {})["status"]["usedBy"] == [mounted.task]
    finally:
        space.kube.kubectl("delete", "-f", "-", input=driver)


def test_an_execution_waits_for_what_is_applied_later(
    operator: Path, control_plane_namespace: Namespace
) -> None:
    control_plane_namespace.apply(RUN)

    def waits() -> bool:
        found = control_plane_namespace.get("dse", "run") or {}
        conditions = found.get("status", {}).get("conditions", [])
        return any(c["type"] == "Ready" and c["reason"] == "TaskNotFound" for c in conditions)

    control_plane_namespace.wait("the reason", waits)
    control_plane_namespace.apply(MANIFESTS)
    control_plane_namespace.wait("a Job", lambda: control_plane_namespace.list("jobs"))


@pytest.mark.parametrize("snippet", snippets(), ids=lambda snippet: snippet.where)
def test_every_manifest_in_the_documents_is_accepted(
    control_plane_namespace: Namespace, snippet: Snippet
) -> None:
    control_plane_namespace.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "-f", "-", input=snippet.text
    )
