"""Run as a program: the runner with two workers, however many cores this machine has.

With `--refused` first, its storages are in memory, and the destination refuses the workers' keys.
"""

import os
import sys

from datasync_runner import app, run
from datasync_runner.storage.errors import CredentialsRefused
from fakes.storage import FakeStorage

RUN = os.getpid()


class Refusing(FakeStorage):
    """A destination whose keys are withdrawn when workers come to write."""

    async def write_small(self, contents):
        assert os.getpid() != RUN
        raise CredentialsRefused("the keys were withdrawn")


def refused(plan, means):
    """A source of 200 files, and a destination that refuses them."""
    source = FakeStorage()
    for number in range(200):
        source.put(b"file-%03d" % number, b"x")
    return source, Refusing()


if __name__ == "__main__":
    run.worker_count = lambda **_: 2
    if sys.argv[1] == "--refused":
        run.make_storages = refused
        del sys.argv[1]
    code = app.main()
    sys.stdout.flush()
    os._exit(code)
