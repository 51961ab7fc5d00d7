"""What the runs need around them: data in memory, servers, and the emptying between runs."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.data import Tree, grow, metadata, new_folder
from benchmarks.install import MissingProgram, Programs
from benchmarks.measure import WrongRun, measure
from benchmarks.peers import Job, filler
from benchmarks.places import Bucket, Folder, Place, Server
from benchmarks.samba import Samba
from benchmarks.server import BenchServer
from benchmarks.signed_servers import MinIO, SeaweedFS
from benchmarks.workloads import Kind, Route, Workload

SHARED_MEMORY = Path("/dev/shm")
NEEDED_BYTES = 10 * 1024**3
"""A source and a destination of 4 GiB, and scratch."""


class Stage:
    """One folder in memory and the servers that were started so far.

    At most one source tree is kept, so a source, a destination and the servers' memory, which is
    kept, are the most that is held: about 20 GiB.
    """

    source_name = "source"
    """Of the folder of the tree, in the stage's folder."""

    def __init__(self, root: Path, programs: Programs) -> None:
        self.programs = programs
        self._root = root
        self._tree: Tree | None = None
        self._samba: Samba | None = None
        self._servers: dict[tuple[Kind, int], Any] = {}
        self.warm: set[tuple[Route, Tree, Kind]] = set()
        """The work for which this machine's memory was touched already."""

    @property
    def scratch(self) -> Path:
        """For manifests, outputs and whatever is small; it is there until the end."""
        folder = self._root / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def tree(self, tree: Tree) -> Path:
        """The folder of a tree, grown if the last one asked for was another."""
        folder = self._root / self.source_name
        if tree != self._tree:
            shutil.rmtree(folder, ignore_errors=True)
            self._tree = None
            grow(tree, folder)
            self._tree = tree
        return folder

    def samba(self) -> Samba:
        """The SMB server over the folder of all trees, started if need be."""
        if self._samba is None:
            self._samba = Samba(self._root)
        return self._samba

    def empty(self, place: Place) -> None:
        """Remove all that is there."""
        if isinstance(place, Folder):
            new_folder(place.path)
        elif isinstance(place, Bucket):
            self._owner(place).clear(place.name)
        else:
            raise TypeError("a share is read alone")

    def server(self, kind: Kind = Kind.BENCH, number: int = 0) -> Any:
        """The server of that kind, started if need be; number: a second one of the kind."""
        key = kind, number
        if key not in self._servers:
            folder = new_folder(self._root / f"server-{kind.name.lower()}-{number}")
            self._servers[key] = _start(kind, folder)
        return self._servers[key]

    def places(self, workload: Workload) -> tuple[Place, Place]:
        """Source and destination; sources in S3 are filled by fill()."""
        route = workload.route
        if route is Route.LOCAL:
            return Folder(self.tree(workload.tree)), self.folder("destination")
        server = self.server(workload.server)
        endpoint, ca = (server.tls_endpoint, server.ca) if workload.tls else ("", None)
        one = Bucket.of(server, "bench1", endpoint=endpoint, ca=ca)
        if route is Route.SHARE:
            self.tree(workload.tree)
            return self.samba().share(self.source_name, workload.protection), Bucket.of(
                server, "bench1"
            )
        if route is Route.UP:
            return Folder(self.tree(workload.tree)), one
        if route is Route.DOWN:
            return one, self.folder("destination")
        if route is Route.COPY:
            return one, Bucket.of(server, "bench2", endpoint=endpoint, ca=ca)
        return one, Bucket.of(self.server(workload.server, 1), "bench2")

    def folder(self, name: str) -> Folder:
        """An empty folder."""
        return Folder(new_folder(self._root / name))

    def fill(self, tree: Tree, bucket: Bucket) -> None:
        """Put a tree into a bucket, with the metadata that ours and rclone would have written.

        So each restores or compares what it knows.  Raises: WrongRun.
        """
        self.empty(bucket)
        job = Job(Folder(self.tree(tree)), bucket, large=tree.size_bytes >= 64 * 1024**2)
        measure(filler(metadata())(self.programs, job), self.scratch)

    def forget(self) -> None:
        """Between workloads: empty buckets and destination.

        The servers keep their memory: on a virtual machine, the first who touches a page pays for
        it, and that would be the first tool of the next row.
        """
        shutil.rmtree(self._root / "destination", ignore_errors=True)
        for (kind, _), server in list(self._servers.items()):
            if kind is Kind.BENCH:
                server.delay(0)
                server.reset()
            else:
                for bucket in ("bench1", "bench2"):
                    server.clear(bucket)

    def zero(self) -> None:
        """Begin to count requests."""
        for server in self._servers.values():
            server.zero()

    def requests(self) -> dict[str, int]:
        """What all servers counted since, by kind.

        Raises: WrongRun when an upload was left open.
        """
        found: dict[str, int] = {}
        for server in self._servers.values():
            for kind, count in server.stats().items():
                found[kind] = found.get(kind, 0) + count
        if left := found.pop("uploads_open", 0):
            raise WrongRun(f"{left} multipart uploads were left open")
        return {kind: count for kind, count in found.items() if count}

    def servers_cpu_seconds(self) -> float:
        """What the benchmark's own servers have taken so far, user and system time."""
        own = [server for (kind, _), server in self._servers.items() if kind is Kind.BENCH]
        return sum(server.cpu_seconds() for server in own)

    def close(self) -> None:
        """End the servers."""
        if self._samba is not None:
            self._samba.stop()
        for server in self._servers.values():
            server.stop()
        self._servers.clear()

    def stop(self, kind: Kind) -> None:
        """End the servers of one kind and free what they held."""
        for key in [key for key in self._servers if key[0] is kind]:
            self._servers.pop(key).stop()
            shutil.rmtree(self._root / f"server-{kind.name.lower()}-{key[1]}", ignore_errors=True)

    def _owner(self, bucket: Bucket) -> Server:
        for server in self._servers.values():
            if bucket.endpoint in (server.endpoint, getattr(server, "tls_endpoint", "")):
                return server
        raise LookupError(bucket.endpoint)


