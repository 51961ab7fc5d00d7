"""TransferPlan: everything a runner needs to know, as one immutable JSON document.

The operator writes it into a ConfigMap, `datasync run` into a file; the runner reads nothing else.
It names where credentials are mounted and never holds them.
"""

import hashlib
from typing import Literal

from pydantic import Field

from datasync_api.base import ApiModel
from datasync_api.baseline import Baseline
from datasync_api.conditions import Reason
from datasync_api.file_conditions import FileConditions
from datasync_api.filter_rules import ExcludeRule, IncludeRule
from datasync_api.hold import Acknowledgement
from datasync_api.logging_target import CloudWatchStream
from datasync_api.report import RunMode
from datasync_api.sides import S3Side, Side
from datasync_api.task import Guards
from datasync_api.task_options import TaskOptions
from datasync_api.task_report import OutputType, ReportLevel


class ManifestPlace(ApiModel):
    """Where the runner reads the list of files to transfer."""

    kind: Literal["Mounted", "Source", "Object"]
    """Mounted: a file of its own.  Source: below the source location.  Object: in a bucket."""
    path: str
    """Absolute, or the key below the source or the bucket's prefix."""
    side: S3Side | None = None
    """Of an Object: its bucket."""
    version_id: str | None = None
    """Of an Object: this version; absent: the newest."""


class ExecutionIdentity(ApiModel):
    """Which execution a plan, a result or an exchange belongs to."""

    namespace: str
    name: str
    uid: str
    task: str = ""
    """Whose run it is: the log is filed by it."""


class Exchange(ApiModel):
    """Where the runner listens for the operator, and the file with the bearer token it asks for."""

    host: str = "0.0.0.0"  # noqa: S104 - the operator reaches the pod at its own address
    port: int
    """0: any free port, told in the first line of the runner's log."""
    token_path: str


class PlannedReport(ApiModel):
    """The task report that a run writes."""

    destination: Side
    output_type: OutputType
    transferred: ReportLevel
    verified: ReportLevel
    deleted: ReportLevel
    skipped: ReportLevel
    object_version_ids: bool
    html: bool


class TransferPlan(ApiModel):
    """One run: two sides, the options, the filters."""

    version: Literal[1] = 1
    execution: ExecutionIdentity
    mode: RunMode = "Transfer"
    """DryRun: nothing is written."""
    source: Side
    destination: Side
    options: TaskOptions
    includes: tuple[IncludeRule, ...] = ()
    excludes: tuple[ExcludeRule, ...] = ()
    file_conditions: FileConditions | None = None
    manifest_place: ManifestPlace | None = None
    """Only what is listed there takes part; no filters then, and nothing is deleted."""
    guards: Guards = Field(default_factory=Guards)
    acknowledge: Acknowledgement = ""
    """The token of a hold that may go on."""
    cloud_watch: CloudWatchStream | None = None
    """Where the log goes beside stdout."""
    exchange: Exchange | None = None
    report: PlannedReport | None = None
    """The files that are written about the run; of a dry run none."""
    count_sizes: bool = False
    """Whether the result tells what was transferred by size."""
    baseline: Baseline | None = None
    """What the last run that succeeded has proven; it counts only for the same recipe."""

    def text(self) -> str:
        """The JSON document, the same text for the same plan."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    def hash(self) -> str:
        """What identifies the recipe: sha256 of what the run does.

        Not of who runs it, how fast, where credentials are mounted, and what earlier runs proved.
        """
        mounted = {"credentials_path", "ca_bundle_path", "krb5_conf_path"}
        recipe = self.model_dump_json(
            by_alias=True,
            exclude={
                "execution": True,
                "mode": True,
                "acknowledge": True,
                "exchange": True,
                "count_sizes": True,
                "report": True,
                "cloud_watch": True,
                "baseline": True,
                "options": {"bytes_per_second", "log_level"},
                "source": mounted,
                "destination": mounted,
                "manifest_place": {"side": mounted},
            },
        )
        return hashlib.sha256(recipe.encode()).hexdigest()

    def token(self, reason: Reason, deletions: int) -> str:
        """The token of a hold: it binds why, how many files, the two places and the filters.

        Not who runs it, so that a token holds for the next run of the same task as well, and not
        where a side is mounted, which changes with each local run.
        """
        places = self.model_dump_json(
            include={
                "source": {"uri"},
                "destination": {"uri"},
                "includes": True,
                "excludes": True,
                "file_conditions": True,
                "options": {"hidden_files"},
            }
        )
        bound = hashlib.sha256(f"{reason}/{deletions}/{places}".encode()).hexdigest()
        return f"{deletions}-{bound[:10]}"

    def acknowledged(self, reason: Reason) -> int:
        """How many deletions were acknowledged of those held back for this reason.

        0 where nothing was, or by the token of another hold.
        """
        number = self.acknowledge.partition("-")[0]
        deletions = int(number) if number else 0
        return deletions if self.acknowledge == self.token(reason, deletions) else 0
