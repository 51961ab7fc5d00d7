"""A real SMB server (Samba) over the folder that trees are grown in."""

import os
import shlex
from pathlib import Path

from benchmarks.places import Protection, Share
from fixtures.s3 import free_port
from fixtures.testbed import SCRIPTS, run

FIRST_PORT = 23500
PLAIN, ENCRYPTED = "data", "enc"


class Samba:
    """Serves a folder as shares PLAIN (messages are signed where a client asks) and ENCRYPTED."""

    def __init__(self, folder: Path) -> None:
        """Start it.  Raises: TestbedError."""
        self._environment = {"STORAGE_NAME": f"bench-smb-{os.getpid()}"}
        self._script("up", str(folder), "--port", str(free_port(FIRST_PORT)))
        lines = self._script("env").splitlines()
        self._values = dict(shlex.split(line)[1].split("=", 1) for line in lines)

    def share(self, path: str, protection: Protection) -> Share:
        """A folder of a share, and how to be let in."""
        return Share(
            host=self._values["SMB_SERVER"],
            port=int(self._values["SMB_PORT"]),
            name=ENCRYPTED if protection is Protection.ENCRYPTED else PLAIN,
            path=path,
            username=self._values["SMB_USERNAME"],
            password=self._values["SMB_PASSWORD"],
            protection=protection,
        )

    def stop(self) -> None:
        """End it."""
        self._script("down")

    def _script(self, *words: str) -> str:
        return run(SCRIPTS / "smb.sh", *words, environment=self._environment).stdout
