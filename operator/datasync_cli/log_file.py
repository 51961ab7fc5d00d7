"""The runner's log of a local run in a file, where the user asks for it (docs/logging.md)."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from datasync_cli.issues import UsageError
from datasync_cli.streams import tell

Keep = Callable[[Sequence[bytes]], None]
"""Takes lines without their ends, and raises nothing."""


def log_file(file: Path | None) -> AbstractContextManager[Keep | None]:
    """Who keeps the lines of a run, if anybody: a new file, which replaces that of the last run.

    A disk that is full does not end the run; it is told on stderr.  Raises: UsageError.
    """
    return _opened(file) if file is not None else nullcontext()


@contextmanager
def _opened(file: Path) -> Generator[Keep]:
    problems: list[OSError] = []
    try:
        out = file.open("wb", buffering=0)
    except OSError as error:
        raise UsageError(f"--log {file}: it cannot be written: {error.strerror}") from error
    with out:

        def keep(lines: Sequence[bytes]) -> None:
            try:
                out.write(b"".join([line + b"\n" for line in lines]))
            except OSError as error:
                problems.append(error)

        yield keep
    if problems:
        tell(f"datasync: the log {file} is not whole: {problems[0]}\n")
