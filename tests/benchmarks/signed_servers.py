"""Real S3 servers that verify every signature, in the shape of the benchmark's own server.

They count no requests, and their own cost is a multiple of a client's: what is compared on them is that clients are let in, and
wall time as a user would see it.
"""

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from fixtures.s3 import S3Server, free_port, remove_bucket
from fixtures.testbed import ROOT, SCRIPTS, require, run

BUCKETS = ("bench1", "bench2")
FIRST_PORT = 22000
BUILD_SECONDS = 1200


@dataclass
class SignedServer:
    """A running server with empty buckets BUCKETS, its objects below a folder; it ends with stop().

    Kept by a script of tests/testbed, by its process id in the folder: start() in the same folder ends what was left there.
    """

    script: ClassVar[str]

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    folder: Path

    @classmethod
    def start(cls, folder: Path) -> "SignedServer":
        """Start it on a free port with its objects in the folder, which is best in memory.

        Raises TestbedError when a part is missing, with what installs it, or when it does not start.
        """
        cls._script(folder, "down")
        cls._script(folder, "up", "--port", str(cls._port()))
        lines = cls._script(folder, "env").splitlines()
        values = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        server = cls(
            endpoint=values["AWS_ENDPOINT_URL"],
            access_key=values["AWS_ACCESS_KEY_ID"],
            secret_key=values["AWS_SECRET_ACCESS_KEY"],
            region=values["AWS_REGION"],
            folder=folder,
        )
        try:
            server._make_buckets()
        except BaseException:
            server.stop()
            raise
        return server

    def stats(self) -> dict[str, int]:
        """uploads_open, which is all that an S3 server tells: the number of unfinished uploads."""
        client = self._client()
        pages = client.get_paginator("list_multipart_uploads")
        found = [
            len(page.get("Uploads", [])) for name in BUCKETS for page in pages.paginate(Bucket=name)
        ]
        client.close()
        return {"uploads_open": sum(found)}

    def zero(self) -> None:
        """Nothing, for there are no counters."""

    def clear(self, bucket: str) -> None:
        """Replace the bucket by an empty one."""
        client = self._client()
        remove_bucket(client, bucket)
        client.create_bucket(Bucket=bucket)
        client.close()

    def stop(self) -> None:
        """End the server and remove its objects."""
        self._script(self.folder, "down")

    def _make_buckets(self) -> None:
        client = self._client()
        for name in BUCKETS:
            client.create_bucket(Bucket=name)
        client.close()

    def _client(self) -> Any:
        return S3Server(self.endpoint, self.access_key, self.secret_key, self.region).client()

    @classmethod
    def _script(cls, folder: Path, *arguments: str) -> str:
        environment = {"TESTBED_STATE_DIR": str(folder), "STORAGE_NAME": "s3"}
        script = SCRIPTS / cls.script
        return run(
            script, *arguments, environment=environment, deadline_seconds=BUILD_SECONDS
        ).stdout

    @staticmethod
    def _port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]


class MinIO(SignedServer):
    """MinIO; the first start builds it, in two minutes."""

    script = "minio.sh"


class SeaweedFS(SignedServer):
    """SeaweedFS, the test bed's usual server."""

    script = "s3.sh"

    @classmethod
    def start(cls, folder: Path) -> SignedServer:
        """As SignedServer.start."""
        require(ROOT / ".venv" / "bin" / "weed", command="make setup-python")
        return super().start(folder)

    @staticmethod
    def _port() -> int:
        return free_port(FIRST_PORT)  # with the neighbours that its parts take
