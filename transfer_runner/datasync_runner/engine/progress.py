"""What a run tells while it goes: one board, written by the event loop, read by the exchange."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from datasync_api.baseline import Baseline
from datasync_api.hold import Hold
from datasync_api.preflight import End, Reached
from datasync_api.report import Progress, RunnerPhase
from datasync_runner.core.tally import Tally
from datasync_runner.engine.file_events import FileEvents
from datasync_runner.engine.file_reports import Keep


def nobody(phase: RunnerPhase) -> None:
    """Whom phases are told where nobody listens."""


@dataclass
class Board:
    """The tally, how far the stages are, and when they began and ended (seconds, monotonic)."""

    execution_uid: str
    clock: Callable[[], float]
    tally: Tally = field(default_factory=Tally)
    began: float = 0.0
    reached: Reached = field(default_factory=Reached)
    """When each location let the run in."""
    waiting: dict[End, str] = field(default_factory=dict[End, str])
    """Why a location has not let it in yet, where that takes long."""
    prepared_at: float | None = None
    transfer_began: float | None = None
    transferred_at: float | None = None
    ended_at: float | None = None
    compared: bool = False
    """Both trees were compared whole."""
    writes: bool = True
    """False: a dry run, which prepares and does nothing else."""
    hold: Hold | None = None
    """Of a dry run: what a transfer would have to have acknowledged."""
    requests: Counter[str] = field(default_factory=Counter[str])
    """Of a dry run: what a transfer would ask of S3, beside what the dry run has asked itself,
    which is in the tally."""
    baseline: Baseline | None = None
    """What the run has proven for the next one."""
    files: FileEvents | None = None
    """Who is told of single files; None: nobody."""
    keep: Keep | None = None
    """Who writes the entries of detailed reports; None: nobody asked for them."""
    restored: Callable[[list[bytes]], None] | None = None
    """Is told of objects that state an inode and are at the destination, as records of
    `core.restored`; None: nobody links them."""
    on_phase: Callable[[RunnerPhase], None] = nobody
    """Is told of every phase, once, when it begins."""
    _told: RunnerPhase | None = None

    @property
    def phase(self) -> RunnerPhase:
        """The phase as AWS DataSync names it."""
        if not self.writes:
            return "Preparing"
        if self.transferred_at is not None:
            return "Verifying"
        if self.prepared_at is not None or self.transfer_began is not None:
            return "Transferring"
        return "Preparing"

    def preparing(self) -> None:
        """The run begins to list."""
        self._tell_phase()

    def prepared(self) -> None:
        """Everything is listed and compared."""
        self.prepared_at = self.clock()
        self._tell_phase()

    def transferring(self) -> None:
        """The first item is being moved."""
        if self.transfer_began is None:
            self.transfer_began = self.clock()
            self._tell_phase()

    def transferred(self) -> None:
        """The last item was moved."""
        self.transferred_at = self.clock()
        self._tell_phase()

    def ended(self) -> None:
        """The run went to its end."""
        self.ended_at = self.clock()

    def _tell_phase(self) -> None:
        if self.phase != self._told:
            self._told = self.phase
            self.on_phase(self._told)

    def progress(self) -> Progress:
        """The answer to an exchange."""
        return Progress(
            execution_uid=self.execution_uid,
            phase=self.phase,
            counters=self.tally.counters(),
            totals_final=self.prepared_at is not None,
            reached=self.reached,
            waiting="; ".join(self.waiting.values()),
        )
