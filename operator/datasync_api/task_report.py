"""Where a run's task report goes and what is in it (AWS: TaskReportConfig).

The files are AWS DataSync's: a summary, and detailed ones of what was transferred, verified,
skipped and deleted.  They lie outside of what the task synchronizes, or a run would transfer or
delete them.
"""

from typing import Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule, exactly_one_of
from datasync_api.location import Location, LocationSpec
from datasync_api.s3_location import S3
from datasync_api.text import Reference

ReportLevel = Literal["ErrorsOnly", "SuccessesAndErrors"]
OutputType = Literal["SummaryOnly", "Standard"]


class ReportOverride(ApiModel):
    """The level of one of the detailed reports, instead of the task report's own."""

    report_level: ReportLevel


class ReportOverrides(ApiModel):
    """Levels of single detailed reports."""

    transferred: ReportOverride | None = None
    verified: ReportOverride | None = None
    deleted: ReportOverride | None = None
    skipped: ReportOverride | None = None


class TaskReport(ApiModel):
    """A report of every run of the task."""

    rules = (
        exactly_one_of("s3", "location_ref"),
        Rule(
            cel="!has(self.overrides) || self.outputType == 'Standard'",
            message="overrides set the level of detailed reports, which a summary has none of: set "
            "outputType: Standard, or remove overrides",
            field=".overrides",
            holds=lambda report: report.overrides is None or report.output_type == "Standard",
        ),
    )

    s3: S3 | None = Field(
        default=None, description="A bucket, and a prefix in it that takes no part in the task."
    )
    location_ref: Reference | None = Field(
        default=None,
        description="A DataSyncLocation of any kind that takes no part in the task.",
    )
    output_type: OutputType = Field(
        default="Standard",
        description="SummaryOnly: counts and settings. Standard: every file that was transferred, "
        "verified, skipped or deleted too, as reportLevel says.",
    )
    report_level: ReportLevel = Field(
        default="ErrorsOnly",
        description="ErrorsOnly: what went wrong. SuccessesAndErrors: everything.",
    )
    overrides: ReportOverrides | None = Field(
        default=None, description="Other levels for single detailed reports."
    )
    object_version_ids: Literal["Include", "None"] = Field(
        default="Include",
        description="Include: the version of each object that was written to a bucket with "
        "versioning.",
    )
    html: bool = Field(
        default=True, description="Also write one HTML page for people, which needs nothing else."
    )

    def level(self, kind: Literal["transferred", "verified", "deleted", "skipped"]) -> ReportLevel:
        """The level of one detailed report."""
        override: ReportOverride | None = self.overrides and getattr(self.overrides, kind)
        return self.report_level if override is None else override.report_level


def report_location(report: TaskReport, found: Location | None) -> LocationSpec | None:
    """Where the report goes: the bucket that it names itself, else the location that was found."""
    if report.s3 is not None:
        return LocationSpec(s3=report.s3)
    return found.spec if found is not None else None
