"""Where `datasync run` keeps what a run has proven for the next one of the same task.

On a cluster the task's status does.  A baseline that cannot be read or kept costs the next run
requests, so it never stops one, unless the user has named the file.
"""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from datasync_api.baseline import Baseline
from datasync_api.sides import PosixSide, Side
from datasync_cli.issues import UsageError
from datasync_cli.places import holds
from datasync_cli.streams import tell

NONE = "none"


class Kept:
    """The file of one task between two places."""

    def __init__(self, path: Path | None, *, named: bool) -> None:
        """`path` None: nothing is kept; `named`: by the user."""
        self._path, self._named = path, named

    @classmethod
    def by(
        cls,
        option: str | None,
        *,
        namespace: str,
        task: str,
        sides: tuple[Side, Side],
    ) -> "Kept":
        """What `--baseline` asks for.

        | option | file |
        |---|---|
        | none | none |
        | FILE | that one |
        | not given | one for the task and its two ends, among the user's state |

        `sides`: source and destination.  State inside of the destination would be overwritten or
        deleted: none is kept, and the user is told.  In a source it costs a run one small file
        more, and to do without it a request for every object: there it is kept.
        """
        if option == NONE:
            return cls(None, named=False)
        if option is not None:
            return cls(Path(option), named=True)
        folder = _state_folder()
        if folder is None:
            return cls(None, named=False)
        whole = "\n".join([namespace, task, *(_end(side) for side in sides)])
        digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        plain = re.sub(r"[^a-z0-9.-]", "-", task)
        file = folder / f"{plain}.{digest}.json"
        if root := holds(sides[1], file):
            tell(
                f"datasync: no baseline is kept in {folder}, for it is inside of {root}, which "
                "takes part in the transfer: the next run asks about every object again; name a "
                "file elsewhere by --baseline\n"
            )
            return cls(None, named=False)
        return cls(file, named=False)

    def load(self) -> Baseline | None:
        """The baseline of the last run that succeeded, if there is one.

        Raises: UsageError for a file that the user has named and that holds none.
        """
        if self._path is None:
            return None
        try:
            return Baseline.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            if not self._named:
                return None
            words = error.strerror if isinstance(error, OSError) else "it is no baseline"
            raise UsageError(
                f"--baseline {self._path}: {words}; name another file, or remove this one"
            ) from error

    def save(self, baseline: Baseline) -> None:
        """Keep it, whole or not at all; where that fails the user is told."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".baseline-")
            try:
                with os.fdopen(fd, "w", encoding="utf-8") as file:
                    file.write(baseline.model_dump_json(by_alias=True) + "\n")
                Path(temporary).replace(self._path)
            except BaseException:
                with suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as error:
            tell(
                f"datasync: the baseline could not be kept in {self._path} ({error.strerror}): the "
                "next run asks about every object again; name a file by --baseline\n"
            )


def _end(side: Side) -> str:
    return f"{side.uri} {side.root}" if isinstance(side, PosixSide) else side.uri


def _state_folder() -> Path | None:
    """The user's own folder for state (XDG Base Directory Specification); None without a home."""
    named = os.environ.get("XDG_STATE_HOME", "")
    if named.startswith("/"):
        return Path(named, "datasync", "baselines")
    try:
        return Path.home() / ".local" / "state" / "datasync" / "baselines"
    except RuntimeError:
        return None