def _start(kind: Kind, folder: Path) -> Any:
    if kind is Kind.BENCH:
        return BenchServer.start(folder)
    return (MinIO if kind is Kind.MINIO else SeaweedFS).start(folder)


@contextmanager
def stage(programs: Programs) -> Generator[Stage]:
    """A stage in memory; all of it is removed at the end.

    Raises: MissingProgram when this machine has not enough memory for files.
    """
    root = SHARED_MEMORY / f"datasync-bench-{os.getpid()}"
    _sweep()
    root.mkdir(mode=0o700)
    mounted = False
    try:
        if shutil.disk_usage(root).free < NEEDED_BYTES:
            mounted = _mount(root)
        one = Stage(root, programs)
        try:
            yield one
        finally:
            one.close()
    finally:
        if mounted:
            subprocess.run(["umount", root], check=False)
        shutil.rmtree(root, ignore_errors=True)


def _sweep() -> None:
    """Remove what a killed benchmark left in memory."""
    for left in SHARED_MEMORY.glob("datasync-bench-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            subprocess.run(["umount", "-q", left], check=False, stderr=subprocess.DEVNULL)
            shutil.rmtree(left, ignore_errors=True)


def _mount(root: Path) -> bool:
    size = f"size={NEEDED_BYTES}"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", root], capture_output=True, check=False
    )
    if done.returncode:
        raise MissingProgram(
            f"{SHARED_MEMORY} has less than {NEEDED_BYTES >> 30} GiB free: run "
            f"'mount -o remount,size={NEEDED_BYTES >> 30}g {SHARED_MEMORY}' as root, or free it"
        )
    return True
