"""The report of a run in a pod: to a bucket, and to an export that the node mounts for it alone."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cluster.transfers import Transfers, condition, objects, read_tree, sample_tree, write_tree

pytestmark = pytest.mark.timeout(90)


@pytest.mark.parametrize("place", ["bucket", "export"])
def test_a_pod_reports_to_a_place_of_its_own(
    transfers: Transfers, nfs_folder: Path, cluster_bucket: str, cluster_s3: Any, place: str
) -> None:
    tree = sample_tree(files=5, big_bytes=1000)
    for name in ("tree", "told"):
        (nfs_folder / name).mkdir()
    write_tree(nfs_folder / "tree", tree)
    # Whoever the runner is, it may write there: an export has no fsGroup.
    (nfs_folder / "told").chmod(0o777)
    told = {
        "bucket": transfers.bucket("told", cluster_bucket, prefix="told"),
        "export": transfers.nfs("told", nfs_folder / "told"),
    }
    transfers.apply(
        transfers.nfs("from", nfs_folder / "tree"),
        transfers.bucket("to", cluster_bucket, prefix="to"),
        told[place],
        transfers.task(
            *("reported", "from", "to"),
            report={"locationRef": {"name": "told"}, "reportLevel": "SuccessesAndErrors"},
        ),
        transfers.execution("reported", "reported"),
    )
    status = transfers.success("reported")

    files = (
        objects(cluster_s3, cluster_bucket, "told")
        if place == "bucket"
        else read_tree(nfs_folder / "told")
    )
    [name] = [name for name in files if ".summary-" in name and name.endswith(".json")]
    summary = json.loads(files[name])
    assert (summary["Status"], summary["FilesTransferred"]) == ("SUCCESS", len(tree))
    report = status["report"]
    assert (report["status"], report["files"]) == ("Success", len(files))
    assert report["uri"].endswith(name)
    assert report["sha256"] == hashlib.sha256(files[name]).hexdigest()
    assert condition(status, "ReportWritten")["status"] == "True"
