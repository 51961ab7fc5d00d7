"""Starting, waiting, stopping: triggers, history, agents, slots, cancelling, deleting."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.gate import Gate
from cluster.transfers import Transfers, condition, objects, put_tree, sample_tree, write_tree

pytestmark = pytest.mark.timeout(90)
STARTED_BY = "datasync.dev/started-by"
MIB = 1024 * 1024


def test_a_trigger_starts_one_run_and_history_is_kept_short(
    transfers: Transfers, cluster_bucket: str, cluster_s3: Any
) -> None:
    put_tree(cluster_s3, cluster_bucket, "from", {"file": b"content"})
    limits = {"successfulExecutionsHistoryLimit": 1}
    transfers.apply(
        transfers.bucket("from", cluster_bucket, prefix="from"),
        transfers.bucket("to", cluster_bucket, prefix="to"),
        transfers.task("nightly", "from", "to", trigger="release-1", **limits),
        transfers.execution("mine", "nightly"),
    )

    def triggered() -> list[str]:
        runs = transfers.space.list("dse", selector=f"{STARTED_BY}=trigger")
        return [run["metadata"]["name"] for run in runs]

    def ended(last: str) -> bool:
        told = transfers.space.get("dst", "nightly") or {}
        return told["status"].get("lastExecution", {}).get("name") == last

    (first,) = transfers.space.wait("a triggered run", triggered)
    transfers.success(first)
    transfers.success("mine")
    transfers.apply(*transfers.applied)  # the same again: no reason to start
    assert triggered() == [first]
    task = transfers.space.get("dst", "nightly") or {}
    assert task["status"]["lastTrigger"] == "release-1"
    owner = transfers.run(first)["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"]) == ("DataSyncTask", "nightly")

    transfers.apply(transfers.task("nightly", "from", "to", trigger="release-2", **limits))
    second = transfers.space.wait(
        "another run", lambda: next((name for name in triggered() if name != first), "")
    )
    transfers.success(second)
    transfers.space.wait("the older run to go", lambda: triggered() == [second])
    transfers.space.wait("the task to know", lambda: ended(second))

    # What a user applied is never deleted, whatever the limits.
    assert transfers.phase("mine") == "Success"
    assert transfers.diff() == ""
    assert objects(cluster_s3, cluster_bucket, "to") == {"file": b"content"}
    status = (transfers.space.get("dst", "nightly") or {})["status"]
    assert status["status"] == "Available"
    assert condition(status, "LastExecutionSucceeded")["status"] == "True"


def test_a_run_waits_for_an_agent_that_is_offline(
    transfers: Transfers, nfs_folder: Path, cluster_bucket: str, cluster_s3: Any
) -> None:
    tree = sample_tree(files=3, big_bytes=1024)
    write_tree(nfs_folder, tree)
    transfers.apply(
        transfers.agent("site", nodeSelector={"example.com/rack": "nowhere"}),
        transfers.nfs("from", nfs_folder),
        transfers.bucket("to", cluster_bucket),
        transfers.task("task", "from", "to"),
        transfers.execution("patient", "task"),
    )

    told = transfers.waits_for("patient", "WaitingForAgent")
    agent = transfers.space.get("dsa", "site") or {}
    assert agent["status"]["connection"] == "Offline"
    assert condition(agent["status"], "Ready")["reason"] == "NoMatchingNode"
    assert transfers.phase("patient") == "Queued"
    assert "site" in told["message"]
    assert not transfers.jobs("patient")

    transfers.apply(transfers.agent("site"))
    status = transfers.success("patient")

    agent = transfers.space.get("dsa", "site") or {}
    assert agent["status"]["connection"] == "Online"
    assert agent["status"]["readyNodes"] == agent["status"]["matchingNodes"] == 1
    assert status["resolved"]["agent"] == "site"
    assert objects(cluster_s3, cluster_bucket) == tree


def test_runs_beyond_an_agents_slots_wait_their_turn(
    transfers: Transfers, gate: Gate, cluster_bucket: str, cluster_s3: Any
) -> None:
    names = ["run-1", "run-2", "run-3"]  # within one second the names say who was first
    transfers.apply(transfers.agent("site", maxConcurrentExecutions=1))
    hold = f"^PUT /{cluster_bucket}/run-1-to/"
    with gate.holding(hold):
        for name in names:
            put_tree(cluster_s3, cluster_bucket, f"{name}-from", {"file": name.encode()})
            transfers.apply(
                transfers.bucket(f"{name}-from", cluster_bucket, prefix=f"{name}-from"),
                transfers.bucket(f"{name}-to", cluster_bucket, prefix=f"{name}-to"),
                transfers.task(name, f"{name}-from", f"{name}-to"),
            )
        for name in names:
            transfers.apply(transfers.execution(name, name))
            if name == "run-1":
                transfers.until("run-1", "Launching", "Preparing", "Transferring")
        told = {name: transfers.waits_for(name, "WaitingForSlot") for name in names[1:]}
        transfers.until("run-1", "Transferring")
        assert "1 of 1 slots of site are taken" in told["run-2"]["message"]
        assert "1 ahead in the queue" in told["run-3"]["message"]
        assert [transfers.phase(name) for name in names[1:]] == ["Queued", "Queued"]
        agent = transfers.space.wait(
            "the agent to count them",
            lambda: counted(transfers.space.get("dsa", "site") or {}),
        )
        assert (agent["activeExecutions"], agent["queuedExecutions"]) == (1, 2)

    ended = [transfers.success(name) for name in names]

    # One after the other: each left the queue no sooner than the one before it had ended.
    assert ended[0]["endTime"] <= ended[1]["launchTime"]
    assert ended[1]["endTime"] <= ended[2]["launchTime"]
    for name in names:
        assert objects(cluster_s3, cluster_bucket, f"{name}-to") == {"file": name.encode()}


def counted(agent: dict[str, Any]) -> dict[str, Any] | None:
    status = agent.get("status", {})
    return status if status.get("queuedExecutions") == 2 else None


def test_a_cancelled_run_stops_and_nothing_of_it_runs_on(
    transfers: Transfers, gate: Gate, nfs_folder: Path, cluster_bucket: str
) -> None:
    tree = sample_tree(files=3)
    write_tree(nfs_folder, tree)
    transfers.apply(
        transfers.nfs("from", nfs_folder),
        transfers.bucket("to", cluster_bucket),
        transfers.task("task", "from", "to"),
    )
    with gate.holding(f"^(PUT|POST) /{cluster_bucket}/z-large"):
        transfers.apply(transfers.execution("doomed", "task"))
        transfers.until("doomed", "Transferring")
        transfers.apply(transfers.execution("doomed", "task", cancel=True))
        transfers.until("doomed", "Cancelling", "Cancelled")
    transfers.until("doomed", "Cancelled")

    assert not transfers.jobs("doomed")
    assert not [p for p in transfers.pods("doomed") if p["status"]["phase"] == "Running"]
    transfers.space.wait("its pod to go", lambda: not transfers.pods("doomed"))
    status = transfers.status("doomed")
    assert condition(status, "Ready")["reason"] == "Cancelled"
    assert "endTime" in status
    uid = transfers.uid("doomed")
    transfers.space.wait("its volume to go", lambda: not transfers.volumes(uid))
    assert transfers.diff() == ""

    # It can be run again, and then does what is left.
    transfers.apply(transfers.execution("again", "task"))
    assert transfers.success("again")["counters"]["filesListedAtSource"] == len(tree)


def test_a_run_that_waits_is_cancelled_without_having_started(
    transfers: Transfers, make_bucket: Callable[[], str]
) -> None:
    one, other = make_bucket(), make_bucket()
    transfers.apply(transfers.agent("site", nodeSelector={"example.com/rack": "nowhere"}))
    transfers.copy("task", one, other)
    transfers.waits_for("task", "WaitingForAgent")
    transfers.apply(transfers.execution("task", "task", cancel=True))

    run = transfers.until("task", "Cancelled")

    assert "attempts" not in run["status"]


def test_deleting_a_run_takes_everything_of_it_along(
    transfers: Transfers, gate: Gate, nfs_folder: Path, cluster_bucket: str
) -> None:
    write_tree(nfs_folder, sample_tree(files=3))
    transfers.apply(
        transfers.nfs("from", nfs_folder),
        transfers.bucket("to", cluster_bucket),
        transfers.task("task", "from", "to"),
    )
    with gate.holding(f"^(PUT|POST) /{cluster_bucket}/z-large"):
        transfers.apply(transfers.execution("unwanted", "task"))
        transfers.until("unwanted", "Transferring")
        uid = transfers.uid("unwanted")
        assert len(transfers.volumes(uid)) == 1
        transfers.space.kubectl("delete", "dse", "unwanted", "--timeout=40s")

        assert transfers.space.get("dse", "unwanted") is None
        left = "jobs,pods,pvc,configmaps,secrets"
        transfers.space.wait(
            "what it made to go",
            lambda: (
                not transfers.space.list(left, selector=f"datasync.dev/execution-uid={uid}")
                and not transfers.volumes(uid)
            ),
        )


def test_the_rate_of_a_run_is_changed_while_it_goes(
    transfers: Transfers, nfs_folder: Path, cluster_bucket: str, cluster_s3: Any
) -> None:
    rate = MIB  # 96 MiB would take longer than this test may
    tree = sample_tree(files=20, big_bytes=1024)
    tree |= {f"large/{n:02}.bin": bytes([n]) * MIB for n in range(96)}
    size_bytes = sum(map(len, tree.values()))
    write_tree(nfs_folder, tree)
    transfers.apply(
        transfers.nfs("from", nfs_folder),
        transfers.bucket("to", cluster_bucket),
        transfers.task("task", "from", "to", options={"bytesPerSecond": rate}),
    )

    reports: set[str] = set()

    def written() -> int:
        """The third of different reports in which there is anything, seconds after the first."""
        progress = transfers.status("slow").get("progress", {})
        if progress.get("bytesWritten"):
            reports.add(progress["lastUpdateTime"])
        return progress["bytesWritten"] if len(reports) == 3 else 0

    began = time.monotonic()
    transfers.apply(transfers.execution("slow", "task"))
    transfers.until("slow", "Transferring")
    before = transfers.space.wait("three reports", written)
    assert before <= rate * (time.monotonic() - began) + MIB

    patched = time.monotonic()
    transfers.apply(transfers.execution("slow", "task", bytesPerSecond=-1))
    status = transfers.success("slow", deadline_seconds=30)

    assert time.monotonic() - patched < (size_bytes - before) / rate / 2
    assert status["counters"]["bytesWritten"] == size_bytes
    assert objects(cluster_s3, cluster_bucket) == tree
    assert status["attempts"] == 1
    starts = [event for event in transfers.space.list("events") if event["reason"] == "Started"]
    assert sum(event.get("count", 1) for event in starts) == 1
    assert transfers.diff() == ""
