"""The work that is measured, as plain values: what is copied, by whom, and what ours has to reach."""

from dataclasses import dataclass, replace
from enum import Enum

from benchmarks.data import Tree
from benchmarks.figures import NO_GOAL, OURS, UNVERIFIED, Goal
from benchmarks.places import Protection

KIB, MIB, GIB = 1024, 1024**2, 1024**3
SMALL, FEW, MIDDLE, LARGE = (
    Tree(50_000, 10 * KIB, 50),
    Tree(10_000, 10 * KIB, 10),
    Tree(1_000, MIB),
    Tree(4, GIB),
)
ONE = Tree(1, GIB)
MANY = Tree(100_000, KIB, 100)


class Route(Enum):
    """From what kind of place to what kind."""

    UP = "up"
    DOWN = "down"
    COPY = "S3 → S3 in one endpoint"
    STREAM = "S3 → S3 across endpoints"
    LOCAL = "files → files"
    SHARE = "SMB → S3"


class Kind(Enum):
    """The S3 server: the bench server leaves the machine to the tools, the others check signatures."""

    BENCH = "bench"
    MINIO = "MinIO"
    SEAWEEDFS = "SeaweedFS"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One row of the benchmark."""

    name: str
    route: Route
    tree: Tree
    peers: tuple[str, ...]
    goal: Goal = NO_GOAL
    server: Kind = Kind.BENCH
    tls: bool = False
    protection: Protection = Protection.SIGNED
    """Of a share."""
    latency_ms: int = 0
    unchanged: bool = False
    """The destination has everything already."""
    sizes_only: bool = False
    """Ours compares size and time from the listings, and keeps no metadata."""
    most_rounds: int | None = None
    """Rows where the time goes into waiting, or without a goal, say enough in one."""
    beside: tuple[str, ...] = ()
    """Variants of ours that are shown and have no goal."""

    @property
    def tools(self) -> tuple[str, ...]:
        """All that run."""
        return OURS, *self.beside, *self.peers

    @property
    def large(self) -> bool:
        """Whether single files are worth several connections."""
        return self.tree.size_bytes >= 64 * MIB

    @property
    def title(self) -> str:
        """The row for people."""
        words = [f"{self.tree.files:,} x {size(self.tree.size_bytes)}", self.route.value]
        if self.route is Route.SHARE:
            words.append(self.protection.value)
        elif self.server is not Kind.BENCH:
            words.append(self.server.value)
        elif self.route is not Route.LOCAL:
            words.append("https" if self.tls else "http")
        if self.latency_ms:
            words.append(f"{self.latency_ms} ms latency")
        if self.unchanged:
            how = "size and time from the listings" if self.sizes_only else "with all metadata"
            words.append(f"nothing changed, {how}")
        return ", ".join(words)

    def shrunk(self, by: int) -> "Workload":
        """The same work on less data."""
        return replace(self, tree=self.tree.shrunk(by))


def size(size_bytes: int) -> str:
    """In the largest unit that is not too large."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:g} {unit}"
    return f"{size_bytes} B"


_COPY = ("s5cmd", "rclone", "rclone tuned")
_LARGE = ("s5cmd", "s5cmd p16", "rclone", "rclone tuned")
_FAR = ("s5cmd", "rclone tuned", "rclone tuned, 256 transfers")
_STREAM = ("rclone", "rclone tuned")
_LISTED = ("s5cmd sync --size-only", "rclone --size-only", "rclone --use-server-modtime")
_UP = Workload(name="up", route=Route.UP, tree=SMALL, peers=_COPY)
_FAR_UP = replace(_UP, peers=_FAR, goal=Goal(2, 3), latency_ms=20, most_rounds=1)
_DOWN = replace(_UP, name="down", route=Route.DOWN)
_DOWN_LARGE = replace(_DOWN, tree=LARGE, peers=_LARGE, goal=Goal(1.2, 1), beside=(UNVERIFIED,))
_SHARE = Workload(name="smb", route=Route.SHARE, tree=ONE, peers=("smbclient mget",))


def _both_ways(name: str, template: Workload) -> tuple[Workload, Workload]:
    return (
        replace(template, name=f"up-{name}", route=Route.UP),
        replace(template, name=f"down-{name}", route=Route.DOWN),
    )


WORKLOADS: tuple[Workload, ...] = (
    *_both_ways("small-http", replace(_UP, goal=Goal(3, 3, engine_cpu=4))),
    *_both_ways("small-https", replace(_UP, goal=Goal(3, 3, engine_cpu=4), tls=True)),
    *_both_ways("small-20ms", _FAR_UP),
    *_both_ways("small-https-20ms", replace(_FAR_UP, tls=True)),
    Workload(name="s3-copy", route=Route.COPY, tree=FEW, peers=_COPY[:2], goal=Goal(4, 5)),
    Workload(name="s3-stream-small", route=Route.STREAM, tree=FEW, peers=_STREAM, goal=Goal(3, 4)),
    Workload(
        name="local-small",
        route=Route.LOCAL,
        tree=FEW,
        peers=("rsync -a", "cp -a"),
        goal=Goal(1, None, "rsync"),
    ),
    *_both_ways("minio", replace(_UP, tree=FEW, server=Kind.MINIO, most_rounds=1)),
    *_both_ways("seaweedfs", replace(_UP, tree=FEW, server=Kind.SEAWEEDFS, most_rounds=1)),
    Workload(
        name="unchanged-listed",
        route=Route.UP,
        tree=MANY,
        peers=_LISTED,
        goal=Goal(1.7, 3),
        unchanged=True,
        sizes_only=True,
    ),
    Workload(
        name="unchanged-exact",
        route=Route.UP,
        tree=MANY,
        peers=("rclone",),
        goal=Goal(5, 3),
        unchanged=True,
    ),
    *_both_ways("middle-http", replace(_UP, tree=MIDDLE, peers=_LARGE, most_rounds=1)),
    replace(_UP, name="up-large-http", tree=LARGE, peers=_LARGE, goal=Goal(3, 4)),
    replace(_UP, name="up-large-https", tree=LARGE, peers=_LARGE, goal=Goal(2, 3), tls=True),
    replace(_DOWN_LARGE, name="down-large-http"),
    replace(_DOWN_LARGE, name="down-large-https", tls=True),
    Workload(
        name="s3-stream-large", route=Route.STREAM, tree=LARGE, peers=_STREAM, goal=Goal(2, 4)
    ),
    Workload(
        name="local-large",
        route=Route.LOCAL,
        tree=LARGE,
        peers=("rsync -a", "cp -a"),
        goal=Goal(1, None, "cp"),
    ),
    replace(_SHARE, name="smb-small", tree=FEW, goal=Goal(2, None)),
    replace(_SHARE, name="smb-large", goal=Goal(rate=1), protection=Protection.PLAIN),
    replace(_SHARE, name="smb-large-signed", goal=Goal(rate=1), peers=("smbclient mget, signed",)),
    replace(
        _SHARE,
        name="smb-large-encrypted",
        goal=Goal(rate=0.5),
        protection=Protection.ENCRYPTED,
    ),
)
"""Rows of one tree follow each other: a source is grown once."""
