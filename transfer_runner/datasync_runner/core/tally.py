"""The run's books: counters, classes of failures, the outcome.

One object, written by the engine's event loop alone, read by anyone.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Final, Literal, NamedTuple

from datasync_api.conditions import Reason
from datasync_api.counters import Counters, FilesFailed, FoldersFailed
from datasync_api.report import MAX_FAILURE_CLASSES, Failure, RunError, StageStatus
from datasync_api.size_classes import SizeClass, class_limit, size_class
from datasync_runner.core.entry import Entry

Stage = Literal["prepare", "transfer", "verify", "delete"]
What = Literal["file", "folder", "listing"]
"""What has failed; a listing is a folder's."""
_TEXT_MAX: Final = 256


class Failed(NamedTuple):
    """Why an item could not be done."""

    code: str
    detail: str


@dataclass
class _Class:
    sample_path: str
    message: str
    hint: str
    count: int = 0


def _new_failures() -> dict[Stage, int]:
    return {"prepare": 0, "transfer": 0, "verify": 0, "delete": 0}


@dataclass
class Tally:
    """Counters that only grow, and failures by class; bytes and files, folders apart."""

    files_listed_at_source: int = 0
    files_listed_at_destination: int = 0
    folders_listed_at_source: int = 0
    folders_listed_at_destination: int = 0
    estimated_files_to_transfer: int = 0
    estimated_bytes_to_transfer: int = 0
    estimated_metadata_updates: int = 0
    estimated_files_to_delete: int = 0
    estimated_folders_to_transfer: int = 0
    estimated_folders_to_delete: int = 0
    files_transferred: int = 0
    files_metadata_updated: int = 0
    files_verified: int = 0
    files_skipped: int = 0
    files_deleted: int = 0
    folders_transferred: int = 0
    folders_verified: int = 0
    folders_skipped: int = 0
    folders_deleted: int = 0
    bytes_transferred: int = 0
    bytes_written: int = 0
    bytes_resumed: int = 0
    failed: dict[Stage, int] = field(default_factory=_new_failures)
    """Files, links and devices, by the stage in which they failed."""
    failed_folders: dict[Stage, int] = field(default_factory=_new_failures)
    unlisted_folders: dict[Stage, int] = field(default_factory=_new_failures)
    """Folders that could not be listed, by the stage in which they were to be."""
    _classes: dict[str, _Class] = field(default_factory=dict[str, _Class])
    sizes: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """By size class: files and bytes that were transferred, where somebody counts them."""
    requests: Counter[str] = field(default_factory=Counter[str])
    """S3 requests by operation, repetitions included, of processes that are done."""
    on_failure: Callable[[Stage, Entry | bytes, Failed], None] | None = None
    """Is told of every single failure, where somebody reports them."""
    _skips: dict[str, _Class] = field(default_factory=dict[str, _Class])

    def fail(
        self, stage: Stage, code: str, path: str, *, message: str, hint: str, what: What = "file"
    ) -> None:
        """Count one failure; the first of a class is its sample."""
        getattr(self, _FAILED[what])[stage] += 1
        self._classes.setdefault(code, _Class(path, message, hint)).count += 1

    def skip(self, code: str, path: str, *, message: str, hint: str) -> None:
        """Count one item that was due and is left out, without a failure."""
        self.files_skipped += 1
        self._skips.setdefault(code, _Class(path, message, hint)).count += 1

    def count_size(self, size_bytes: int) -> None:
        """One more transferred file of this size."""
        counted = self.sizes.setdefault(size_class(size_bytes), [0, 0])
        counted[0] += 1
        counted[1] += size_bytes

    def take(self) -> "Tally":
        """Everything so far; these books are empty then."""
        taken = Tally()
        for name in _COUNTERS:
            setattr(taken, name, getattr(self, name))
            setattr(self, name, 0)
        for name in _FAILED.values():
            setattr(taken, name, getattr(self, name))
            setattr(self, name, _new_failures())
        taken._classes, self._classes = self._classes, {}
        taken.sizes, self.sizes = self.sizes, {}
        taken.requests, self.requests = self.requests, Counter()
        taken._skips, self._skips = self._skips, {}
        return taken

    def add(self, other: "Tally") -> None:
        """What another process has done."""
        for name in _COUNTERS:
            if count := getattr(other, name):
                setattr(self, name, getattr(self, name) + count)
        for name in _FAILED.values():
            ours: dict[Stage, int] = getattr(self, name)
            for stage, count in getattr(other, name).items():
                ours[stage] += count
        self.requests.update(other.requests)
        for number, (files, size_bytes) in other.sizes.items():
            counted = self.sizes.setdefault(number, [0, 0])
            counted[0] += files
            counted[1] += size_bytes
        _add(self._classes, other._classes)
        _add(self._skips, other._skips)

    def failures(self) -> list[Failure]:
        """The classes, most frequent first; what is beyond the tenth is one class 'Other'."""
        return _ranked(self._classes)

    def skips(self) -> list[Failure]:
        """The classes of what was left out, most frequent first."""
        return _ranked(self._skips)

    def failure_count(self) -> int:
        """Files and folders, over all stages."""
        return sum(map(self._failures_in, self.failed))

    def _failures_in(self, stage: Stage) -> int:
        return self.failed[stage] + self.failed_folders[stage] + self.unlisted_folders[stage]

    @property
    def mismatched(self) -> bool:
        """Whether the destination holds, for all we know, something else than was sent.

        That is no failure which a task may tolerate: who relies on the copy would not know.
        """
        # A file system's writer verifies before the file gets its name: a failure of the transfer.
        return bool(self._failures_in("verify")) or "VerificationFailed" in self._classes

    def stage_status(self, stage: Stage, *, reached: bool) -> StageStatus:
        """A stage's verdict; one that was never completed is Pending, never a success."""
        if self._failures_in(stage) or (stage == "transfer" and self._failures_in("delete")):
            return "Error"
        return "Success" if reached else "Pending"

    def run_error(self) -> RunError | None:
        """Why a run that went to its end failed all the same, if it did."""
        failures = self.failures()
        if not failures:
            return None
        first, count = failures[0], self.failure_count()
        detail = (
            f"{count} {'item' if count == 1 else 'items'} failed; most often {first.code} "
            f"({first.count}), for example {first.sample_path}: {first.message}. {first.hint}"
        )
        return RunError(code=Reason.FILES_FAILED, detail=detail[:1024])

    def size_classes(self) -> list[SizeClass]:
        """The sizes that were counted, as the contract has them; empty where nobody counted."""
        return [
            SizeClass(below_bytes=class_limit(number), files=files, size_bytes=size_bytes)
            for number, (files, size_bytes) in sorted(self.sizes.items())
        ]

    def counters(self) -> Counters:
        """The counters as the contract has them."""
        unlisted = sum(self.unlisted_folders.values())
        return Counters(
            **{name: getattr(self, name) for name in _COUNTERS},
            files_failed=FilesFailed(**self.failed),
            folders_failed=FoldersFailed(list=unlisted, **self.failed_folders),
        )


