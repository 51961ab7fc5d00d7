"""How s5cmd, rclone, rsync and cp are started: for each work, the options that make them fastest.

s5cmd has 256 workers, each with a connection; over https it keeps two idle connections per host
and shakes hands anew for most requests, which fewer workers soften.  rclone's default asks for a
HEAD after each PUT and before each GET, and compares by one; "tuned" is without.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.install import Programs
from benchmarks.measure import Command
from benchmarks.places import Bucket, Folder, Place, Share


class Job(NamedTuple):
    """From where to where, and whether the files are large."""

    source: Place
    destination: Place
    large: bool = False


Peer = Callable[[Programs, Job], Command]

_MANY = ("--transfers", "32", "--checkers", "32")
_TUNED_UP = (
    "--s3-no-head", "--s3-disable-checksum", "--no-check-dest", "--no-traverse",
    "--s3-use-unsigned-payload", "true",
)  # fmt: skip
_TUNED_DOWN = (
    "--no-check-dest",
    "--ignore-checksum",
    "--s3-no-head-object",
    "--use-server-modtime",
)
_LARGE_UP = ("--s3-upload-concurrency", "8", "--s3-chunk-size", "16M")
_LARGE_DOWN = (
    "--multi-thread-streams", "8", "--multi-thread-chunk-size", "16M", "--transfers", "4",
)  # fmt: skip


def _s5cmd(*options: str, work: tuple[str, ...] = ("cp",)) -> Peer:
    def command(programs: Programs, job: Job) -> Command:
        bucket = job.source if isinstance(job.source, Bucket) else job.destination
        assert isinstance(bucket, Bucket)
        environment = {
            "AWS_ACCESS_KEY_ID": bucket.access_key,
            "AWS_SECRET_ACCESS_KEY": bucket.secret_key,
            "AWS_REGION": bucket.region,
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_CONFIG_FILE": "/dev/null",
        }
        if bucket.ca is not None:
            environment["AWS_CA_BUNDLE"] = str(bucket.ca)
        return Command(
            (
                str(programs.s5cmd), "--log", "error", "--endpoint-url", bucket.endpoint,
                *options, *work, _s5cmd_end(job.source, "*"), _s5cmd_end(job.destination, ""),
            ),
            environment,
        )  # fmt: skip

    return command


def _s5cmd_end(place: Place, every: str) -> str:
    return f"s3://{place.name}/{every}" if isinstance(place, Bucket) else f"{place.path}/"


def _rclone(*options: str, tuned: bool = False) -> Peer:
    def command(programs: Programs, job: Job) -> Command:
        up, down = isinstance(job.destination, Bucket), isinstance(job.source, Bucket)
        flags = ["--s3-no-check-bucket", *_MANY]
        if up and not down:
            flags += [*(_TUNED_UP if tuned else ()), *(_LARGE_UP if job.large else ())]
        elif down and not up:
            flags += [*(_TUNED_DOWN if tuned else ()), *(_LARGE_DOWN if job.large else ())]
        else:
            flags += [*(_TUNED_UP if tuned else ()), *(_LARGE_UP if job.large else ())]
        environment = {"RCLONE_CONFIG": "/dev/null"}
        source, destination = "", ""
        assert not isinstance(job.source, Share) and not isinstance(job.destination, Share)
        if isinstance(job.source, Bucket):
            environment |= _remote("SOURCE", job.source)
            source = f"source:{job.source.name}"
        else:
            source = str(job.source.path)
        if isinstance(job.destination, Bucket):
            # rclone copies within a server only where both ends are one remote.
            same = (
                isinstance(job.source, Bucket) and job.source.endpoint == job.destination.endpoint
            )
            name = "source" if same else "destination"
            environment |= _remote(name.upper(), job.destination)
            destination = f"{name}:{job.destination.name}"
        else:
            destination = str(job.destination.path)
        ca = next(
            (p.ca for p in (job.source, job.destination) if isinstance(p, Bucket) and p.ca), None
        )
        trust = ("--ca-cert", str(ca)) if ca else ()
        return Command(
            (str(programs.rclone), "copy", source, destination, *flags, *trust, *options),
            environment,
        )

    return command


def _remote(name: str, bucket: Bucket) -> dict[str, str]:
    values = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": bucket.endpoint,
        "REGION": bucket.region,
        "ACCESS_KEY_ID": bucket.access_key,
        "SECRET_ACCESS_KEY": bucket.secret_key,
        "FORCE_PATH_STYLE": "true",
    }
    return {f"RCLONE_CONFIG_{name}_{key}": value for key, value in values.items()}


def _local(program: str, *options: str) -> Peer:
    def command(programs: Programs, job: Job) -> Command:
        assert isinstance(job.source, Folder) and isinstance(job.destination, Folder)
        path: Path = getattr(programs, program)
        return Command((str(path), *options, f"{job.source.path}/.", f"{job.destination.path}/"))

    return command


def _smbclient(*options: str) -> Peer:
    """Everything of a share's folder; it keeps no times, and what it reads goes to a folder."""

    def command(programs: Programs, job: Job) -> Command:
        assert isinstance(job.source, Share) and isinstance(job.destination, Folder)
        share = job.source
        todo = f'lcd "{job.destination.path}"; recurse ON; prompt OFF; mget *'
        where = (f"//{share.host}/{share.name}", "-p", str(share.port), "-D", share.path)
        environment = {"USER": share.username, "PASSWD": share.password}
        return Command((str(programs.smbclient), *options, *where, "-c", todo), environment)

    return command


PEERS: Mapping[str, Peer] = {
    "s5cmd": _s5cmd(),
    "s5cmd p16": _s5cmd("--numworkers", "16", work=("cp", "-p", "16", "-c", "8")),
    "s5cmd sync --size-only": _s5cmd(work=("sync", "--size-only")),
    "rclone": _rclone(),
    "rclone tuned": _rclone(tuned=True),
    "rclone tuned, 256 transfers": _rclone("--transfers", "256", "--checkers", "256", tuned=True),
    "rclone --size-only": _rclone("--size-only"),
    "rclone --use-server-modtime": _rclone("--fast-list", "--use-server-modtime", "--update"),
    "rsync -a": _local("rsync", "-a"),
    "cp -a": _local("cp", "-a"),
    "smbclient mget": _smbclient(),
    "smbclient mget, signed": _smbclient("--client-protection=sign"),
}


def stated_rate_mib(messages: str) -> float:
    """The rate that smbclient tells of all it has got, in MiB a second; 0 for who tells none.

    | the end of what it says | |
    |---|---|
    | `… (average 1048576.0 KiloBytes/sec)` | 1024 |
    | anything else | 0 |
    """
    found = re.findall(r"\(average ([0-9.]+) KiloBytes/sec\)", messages)
    return float(found[-1]) / 1024 if found else 0.0


def filler(metadata: Mapping[str, str]) -> Peer:
    """Fills a bucket before the measuring: rclone, with the same user metadata on every object."""
    headers = [f"x-amz-meta-{name}: {value}" for name, value in metadata.items()]
    return _rclone(
        *(word for header in headers for word in ("--header-upload", header)), tuned=True
    )
