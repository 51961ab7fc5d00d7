"""`python -m datasync_runner`: exit codes are `datasync_api.exit_codes.ExitCode`."""

import os
import sys

from datasync_api import loading
from datasync_runner import signals

signals.keep()  # first of all: what follows takes a while to load
loading.begin()

from datasync_runner.app import main  # noqa: E402

code = main()
# Threads may still wait for a storage that hangs; the result is written, nobody waits for them.
sys.stdout.flush()
os._exit(code)
