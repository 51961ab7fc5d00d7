"""The examples, as they are in the repository, on a real cluster: every byte, every number."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.gate import Gate
from cluster.transfers import (
    RUNNER_UID,
    Transfers,
    condition,
    objects,
    put_tree,
    read_tree,
    sample_tree,
    write_tree,
)
from fixtures import s3

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def archive(cluster_s3: Any) -> Iterator[str]:
    """Yield the bucket that the examples name."""
    cluster_s3.create_bucket(Bucket="archive")
    yield "archive"
    s3.remove_bucket(cluster_s3, "archive")


@pytest.fixture
def archive_copy(cluster_s3: Any) -> Iterator[str]:
    """Yield the second bucket that the examples name."""
    cluster_s3.create_bucket(Bucket="archive-copy")
    yield "archive-copy"
    s3.remove_bucket(cluster_s3, "archive-copy")


def test_nfs_to_s3(
    transfers: Transfers, gate: Gate, nfs_folder: Path, archive: str, cluster_s3: Any
) -> None:
    tree = sample_tree()
    write_tree(nfs_folder, {**tree, "scratch.tmp": b"x", "docs/__pycache__/m.pyc": b"x"})
    manifests = transfers.example(
        "nfs-to-s3",
        **{"/export/tree": f"{transfers.cluster.nfs_path}/{nfs_folder.name}"},
    )
    large = r"^(PUT|POST) /archive/tree/z-large"

    with gate.holding(large):
        transfers.apply(*manifests)
        moving = transfers.space.wait(
            "all files but the large one to be moved",
            lambda: moved(transfers.status("first"), len(tree) - 1),
        )
        row = transfers.space.kubectl("get", "dst,dse").stdout

    assert moving["phase"] == "Transferring"
    assert moving["progress"]["source"] == "Live"
    assert moving["progress"]["filesToTransfer"] == len(tree)
    assert 0 < moving["progress"]["percent"] < 100
    assert moving["progress"]["filesTransferred"] == len(tree) - 1
    assert moving["progress"]["bytesTransferred"] > 0
    assert condition(moving, "Reconciling")["status"] == "True"
    assert "Running" in row

    status = transfers.success("first")
    assert objects(cluster_s3, archive, "tree") == tree
    numbers = {
        "filesTransferred": len(tree),
        "bytesTransferred": sum(map(len, tree.values())),
        "percent": 100,
        "source": "Final",
    }
    assert {name: status["progress"][name] for name in numbers} == numbers
    counters = status["counters"]
    assert counters["filesTransferred"] == counters["filesVerified"] == len(tree)
    assert counters["filesFailed"] == dict.fromkeys(("prepare", "transfer", "verify", "delete"), 0)
    assert {status["result"][f"{stage}Status"] for stage in ("prepare", "transfer", "verify")} == {
        "Success"
    }
    assert condition(status, "Ready")["reason"] == "Succeeded"
    assert condition(status, "Reconciling")["status"] == "False"
    assert status["attempts"] == 1
    transfers.space.kubectl("wait", "--for=condition=Ready", "dse/first", "--timeout=5s")
    table = transfers.space.kubectl("get", "dse", "first").stdout.splitlines()
    assert " ".join(table[0].split()) == "NAME TASK PHASE PERCENT FILES BYTES REASON AGE"
    assert table[1].split()[:7] == [
        *("first", "nas-to-archive", "Success", "100", str(len(tree))),
        *(str(numbers["bytesTransferred"]), "Succeeded"),
    ]

    meta = cluster_s3.head_object(Bucket=archive, Key="tree/empty")["Metadata"]
    assert int(meta["file-permissions"], 8) & 0o7777 == 0o755
    assert meta["file-mtime"].startswith("1500000000123456789")
    assert meta["file-owner"] == "0"

    before = gate.passed(r"^(PUT|POST) /archive/")
    transfers.apply(transfers.execution("second", "nas-to-archive"))
    again = transfers.success("second")
    assert again["counters"]["filesTransferred"] == 0
    assert again["counters"]["bytesTransferred"] == 0
    assert again["counters"]["filesListedAtSource"] == len(tree)
    assert again["progress"]["percent"] == 100
    assert gate.passed(r"^(PUT|POST) /archive/") == before

    assert_at_rest(transfers)
    uids = [transfers.uid("first"), transfers.uid("second")]
    transfers.space.wait(
        "the runs' volumes to go", lambda: not any(transfers.volumes(uid) for uid in uids)
    )


def test_s3_to_claim(transfers: Transfers, nfs_folder: Path, archive: str, cluster_s3: Any) -> None:
    tree = sample_tree(files=30)
    put_tree(cluster_s3, archive, "tree", tree)

    with host_volume(transfers, nfs_folder) as write_to:
        transfers.apply(*transfers.example("s3-to-pvc"))
        status = transfers.success("restore-first")

        assert read_tree(write_to) == tree
        assert {file.stat().st_uid for file in write_to.rglob("*")} == {RUNNER_UID}
        assert status["counters"]["filesTransferred"] == len(tree)
        assert status["counters"]["filesVerified"] == len(tree)
        assert status["resolved"].get("agent") is None
        assert_at_rest(transfers)
        claim = transfers.space.get("pvc", "restored")
        assert claim is not None
        assert "deletionTimestamp" not in claim["metadata"]


def test_claim_to_s3(
    transfers: Transfers, nfs_folder: Path, cluster_bucket: str, cluster_s3: Any
) -> None:
    tree = sample_tree(files=30)

    with host_volume(transfers, nfs_folder) as read_from:
        write_tree(read_from, tree)
        transfers.apply(
            a_claim("restored"),
            transfers.claim("volume", "restored"),
            transfers.bucket("backup", cluster_bucket, prefix="backup"),
            transfers.task("back-up", "volume", "backup"),
            transfers.execution("back-up", "back-up"),
        )
        status = transfers.success("back-up")

    assert objects(cluster_s3, cluster_bucket, "backup") == tree
    assert status["counters"]["filesTransferred"] == len(tree)
    assert status["counters"]["filesVerified"] == len(tree)
    meta = cluster_s3.head_object(Bucket=cluster_bucket, Key="backup/empty")["Metadata"]
    assert meta["file-mtime"].startswith("1500000000123456789")


def test_share_to_s3(
    transfers: Transfers, share_folder: Path, archive: str, cluster_s3: Any
) -> None:
    tree = sample_tree()
    write_tree(share_folder, {**tree, "docs/Thumbs.db": b"x", "docs/~$page.docx": b"x"})

    transfers.apply(*transfers.example("smb-to-s3", **{"path: team": f"path: {share_folder.name}"}))
    status = transfers.success("share-first")

    assert objects(cluster_s3, archive, "team") == tree
    assert status["counters"]["filesTransferred"] == len(tree)
    assert status["counters"]["filesVerified"] == len(tree)
    assert status["counters"]["bytesTransferred"] == sum(map(len, tree.values()))
    meta = cluster_s3.head_object(Bucket=archive, Key="team/empty")["Metadata"]
    assert meta["file-mtime"].startswith("1500000000123456700")  # SMB counts in 100 ns
    # A share has neither owners nor modes: AWS's defaults for what is missing.
    assert [meta[f"file-{name}"] for name in ("owner", "group")] == ["65534", "65534"]
    assert int(meta["file-permissions"], 8) & 0o7777 == 0o644
    assert_at_rest(transfers)
    # The login is in the pod's mounted Secret alone.
    everything = transfers.space.kubectl("get", "cm,jobs,pods,events,datasync", "-o", "yaml").stdout
    assert "share-login" in everything
    assert transfers.cluster.smb.password not in everything


def test_s3_to_share(
    transfers: Transfers, share_folder: Path, cluster_bucket: str, cluster_s3: Any
) -> None:
    tree = sample_tree()
    put_tree(cluster_s3, cluster_bucket, "from", tree)
    write_tree(share_folder, {"empty": b"to be overwritten", "docs/gone": b"to be deleted"})

    transfers.apply(
        transfers.login("login"),
        transfers.bucket("from", cluster_bucket, prefix="from"),
        transfers.share("to", share_folder),
        transfers.task(
            *("restore", "from", "to"),
            options={"preserveDeletedFiles": "Remove"},
            guards={"maxDeletePercent": 100},
        ),
        transfers.execution("restore", "restore"),
    )
    status = transfers.success("restore")

    assert read_tree(share_folder) == tree
    assert status["counters"]["filesTransferred"] == len(tree)
    assert status["counters"]["filesVerified"] == len(tree)
    assert status["counters"]["filesDeleted"] == 1
    assert_at_rest(transfers)


def test_s3_to_s3_without_an_agent(
    transfers: Transfers, archive: str, archive_copy: str, cluster_s3: Any
) -> None:
    tree = sample_tree(files=30)
    put_tree(cluster_s3, archive, "tree", tree)
    put_tree(cluster_s3, archive_copy, "gone", {"from the source": b"long ago"})

    transfers.apply(*transfers.example("s3-to-s3"))
    status = transfers.success("replicate-first")

    assert objects(cluster_s3, archive_copy) == tree
    assert status["counters"]["filesTransferred"] == len(tree)
    assert status["counters"]["filesDeleted"] == 1
    assert status["resolved"].get("agent") is None
    assert_at_rest(transfers)


def test_a_manifest_in_a_bucket(
    transfers: Transfers, make_bucket: Callable[[], str], cluster_bucket: str, cluster_s3: Any
) -> None:
    tree, lists = sample_tree(files=30), make_bucket()
    put_tree(cluster_s3, cluster_bucket, "from", tree)
    cluster_s3.put_bucket_versioning(Bucket=lists, VersioningConfiguration={"Status": "Enabled"})
    first = put_list(
        cluster_s3, lists, ["empty", "docs/3/page-003.txt", "a name with spaces & more.txt"]
    )
    put_list(cluster_s3, lists, ["übergröße/naïve-日本.txt", "gone"])

    transfers.apply(
        transfers.credentials("keys-of-lists"),
        transfers.bucket("lists", lists, prefix="lists", secret="keys-of-lists"),
    )
    transfers.copy("listed", cluster_bucket, cluster_bucket, manifest=listed(versionId=first))
    status = transfers.success("listed")

    moved = {"empty", "docs/3/page-003.txt", "a name with spaces & more.txt"}
    assert objects(cluster_s3, cluster_bucket, "to") == {name: tree[name] for name in moved}
    assert status["counters"]["filesListedAtSource"] == len(moved)
    assert status["counters"]["filesTransferred"] == len(moved)

    # The newest version, by an override: one more is there, and what is missing is named.
    newest = {"overrides": {"manifest": listed()}}
    transfers.apply(transfers.execution("newest", "listed", **newest))
    status = transfers.until("newest", "Error")["status"]

    moved |= {"übergröße/naïve-日本.txt"}
    assert objects(cluster_s3, cluster_bucket, "to") == {name: tree[name] for name in moved}
    assert status["counters"]["filesTransferred"] == 1
    (failure,) = status["failures"]
    assert (failure["code"], failure["samplePath"]) == ("ManifestFileDoesNotExist", "/gone")


def put_list(client: Any, bucket: str, paths: Sequence[str]) -> str:
    """Write a manifest as an object, and return the version that it became."""
    body = "".join(f"{path}\n" for path in paths).encode()
    return client.put_object(Bucket=bucket, Key="lists/today.csv", Body=body)["VersionId"]


def listed(**more: str) -> dict[str, Any]:
    """The field of a task that names the manifest."""
    return {"s3": {"locationRef": {"name": "lists"}, "key": "today.csv", **more}}


def moved(status: dict[str, Any], files: int) -> dict[str, Any] | None:
    progress = status.get("progress") or {}
    known = progress.get("percent") is not None
    return status if known and progress.get("filesTransferred", 0) >= files else None


def assert_at_rest(transfers: Transfers) -> None:
    """Nothing that the operator wrote shows as a change to what the user applied."""
    transfers.space.wait(
        "finalizers to go",
        lambda: not any(run["metadata"].get("finalizers") for run in transfers.space.list("dse")),
    )
    assert transfers.diff() == ""
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    for kind in ("dsa", "dsl", "dst", "dse"):
        for found in transfers.space.list(kind):
            meta = found["metadata"]
            assert set(meta.get("annotations", {})) <= {applied}, meta
            assert not meta.get("finalizers"), meta
            assert not meta.get("labels"), meta
            told = condition(found["status"], "Ready")
            assert told["status"] == "True", json.dumps(found["status"])
            assert found["status"]["observedGeneration"] == meta["generation"]


@contextmanager
def host_volume(transfers: Transfers, folder: Path) -> Iterator[Path]:
    """Make a volume for the claim "restored", and yield its folder; there is no storage class."""
    inside = folder / "claim"
    inside.mkdir()
    inside.chmod(0o777)
    name = transfers.space.name
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "claimRef": {"namespace": name, "name": "restored"},
            "hostPath": {"path": str(inside), "type": "Directory"},
        },
    }
    transfers.cluster.apply(volume)
    try:
        yield inside
    finally:
        transfers.cluster.kubectl("delete", "pv", name, "--wait=false")


def a_claim(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
