"""The words of these tests: manifests of transfers in one namespace, and what became of them."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fixtures.cluster import Cluster
from fixtures.kube import Namespace
from fixtures.testbed import ROOT

EXAMPLES = ROOT / "examples"
EXAMPLES_ADDRESS = "10.88.0.1"
API = "datasync.dev/v1alpha1"
TERMINAL = ("Success", "CompletedWithErrors", "Error", "Cancelled")
UID_LABEL = "datasync.dev/execution-uid"
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
"""A node of two cores takes many of these at once."""
RUNNER_UID = 10001
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Transfers:
    """One namespace with credentials and an agent for a crowd of small runs."""

    cluster: Cluster
    space: Namespace
    endpoint: str
    applied: list[Manifest] = field(default_factory=list)

    def apply(self, *manifests: Manifest) -> None:
        """Apply manifests and remember them for `diff`."""
        names = {(m["kind"], m["metadata"]["name"]) for m in manifests}
        self.applied[:] = [
            m for m in self.applied if (m["kind"], m["metadata"]["name"]) not in names
        ]
        self.applied.extend(manifests)
        self.space.apply(*manifests)

    def diff(self) -> str:
        """What `kubectl diff` says of everything that was applied: nothing, if all is well."""
        text = "\n---\n".join(json.dumps(manifest) for manifest in self.applied)
        done = self.space.kubectl("diff", "-f", "-", input=text, check=False)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def prepare(self) -> None:
        """Apply the credentials and the agent that the other manifests name."""
        self.apply(self.credentials("credentials"), self.agent("site"))

    # ---- manifests ----------------------------------------------------------------------

    def credentials(self, name: str, *, secret_key: str | None = None) -> Manifest:
        s3 = self.cluster.s3
        keys = {"AWS_ACCESS_KEY_ID": s3.access_key}
        keys["AWS_SECRET_ACCESS_KEY"] = secret_key or s3.secret_key
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": keys,
        }

    def login(self, name: str, *, password: str | None = None) -> Manifest:
        """A Secret with which a location of kind smb logs on."""
        smb = self.cluster.smb
        keys = {"username": smb.username, "password": password or smb.password}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": keys,
        }

    def example(self, name: str, **replaced: str) -> list[Manifest]:
        """The manifests of an example, with this cluster's addresses and small pods."""
        changes = {f"http://{EXAMPLES_ADDRESS}:8333": self.endpoint}
        changes |= {EXAMPLES_ADDRESS: self.cluster.address, **replaced}
        found: list[Manifest] = []
        for file in sorted((EXAMPLES / name).glob("*.yaml")):
            text = file.read_text()
            for old, new in changes.items():
                text = text.replace(old, new)
            found += [document for document in yaml.safe_load_all(text) if document]
        for manifest in found:
            if manifest["kind"] == "DataSyncAgent":
                manifest["spec"]["resources"] = SMALL
        return found

    def agent(self, name: str, **spec: Any) -> Manifest:
        return _object("DataSyncAgent", name, {"resources": SMALL, **spec})

    def nfs(self, name: str, folder: Path, *, server: str | None = None) -> Manifest:
        where = {
            "server": server or self.cluster.nfs_server,
            "path": f"{self.cluster.nfs_path}/{folder.relative_to(self.cluster.nfs_export)}",
        }
        return _object("DataSyncLocation", name, {"nfs": where, "agentRefs": _refs(["site"])})

    def share(self, name: str, folder: Path, *, secret: str = "login") -> Manifest:
        """A folder of the share that refuses who does not encrypt."""
        where = {
            "server": self.cluster.smb.host,
            "share": "enc",
            "path": folder.name,
            "encryption": "Required",
            "credentialsSecretRef": {"name": secret},
        }
        return _object("DataSyncLocation", name, {"smb": where, "agentRefs": _refs(["site"])})

    def claim(self, name: str, claim: str) -> Manifest:
        where = {"persistentVolumeClaim": {"claimName": claim}}
        return _object("DataSyncLocation", name, {**where, "agentRefs": _refs(["site"])})

    def efs(self, name: str) -> Manifest:
        return _object("DataSyncLocation", name, {"efs": {"fileSystemId": "fs-0123456789abcdef0"}})

    def bucket(
        self,
        name: str,
        bucket: str,
        *,
        prefix: str = "",
        secret: str = "credentials",
        endpoint: str | None = None,
        agents: Sequence[str] = ("site",),
    ) -> Manifest:
        storage = {
            "endpoint": endpoint or self.endpoint,
            "allowInsecure": True,
            "bucket": bucket,
            "prefix": prefix,
            "credentialsSecretRef": {"name": secret},
        }
        spec: Manifest = {"objectStorage": storage}
        if agents:
            spec["agentRefs"] = _refs(agents)
        return _object("DataSyncLocation", name, spec)

    def task(self, name: str, source: str, destination: str, **spec: Any) -> Manifest:
        ends = {
            "sourceLocationRef": {"name": source},
            "destinationLocationRef": {"name": destination},
        }
        return _object("DataSyncTask", name, {**ends, **spec})

    def execution(self, name: str, task: str, **spec: Any) -> Manifest:
        return _object("DataSyncTaskExecution", name, {"taskRef": {"name": task}, **spec})

    def copy(self, name: str, source: str, destination: str, **spec: Any) -> None:
        """Apply a whole transfer between two buckets, with names made from one, and start it."""
        self.apply(
            self.bucket(f"{name}-from", source, prefix="from"),
            self.bucket(f"{name}-to", destination, prefix="to"),
            self.task(name, f"{name}-from", f"{name}-to", **spec),
            self.execution(name, name),
        )

    # ---- what became of them ------------------------------------------------------------

    def run(self, name: str) -> Manifest:
        """An execution as it is now."""
        found = self.space.get("dse", name)
        assert found is not None, f"execution {name} is gone"
        return found

    def status(self, name: str) -> Manifest:
        return self.run(name).get("status", {})

    def phase(self, name: str) -> str:
        return self.status(name).get("phase", "")

    def until(self, name: str, *phases: str, deadline_seconds: float = 45) -> Manifest:
        """Wait for one of the phases and return the execution; another end is an error at once."""

        def probe() -> Manifest | None:
            run = self.run(name)
            phase = run.get("status", {}).get("phase", "")
            if phase in phases:
                return run
            if phase in TERMINAL:
                self.fail(run, f"ended in {phase} while waiting for {' or '.join(phases)}")
            return None

        what = f"{name} to be {' or '.join(phases)}"
        return self.space.wait(what, probe, deadline_seconds=deadline_seconds)

    def success(self, name: str, *, deadline_seconds: float = 60) -> Manifest:
        """Wait for the run's success and return its status."""
        return self.until(name, "Success", deadline_seconds=deadline_seconds)["status"]

    def waits_for(self, name: str, reason: str, *, deadline_seconds: float = 30) -> Manifest:
        """Wait until the run's Ready condition has the reason, and return the condition."""

        def probe() -> Manifest | None:
            found = condition(self.status(name), "Ready")
            return found if found.get("reason") == reason else None

        return self.space.wait(f"{name}: {reason}", probe, deadline_seconds=deadline_seconds)

    def fail(self, run: Manifest, text: str) -> None:
        name = run["metadata"]["name"]
        told = condition(run.get("status", {}), "Ready")
        raise AssertionError(
            f"{name} {text}: {told.get('reason')}: {told.get('message')}\n"
            f"{run.get('status')}\n{self.space.kube.diagnose(self.space.name)}"
        )

    def pods(self, name: str) -> Sequence[Manifest]:
        """The runner pods of an execution."""
        return self.space.list("pods", selector=f"{UID_LABEL}={self.uid(name)}")

    def jobs(self, name: str) -> Sequence[Manifest]:
        return self.space.list("jobs", selector=f"{UID_LABEL}={self.uid(name)}")

    def uid(self, name: str) -> str:
        return self.run(name)["metadata"]["uid"]

    def gone(self, run: Manifest) -> None:
        """Wait until nothing of an ended run goes on, and it has left no volume."""
        uid = run["metadata"]["uid"]
        going = "status.phase!=Failed,status.phase!=Succeeded"
        pods = ("get", "pods", "-l", f"{UID_LABEL}={uid}", "--field-selector", going)

        def nothing() -> bool:
            return not self.volumes(uid) and not self.space.kubectl(*pods, "-o", "name").stdout

        self.space.wait("its pods and volumes to go", nothing)

    def volumes(self, uid: str) -> Sequence[Manifest]:
        """The PersistentVolumes that were made for an execution."""
        return self.cluster.list("pv", selector=f"{UID_LABEL}={uid}")


