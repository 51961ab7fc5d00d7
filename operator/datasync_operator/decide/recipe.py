"""What one run is made from, and the plan that its runner is given."""

from dataclasses import dataclass
from typing import Final

from datasync_api.agent import Agent
from datasync_api.execution import Execution
from datasync_api.location import Location, LocationSpec
from datasync_api.make_plan import make_plan
from datasync_api.manifest import MANIFEST_KEY
from datasync_api.plan import Exchange, ExecutionIdentity, TransferPlan
from datasync_api.sides import AnySide, plan_side
from datasync_api.task import Task
from datasync_api.windows import Window
from datasync_operator.decide import volumes
from datasync_operator.decide.naming import Side
from datasync_operator.decide.rate import rate_in_force, within_share
from datasync_operator.settings import Settings

EXCHANGE_FOLDER: Final = "/etc/datasync/exchange"
MANIFEST_FOLDER: Final = "/etc/datasync/manifest"
"""Where the pod has the exchange's token, and the list of files."""


@dataclass(frozen=True)
class Recipe:
    """What one run is made from: the objects as they were when it started."""

    task: Task
    source: Location
    destination: Location
    agent: Agent | None
    report: LocationSpec | None = None
    """Where the report goes; None: there is none."""
    manifest: LocationSpec | None = None
    """Whose bucket has the manifest; None: it lies elsewhere, or there is none."""

    def sides(self) -> dict[Side, LocationSpec]:
        """All that the pod has to reach."""
        sides: dict[Side, LocationSpec | None] = {
            "source": self.source.spec,
            "destination": self.destination.spec,
            "report": self.report,
            "manifest": self.manifest,
        }
        return {side: spec for side, spec in sides.items() if spec is not None}

    def service_accounts(self) -> set[str]:
        """The pod identities that the parts ask for; a pod has one."""
        wanted = {
            spec.s3.service_account_name for spec in self.sides().values() if spec.s3 is not None
        }
        wanted.add(self.agent.spec.service_account_name if self.agent else None)
        return {name for name in wanted if name}

    def rate(self, execution: Execution, *, window: Window | None, sharers: int) -> int | None:
        """The ceiling that the run has to keep to, as one of so many on its agent."""
        rate = rate_in_force(execution, window)
        if self.agent is None or execution.spec.mode == "DryRun":
            return rate
        return within_share(rate, self.agent.spec.bytes_per_second, sharers)

    def plan(
        self,
        execution: Execution,
        settings: Settings,
        *,
        window: Window | None = None,
        sharers: int = 1,
    ) -> TransferPlan:
        """The plan that the runner is given.

        `window`: the one of the schedule that it begins in; `sharers`: runs on its agent.
        """
        return make_plan(
            ExecutionIdentity(
                namespace=execution.metadata.namespace,
                name=execution.metadata.name,
                uid=execution.metadata.uid,
                task=self.task.metadata.name,
            ),
            self.task.spec,
            source=plan_side(self.source.spec, volumes.places("source")),
            destination=plan_side(self.destination.spec, volumes.places("destination")),
            exchange=Exchange(port=settings.exchange_port, token_path=f"{EXCHANGE_FOLDER}/token"),
            bytes_per_second=self.rate(execution, window=window, sharers=sharers),
            acknowledge=execution.status.acknowledged or "",
            mode=execution.spec.mode,
            baseline=self.task.status.baseline,
            manifest_file=f"{MANIFEST_FOLDER}/{MANIFEST_KEY}",
            manifest_side=_side(self.manifest, "manifest"),
            report_side=_side(self.report, "report"),
        )


def _side(spec: LocationSpec | None, side: Side) -> AnySide | None:
    return None if spec is None else plan_side(spec, volumes.places(side))
