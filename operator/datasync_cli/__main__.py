"""The `datasync` command: reads arguments, calls the command, turns its outcome into an exit code.

| code | meaning |
|---|---|
| 0 | Success or CompletedWithErrors; for `validate`: every document is valid |
| 1 | the transfer ended in Error, or its summary or report could not be written |
| 2 | wrong usage, or an invalid manifest |
| 3 | Held: a guard of the task does not let it delete; the token to go on is shown |
| 130 | interrupted |

Imports are made where they are needed, so that `--version` and `--help` answer at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from datasync_api import loading
from datasync_cli.exit_codes import INTERRUPTED, USAGE


def command() -> None:
    """What is installed as `datasync`: run one command and end this process with its exit code."""
    loading.begin()
    try:
        code = main()
    except KeyboardInterrupt:  # nothing has begun, or all has ended: a run heeds it itself
        code = INTERRUPTED
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # Python tells what is wrong with them
    os._exit(code)  # nothing is left to clean up; to take all modules down would take 20 ms


def main(argv: Sequence[str] | None = None, *, runner: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `runner` replaces the command of the runner."""
    from datasync_cli.issues import UsageError
    from datasync_cli.streams import tell

    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "validate":
            return _validate(arguments)
        return _run(arguments, runner)
    except UsageError as error:
        tell(f"datasync: {error}\n")
        return USAGE


class _Version(argparse.Action):
    """Looks the version up when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"datasync {version('datasync-kubernetes')}\n")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="datasync", description="DataSync for Kubernetes, on the command line."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("validate", help="check manifests as the API server would")
    run = commands.add_parser("run", help="run a task of the manifests on this machine")
    for command in (check, run):
        command.add_argument(
            "-f", "--filename", dest="files", nargs="+", action="extend", required=True,
            metavar="FILE_OR_FOLDER", help="manifests; a folder's .yaml, .yml and .json files; "
            "- for the standard input",
        )  # fmt: skip
    run.add_argument("--task", metavar="NAME", help="the task to run, where there are several")
    run.add_argument(
        "--execution", metavar="NAME",
        help="a DataSyncTaskExecution of the manifests: run its task with its overrides and mode",
    )  # fmt: skip
    run.add_argument(
        "--mount", dest="mounts", action="append", default=[], metavar="LOCATION=PATH",
        help="the folder where the files of a location are that a node would mount: nfs, smb "
        "(access Mount), efs, fsxLustre, fsxOpenZfs, fsxOntap (path), persistentVolumeClaim",
    )  # fmt: skip
    run.add_argument(
        "--bytes-per-second", metavar="N",
        help="the ceiling of this run's rate instead of the task's; -1: unlimited",
    )  # fmt: skip
    run.add_argument(
        "--acknowledge", metavar="TOKEN", default="",
        help="the token that a run which was held has shown: delete as many files as it says",
    )  # fmt: skip
    run.add_argument(
        "--dry-run", action="store_true",
        help="list, compare and count what would be done; nothing is written",
    )  # fmt: skip
    run.add_argument(
        "--log",
        metavar="FILE",
        help="keep the log of the run there: as much as options.logLevel says",
    )
    run.add_argument(
        "--report", metavar="FILE", help="write a report of the run there, as one HTML page"
    )
    run.add_argument(
        "--baseline", metavar="FILE",
        help="keep what a run has proven here, so that the next one asks less; none: nowhere; "
        "without it: among your own state, by task",
    )  # fmt: skip
    run.add_argument(
        "--manifest", metavar="FILE",
        help="a CSV file that lists what to transfer, instead of the task's manifest",
    )  # fmt: skip
    run.add_argument(
        "-o", "--output", choices=["text", "json"], default="text",
        help="json: one object on stdout, in the shape of an execution's status",
    )  # fmt: skip
    return parser


def _validate(arguments: argparse.Namespace) -> int:
    from datasync_cli.documents import read
    from datasync_cli.streams import answered, tell
    from datasync_cli.validate import errors, validate

    loading.end()
    documents, unreadable = read(arguments.files)
    manifests, found = validate(documents) if documents or not unreadable else (None, [])
    issues = [*unreadable, *found]
    lines = "".join(f"{issue.line()}\n" for issue in issues)
    told = answered(lambda: sys.stdout.write(lines))
    invalid = len(list(errors(issues)))
    valid, others = (len(manifests.ours), len(manifests.others)) if manifests else (0, 0)
    tell(f"{valid} valid, {invalid} errors, {others} of other kinds passed over\n")
    return USAGE if invalid or not told else 0


def _run(arguments: argparse.Namespace, runner: Sequence[str] | None) -> int:
    from pathlib import Path

    from datasync_cli.local_run import Request, run

    loading.end()
    request = Request(
        files=tuple(arguments.files),
        task=arguments.task,
        execution=arguments.execution,
        mounts=tuple(arguments.mounts),
        as_json=arguments.output == "json",
        bytes_per_second=_rate(arguments.bytes_per_second),
        acknowledge=_token(arguments.acknowledge),
        mode="DryRun" if arguments.dry_run else "Transfer",
        log=Path(arguments.log) if arguments.log else None,
        report=Path(arguments.report) if arguments.report else None,
        baseline=arguments.baseline,
        manifest=arguments.manifest,
        runner=tuple(runner) if runner else None,
    )
    return run(request)


def _token(text: str) -> str:
    """Raises: UsageError for what cannot be the token of a hold."""
    import re

    from datasync_api.hold import TOKEN_GRAMMAR
    from datasync_cli.issues import UsageError

    if text and not re.fullmatch(TOKEN_GRAMMAR, text):
        problem = (
            f"--acknowledge {text}: this is no token: copy the one that the held run has shown"
        )
        raise UsageError(problem)
    return text


def _rate(text: str | None) -> int | None:
    """Raises: UsageError for what `options.bytesPerSecond` would not take either."""
    from datasync_api.rate import MAX_BYTES_PER_SECOND, UNLIMITED
    from datasync_cli.issues import UsageError

    if text is None:
        return None
    plain = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_BYTES_PER_SECOND))
    if text == str(UNLIMITED) or (plain and 1 <= int(text) <= MAX_BYTES_PER_SECOND):
        return int(text)
    raise UsageError(
        f"--bytes-per-second {text}: write -1 for unlimited, or a whole number of bytes a second "
        f"from 1 to {MAX_BYTES_PER_SECOND}, as in 10485760 for 10 MiB/s"
    )


if __name__ == "__main__":
    command()
