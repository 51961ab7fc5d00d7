"""Standard output and error, whose reader may be gone and whose disk may be full.

Neither ends a run: what it moves is not theirs.
"""

import os
import sys
from collections.abc import Callable
from typing import TextIO


def tell(words: str) -> None:
    """Words for who watches, on stderr; nobody may."""
    try:
        sys.stderr.write(words)
        sys.stderr.flush()
    except OSError:
        _forget(sys.stderr)


def answered(write: Callable[[], object]) -> bool:
    """Write the answer to stdout; False: it could not be written, and stderr says why.

    A reader that has gone away, as `head` does, has wanted no more.
    """
    try:
        write()
        sys.stdout.flush()
    except BrokenPipeError:
        _forget(sys.stdout)
    except OSError as error:
        _forget(sys.stdout)
        tell(f"datasync: the standard output could not be written: {error.strerror}\n")
        return False
    return True


def _forget(stream: TextIO) -> None:
    """What is left in its buffer goes nowhere when Python ends, instead of failing once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
