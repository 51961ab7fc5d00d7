"""Run as a program: the runner with two workers, however many cores this machine has.

With a word first, its storages are in memory.  `--refused`: the destination refuses the workers'
keys.  `--hangs`: threads of the run and of a worker hang in their storages, as in a mount whose server is
gone, and the worker says so.
"""

import os
import sys
import threading

from datasync_runner import app, run
from datasync_runner.storage.errors import CredentialsRefused
from datasync_runner.storage.threads import Threads
from fakes.storage import FakeStorage

RUN = os.getpid()


class Refusing(FakeStorage):
    """A destination whose keys are withdrawn when workers come to write."""

    async def write_small(self, contents):
        assert os.getpid() != RUN
        raise CredentialsRefused("the keys were withdrawn")


async def hang():
    """A thread that does not come back: not while anybody looks."""
    await Threads(1, "hangs").run(lambda: threading.Event().wait(60))


class HangingSource(FakeStorage):
    """Its listing does not end."""

    async def listing(self, chosen):
        async for batch in super().listing(chosen):
            yield batch
        await hang()


class Hanging(FakeStorage):
    """A destination that hangs when workers come to write."""

    async def write_small(self, contents):
        assert os.getpid() != RUN
        os.write(1, b'{"phase": "hangs"}\n')
        await hang()


STORAGES = {"--refused": (FakeStorage, Refusing), "--hangs": (HangingSource, Hanging)}


def storages(word):
    """What makes a source of 200 files, and the destination that the word asks for."""
    kinds = STORAGES[word]

    def make(plan, means):
        source, destination = (kind() for kind in kinds)
        for number in range(200):
            source.put(b"file-%03d" % number, b"x")
        return source, destination

    return make


if __name__ == "__main__":
    run.worker_count = lambda **_: 2
    if sys.argv[1] in STORAGES:
        run.make_storages = storages(sys.argv.pop(1))
    code = app.main()
    sys.stdout.flush()
    os._exit(code)
