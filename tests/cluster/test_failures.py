"""Runs that cannot succeed end in Error or are Held, soon, and say what, why, and how to fix it."""

from typing import Any

import pytest

from cluster.failing import CASES, Case, Failing
from cluster.transfers import condition, objects

pytestmark = pytest.mark.timeout(110)
DEADLINE_SECONDS = 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ends_in_error_and_says_why(failing: Failing, case: Case) -> None:
    run = failing.transfers.until(case.name, case.phase, deadline_seconds=DEADLINE_SECONDS)
    status = run["status"]
    told = condition(status, "Ready")

    assert (told["status"], told["reason"]) == ("False", case.reason), told["message"]
    for word in case.words:
        assert word in told["message"]
    assert condition(status, "Stalled")["status"] == "True"
    assert condition(status, "Reconciling")["status"] == "False"
    assert status["result"]["errorCode"] == case.reason
    assert status["result"]["errorDetail"]
    assert status.get("progress", {}).get("percent") != 100
    held = case.phase == "Held"
    assert ("endTime" in status) is not held
    assert ("hold" in status) is held
    # The pod of a file that failed stays for its log, and holds the volume.
    if case.name != "unreadable-file" and not held:
        failing.transfers.gone(run)


@pytest.mark.parametrize(
    ("name", "type_", "reason"),
    [
        ("missing-secret", "CredentialsAvailable", "CredentialsMissing"),
        ("wrong-secret", "CredentialsAvailable", "CredentialsRefused"),
        ("wrong-password", "CredentialsAvailable", "CredentialsRefused"),
        ("missing-bucket", "Reachable", "BucketNotFound"),
        ("nfs-server-away", "Reachable", "MountFailed"),
        ("s3-server-away", "Reachable", "LocationUnreachable"),
    ],
)
def test_its_location_says_so_too(failing: Failing, name: str, type_: str, reason: str) -> None:
    failing.transfers.until(name, "Error", deadline_seconds=DEADLINE_SECONDS)
    space = failing.transfers.space

    def told() -> bool:
        status = (space.get("dsl", name) or {})["status"]
        return all(
            (found["status"], found["reason"]) == ("False", reason)
            for found in (condition(status, type_), condition(status, "Ready"))
        )

    space.wait(f"{type_} of the location {name}", told)


def test_what_failed_harmed_nothing(failing: Failing, cluster_s3: Any) -> None:
    for case in CASES:
        failing.transfers.until(case.name, case.phase, deadline_seconds=DEADLINE_SECONDS)

    assert objects(cluster_s3, failing.bucket, "precious") == {"file": b"precious"}
    assert objects(cluster_s3, failing.bucket, "to") == {"readable": b"readable"}
    (failure,) = failing.transfers.status("unreadable-file")["failures"]
    assert failure["count"] == 1
    assert "unreadable" in failure["samplePath"]
    # Secrets are in no word of any status.
    told = failing.transfers.space.kubectl("get", "dse", "-o", "json").stdout
    cluster = failing.transfers.cluster
    for secret in ("not-the-key", "not-the-password", cluster.s3.secret_key, cluster.smb.password):
        assert secret not in told
