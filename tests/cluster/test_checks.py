"""Locations that are looked at without a run, by real pods: in good order, and each of them not."""

from pathlib import Path
from typing import Any

import pytest

from cluster.transfers import Manifest, Transfers, condition, objects, read_tree, write_tree

pytestmark = pytest.mark.timeout(110)
CHECK_LABEL = "datasync.dev/check-uid"
TREE = {"file": b"content", "folder/file": b"content"}


def checked(location: Manifest, tag: str = "first") -> Manifest:
    return {**location, "spec": {**location["spec"], "check": tag}}


def answer(transfers: Transfers, name: str, tag: str = "first") -> dict[str, tuple[str, str]]:
    """The conditions that came with the tag; nothing is known of it before."""

    def probe() -> Manifest | None:
        status = (transfers.space.get("dsl", name) or {}).get("status", {})
        return status if status.get("lastCheck") == tag else None

    status = transfers.space.wait(f"the answer of {name}", probe, deadline_seconds=60)
    assert "lastCheckTime" in status
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def nothing_is_left(transfers: Transfers) -> bool:
    mine = transfers.space.list("jobs,pods,pvc", selector=CHECK_LABEL)
    return not mine and not transfers.cluster.list("pv", selector=CHECK_LABEL)


REACHED = {"Reachable": ("True", "Reached"), "Ready": ("True", "Valid")}
LET_IN = {"CredentialsAvailable": ("True", "Reached"), **REACHED}


def refused(reason: str) -> dict[str, tuple[str, str]]:
    found = {"CredentialsAvailable": ("False", reason), "Reachable": ("Unknown", reason)}
    return {**found, "Ready": ("False", reason)}


def test_locations_are_looked_at_without_a_run(
    transfers: Transfers,
    nfs_folder: Path,
    share_folder: Path,
    cluster_bucket: str,
    cluster_s3: Any,
) -> None:
    for folder in (nfs_folder, share_folder):
        write_tree(folder, TREE)
    cluster_s3.put_object(Bucket=cluster_bucket, Key="file", Body=b"content")
    transfers.apply(
        transfers.agent("site", maxConcurrentExecutions=8),
        transfers.login("login"),
        transfers.credentials("wrong", secret_key="not-the-key"),
        *map(
            checked,
            (
                transfers.nfs("nas", nfs_folder),
                transfers.share("share", share_folder),
                transfers.bucket("bucket", cluster_bucket),
                transfers.bucket("wrong-keys", cluster_bucket, secret="wrong"),
                transfers.bucket("no-bucket", "no-such-bucket-here"),
            ),
        ),
    )

    told = {
        name: answer(transfers, name)
        for name in ("nas", "share", "bucket", "wrong-keys", "no-bucket")
    }

    assert told["nas"] == REACHED
    assert told["share"] == told["bucket"] == LET_IN
    assert told["wrong-keys"] == refused("CredentialsRefused")
    assert told["no-bucket"]["Reachable"] == ("False", "BucketNotFound")
    status = (transfers.space.get("dsl", "wrong-keys") or {})["status"]
    message = condition(status, "CredentialsAvailable")["message"]
    assert "AWS_SECRET_ACCESS_KEY" in message
    assert "not-the-key" not in message
    transfers.space.wait("all that was made to go", lambda: nothing_is_left(transfers))
    assert read_tree(nfs_folder) == read_tree(share_folder) == TREE
    assert objects(cluster_s3, cluster_bucket) == {"file": b"content"}
    assert transfers.diff() == ""

    # With the right keys and another tag it is in good order; the same tag asks nobody again.
    transfers.apply(checked(transfers.bucket("wrong-keys", cluster_bucket), "second"))
    assert answer(transfers, "wrong-keys", "second") == LET_IN


def test_a_check_that_no_pod_can_make_says_why_and_ends(
    transfers: Transfers, cluster_bucket: str
) -> None:
    transfers.apply(
        transfers.agent("away", nodeSelector={"example.com/rack": "nowhere"}),
        checked(transfers.bucket("no-secret", cluster_bucket, secret="absent")),
        checked(transfers.bucket("no-agent", cluster_bucket, agents=["away"])),
        checked(transfers.efs("no-driver")),
    )

    told = {name: answer(transfers, name) for name in ("no-secret", "no-agent", "no-driver")}

    assert told["no-secret"] == refused("CredentialsMissing")
    assert told["no-agent"]["Reachable"] == ("Unknown", "WaitingForAgent")
    assert told["no-driver"]["Reachable"] == ("Unknown", "DriverNotInstalled")
    assert told["no-driver"]["Ready"] == ("False", "DriverNotInstalled")
    transfers.space.wait("all that was made to go", lambda: nothing_is_left(transfers))
