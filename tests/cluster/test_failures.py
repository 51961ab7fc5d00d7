"""Runs that cannot succeed end in Error, soon, and say what happened, why, and how to fix it."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.transfers import Transfers, condition, objects, put_tree, write_tree
from fixtures import s3
from fixtures.cluster import Cluster

pytestmark = pytest.mark.timeout(110)
DEADLINE_SECONDS = 100


@dataclass(frozen=True)
class Case:
    """A run that must fail: the reason, and words that its message must have."""

    name: str
    reason: str
    words: tuple[str, ...]


CASES = (
    Case("wrong-secret", "CredentialsRefused", ("credentials",)),
    Case("missing-bucket", "BucketNotFound", ("no-such-bucket-here", "create")),
    Case("missing-secret", "CredentialsMissing", ("absent", "create it with AWS_ACCESS_KEY_ID")),
    Case("nfs-server-away", "MountFailed", ("cannot be mounted", "check its server")),
    Case("s3-server-away", "LocationUnreachable", ("endpoint",)),
    Case("no-room", "Unschedulable", ("no node takes", "resources", "Insufficient memory")),
    Case("no-task", "TaskNotFound", ("no DataSyncTask nowhere", "create it")),
    Case("no-location", "LocationNotFound", ("no DataSyncLocation nowhere", "create it")),
    Case("into-itself", "InvalidSpec", ("within each other", "choose a destination")),
    Case("empty-source", "SourceEmpty", ("allowEmptySource",)),
    Case("unreadable-file", "FilesFailed", ("unreadable", "Permission denied", "give the runner")),
)


@dataclass(frozen=True)
class Failing:
    """All the cases, started at once in one namespace."""

    transfers: Transfers
    bucket: str


@pytest.fixture(scope="module")
def failing(cluster: Cluster, cluster_s3: Any, module_transfers: Transfers) -> Iterator[Failing]:
    t, bucket = module_transfers, s3.make_bucket(cluster_s3)
    folder = cluster.nfs_export / f"failures-{uuid.uuid4().hex[:8]}"
    write_tree(folder, {"readable": b"readable", "unreadable": b"secret"})
    (folder / "unreadable").chmod(0o600)
    put_tree(cluster_s3, bucket, "full", {"file": b"content"})
    put_tree(cluster_s3, bucket, "precious", {"file": b"precious"})
    dead = f"http://{cluster.address}:1"
    once = {"retry": {"limit": 0}}
    t.apply(
        t.agent("site", maxConcurrentExecutions=50),
        t.agent("huge", resources={"requests": {"memory": "4Ti"}, "limits": {"memory": "4Ti"}}),
        t.credentials("wrong", secret_key="not-the-key"),
        t.bucket("full", bucket, prefix="full"),
        t.bucket("to", bucket, prefix="to"),
        t.bucket("precious", bucket, prefix="precious"),
        t.bucket("wrong-secret", bucket, prefix="a", secret="wrong"),
        t.bucket("missing-bucket", "no-such-bucket-here"),
        t.bucket("missing-secret", bucket, prefix="b", secret="absent"),
        t.bucket("s3-server-away", bucket, endpoint=dead),
        t.bucket("no-room", bucket, prefix="full", agents=["huge"]),
        t.bucket("no-room-to", bucket, prefix="no-room", agents=["huge"]),
        t.bucket("into-itself", bucket, prefix="full/inner"),
        t.bucket("empty-source", bucket, prefix="nothing-here"),
        t.nfs("nfs-server-away", folder, server=cluster.address.removesuffix("1") + "251"),
        t.nfs("unreadable-file", folder),
        # A few fail as sources, the others as destinations.
        t.task("missing-bucket", "missing-bucket", "to", **once),
        t.task("nfs-server-away", "nfs-server-away", "to", **once),
        t.task("s3-server-away", "s3-server-away", "to", **once),
        t.task("no-room", "no-room", "no-room-to", **once),
        t.task("no-location", "nowhere", "to", **once),
        t.task("unreadable-file", "unreadable-file", "to", **once),
        *(
            t.task(name, "full", name, **once)
            for name in ("wrong-secret", "missing-secret", "into-itself")
        ),
        t.task(
            *("empty-source", "empty-source", "precious"),
            options={"preserveDeletedFiles": "Remove"},
            **once,
        ),
        *(
            t.execution(case.name, "nowhere" if case.name == "no-task" else case.name)
            for case in CASES
        ),
    )
    yield Failing(t, bucket)
    shutil.rmtree(folder)
    s3.remove_bucket(cluster_s3, bucket)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ends_in_error_and_says_why(failing: Failing, case: Case) -> None:
    run = failing.transfers.until(case.name, "Error", deadline_seconds=DEADLINE_SECONDS)
    status = run["status"]
    told = condition(status, "Ready")

    assert (told["status"], told["reason"]) == ("False", case.reason), told["message"]
    for word in case.words:
        assert word in told["message"]
    assert condition(status, "Stalled")["status"] == "True"
    assert condition(status, "Reconciling")["status"] == "False"
    assert status["result"]["errorCode"] == case.reason
    assert status["result"]["errorDetail"]
    assert "endTime" in status
    assert status.get("progress", {}).get("percent") != 100
    if case.name != "unreadable-file":  # its pod stays for its log, and holds the volume
        failing.transfers.gone(run)


def test_what_failed_harmed_nothing(failing: Failing, cluster_s3: Any) -> None:
    for case in CASES:
        failing.transfers.until(case.name, "Error", deadline_seconds=DEADLINE_SECONDS)

    assert objects(cluster_s3, failing.bucket, "precious") == {"file": b"precious"}
    assert objects(cluster_s3, failing.bucket, "to") == {"readable": b"readable"}
    (failure,) = failing.transfers.status("unreadable-file")["failures"]
    assert failure["count"] == 1
    assert "unreadable" in failure["samplePath"]
    # Secrets are in no word of any status.
    told = failing.transfers.space.kubectl("get", "dse", "-o", "json").stdout
    assert "not-the-key" not in told
    assert failing.transfers.cluster.s3.secret_key not in told
