"""Runs that cannot succeed, all started at once: each waits for a deadline of its own."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cluster.transfers import Transfers, put_tree, write_tree
from fixtures import s3
from fixtures.cluster import Cluster


@dataclass(frozen=True)
class Case:
    """A run that must fail or be held: the reason, and words that its message must have."""

    name: str
    reason: str
    words: tuple[str, ...]
    phase: str = "Error"


CASES = (
    Case("wrong-secret", "CredentialsRefused", ("credentials",)),
    Case("wrong-password", "CredentialsRefused", ("smb://", "check username, password")),
    Case("missing-bucket", "BucketNotFound", ("no-such-bucket-here", "create")),
    Case("missing-secret", "CredentialsMissing", ("absent", "create it, with AWS_ACCESS_KEY_ID")),
    Case("nfs-server-away", "MountFailed", ("cannot be mounted", "check its server")),
    Case("s3-server-away", "LocationUnreachable", ("endpoint",)),
    Case("no-room", "Unschedulable", ("no node takes", "resources", "Insufficient memory")),
    Case("no-task", "TaskNotFound", ("no DataSyncTask nowhere", "create it")),
    Case("no-location", "LocationNotFound", ("no DataSyncLocation nowhere", "create it")),
    Case("no-driver", "DriverNotInstalled", ("efs.csi.aws.com", "install the EKS add-on")),
    Case("into-itself", "InvalidSpec", ("within each other", "choose a destination")),
    Case("empty-source", "SourceEmpty", ("allowEmptySource",), "Held"),
    Case("unreadable-file", "FilesFailed", ("unreadable", "Permission denied", "give the runner")),
)


@dataclass(frozen=True)
class Failing:
    """All the cases, started at once in one namespace."""

    transfers: Transfers
    bucket: str


@contextmanager
def start_failing(cluster: Cluster, client: Any, transfers: Transfers) -> Iterator[Failing]:
    """Start all the cases, and wait until none is in the queue any more."""
    t, bucket = transfers, s3.make_bucket(client)
    folder = cluster.nfs_export / f"failures-{uuid.uuid4().hex[:8]}"
    write_tree(folder, {"readable": b"readable", "unreadable": b"secret"})
    (folder / "unreadable").chmod(0o600)
    put_tree(client, bucket, "full", {"file": b"content"})
    put_tree(client, bucket, "precious", {"file": b"precious"})
    dead = f"http://{cluster.address}:1"
    once = {"retry": {"limit": 0}}
    t.apply(
        t.agent("site", maxConcurrentExecutions=50),
        t.agent("huge", resources={"requests": {"memory": "4Ti"}, "limits": {"memory": "4Ti"}}),
        t.credentials("wrong", secret_key="not-the-key"),
        t.login("not-the-login", password="not-the-password"),
        t.share("wrong-password", t.cluster.smb.folder, secret="not-the-login"),
        t.bucket("full", bucket, prefix="full"),
        t.bucket("to", bucket, prefix="to"),
        t.bucket("precious", bucket, prefix="precious"),
        t.bucket("wrong-secret", bucket, prefix="a", secret="wrong"),
        t.bucket("missing-bucket", "no-such-bucket-here"),
        t.bucket("missing-secret", bucket, prefix="b", secret="absent"),
        t.bucket("s3-server-away", bucket, endpoint=dead),
        t.bucket("no-room", bucket, prefix="full", agents=["huge"]),
        t.bucket("no-room-to", bucket, prefix="no-room", agents=["huge"]),
        t.efs("no-driver"),
        t.bucket("into-itself", bucket, prefix="full/inner"),
        t.bucket("empty-source", bucket, prefix="nothing-here"),
        t.nfs("nfs-server-away", folder, server=cluster.address.removesuffix("1") + "251"),
        t.nfs("unreadable-file", folder),
        # A few fail as sources, the others as destinations.
        t.task("missing-bucket", "missing-bucket", "to", **once),
        t.task("wrong-password", "wrong-password", "to", **once),
        t.task("nfs-server-away", "nfs-server-away", "to", **once),
        t.task("s3-server-away", "s3-server-away", "to", **once),
        t.task("no-room", "no-room", "no-room-to", **once),
        t.task("no-location", "nowhere", "to", **once),
        t.task("unreadable-file", "unreadable-file", "to", **once),
        *(
            t.task(name, "full", name, **once)
            for name in ("wrong-secret", "missing-secret", "into-itself", "no-driver")
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
    referring = {"no-task", "no-location", "no-driver"}  # they wait for what may still come
    stuck = {"missing-secret", "nfs-server-away", "no-room"}  # no runner of theirs ever starts
    for case in CASES:
        if case.name not in referring:
            # Until its runner has begun: another test takes the runner's image away for a while.
            launching = ("Launching",) if case.name in stuck else ()
            going = ("Preparing", "Transferring", "Verifying")
            t.until(case.name, *launching, *going, case.phase)
    yield Failing(t, bucket)
    shutil.rmtree(folder)
    s3.remove_bucket(client, bucket)
