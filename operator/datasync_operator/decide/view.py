"""Everything the next step of one execution depends on, as one frozen value."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from datasync_api.conditions import Reason
from datasync_api.execution import Execution
from datasync_api.report import Progress
from datasync_operator.decide.ledger import Ledger
from datasync_operator.decide.recipe import Recipe
from datasync_operator.decide.views import EventView, JobView, PodView


@dataclass(frozen=True, kw_only=True)
class ExecutionView:
    """An execution, what it refers to, and what has been made for it."""

    execution: Execution
    recipe: Recipe | None
    """None: a reference leads nowhere; `missing` says which."""
    missing: tuple[Reason, str] | None = None
    ledger: Ledger | None = None
    """Only while it is queued or held."""
    job: JobView | None = None
    pods: Sequence[PodView] = ()
    events: Sequence[EventView] = ()
    progress: Progress | None = None
    """None: no runner to ask, or it did not answer."""
    sharers: int = 1
    """Runs that transfer on its agent, itself among them; counted where the agent has a ceiling."""
    token: str = ""
    volume_names: Sequence[str] = ()
    """PersistentVolumes that were made for it and still exist; looked up while it has no Job, and
    at the end."""
    bindable_volumes: Collection[str] = ()
    """Those of them that Kubernetes has taken up."""

    @property
    def dangling(self) -> tuple[Reason, str]:
        """Which reference leads nowhere, for a view without a recipe."""
        return self.missing or (Reason.TASK_NOT_FOUND, "its task does not exist: create it")

    @property
    def pods_live(self) -> bool:
        """Whether a pod of it may still write."""
        return any(not pod.finished for pod in self.pods)