def condition(status: Mapping[str, Any], type_: str) -> Manifest:
    """The condition of this type; empty if there is none."""
    return next((c for c in status.get("conditions", ()) if c["type"] == type_), {})


def _object(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _refs(names: Iterable[str]) -> list[Manifest]:
    return [{"name": name} for name in names]


# ---- trees ----------------------------------------------------------------------------------

Tree = dict[str, bytes]


def sample_tree(*, files: int = 60, big_bytes: int = 3_000_000) -> Tree:
    """A tree with what goes wrong first: odd names, an empty file, depth, and one larger file."""
    tree = {f"docs/{n % 7}/page-{n:03}.txt": f"page {n}\n".encode() * (n + 1) for n in range(files)}
    return {
        **tree,
        "empty": b"",
        "a name with spaces & more.txt": b"spaces",
        "übergröße/naïve-日本.txt": b"Unicode",
        "deep/1/2/3/4/5/6/leaf": b"leaf",
        "z-large.bin": bytes(range(256)) * (big_bytes // 256),
    }


def write_tree(folder: Path, tree: Tree) -> None:
    """Write the tree below the folder, with one mode and one time that are worth preserving."""
    for name, content in tree.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if "empty" in tree:
        os.utime(folder / "empty", ns=(1_600_000_000_123_456_789, 1_500_000_000_123_456_789))
        (folder / "empty").chmod(0o755)


def read_tree(folder: Path) -> Tree:
    """The files below a folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def put_tree(client: Any, bucket: str, prefix: str, tree: Tree) -> None:
    """Write the tree as objects."""
    for name, content in tree.items():
        client.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=content)


def objects(client: Any, bucket: str, prefix: str = "") -> Tree:
    """The objects below a prefix, without those that stand for folders."""
    where = f"{prefix}/" if prefix else ""
    found: Tree = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=where):
        for entry in page.get("Contents", []):
            key = entry["Key"]
            if not key.endswith("/"):
                body = client.get_object(Bucket=bucket, Key=key)["Body"]
                found[key.removeprefix(where)] = body.read()
    return found