def _add(ours: dict[str, _Class], theirs: dict[str, _Class]) -> None:
    for code, known in theirs.items():
        same = ours.setdefault(code, _Class(known.sample_path, known.message, known.hint))
        same.count += known.count


def _ranked(classes: dict[str, _Class]) -> list[Failure]:
    ranked = sorted(classes.items(), key=lambda item: (-item[1].count, item[0]))
    if len(ranked) > MAX_FAILURE_CLASSES:
        rest = ranked[MAX_FAILURE_CLASSES - 1 :]
        other = _Class("", "further classes: see the runner's log", "")
        other.count = sum(known.count for _, known in rest)
        ranked = [*ranked[: MAX_FAILURE_CLASSES - 1], ("Other", other)]
    return [
        Failure(
            code=code[:64],
            count=known.count,
            sample_path=printable(known.sample_path)[:_TEXT_MAX],
            message=printable(known.message)[:_TEXT_MAX],
            hint=known.hint[:_TEXT_MAX],
        )
        for code, known in ranked
    ]


_FAILED: Final[dict[What, str]] = {
    "file": "failed",
    "folder": "failed_folders",
    "listing": "unlisted_folders",
}
_COUNTERS: Final = tuple(f.name for f in fields(Tally) if f.type in (int, "int"))


def printable(text: str) -> str:
    """Text that any JSON reader takes: bytes that are no UTF-8 become question marks."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
