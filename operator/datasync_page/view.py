"""What the page of a report shows, as plain values: pure, so that it is tested without a page.

No path of a file appears but the one example of each failure class, and no credentials at all: the
recipe leaves out where they are mounted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from datasync_api.conditions import find_condition
from datasync_api.counters import Counters
from datasync_api.execution import ExecutionStatus, Phase
from datasync_api.plan import TransferPlan
from datasync_api.report import Failure
from datasync_api.size_classes import SizeClass
from datasync_page.samples import Rate
from datasync_page.units import size

WIDTH: Final = 720.0
HEIGHT: Final = 180.0
_NOT_THE_RECIPE: Final = {
    "version": True,
    "execution": True,
    "exchange": True,
    "count_sizes": True,
    "source": {"credentials_path", "ca_bundle_path", "krb5_conf_path"},
    "destination": {"credentials_path", "ca_bundle_path", "krb5_conf_path"},
    "report": {"destination": {"credentials_path", "ca_bundle_path", "krb5_conf_path"}},
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """All that is known of a run when its report is written."""

    task: str
    plan: TransferPlan
    status: ExecutionStatus
    sizes: Sequence[SizeClass]
    rates: Sequence[Rate]


class Bar(NamedTuple):
    """One span of the chart: where it is drawn, and what it says."""

    x: float
    width: float
    y: float
    text: str


class Chart(NamedTuple):
    """Rates over time, in the units of a drawing `WIDTH` wide and `HEIGHT` high."""

    bars: list[Bar]
    rows: list[tuple[float, str]]
    """Where the lines are, and the rate that each stands for."""
    columns: list[str]
    """The times at its start, its middle and its end."""


class SizeRow(NamedTuple):
    """One class of sizes, and its shares of all that was transferred, in percent."""

    label: str
    files: int
    files_percent: float
    total: str
    bytes_percent: float


@dataclass(frozen=True, kw_only=True)
class View:
    """The page's content, in its order."""

    title: str
    outcome: str
    good: bool
    why: str
    """The reason and its message; empty after a transfer that succeeded."""
    logs: str
    """What of the log got lost on its way; empty: nothing."""
    source: str
    destination: str
    facts: list[tuple[str, str]]
    counters: list[tuple[str, str]]
    chart: Chart | None
    sizes: list[SizeRow]
    failures: Sequence[Failure]
    recipe: list[tuple[str, str]]


def view(told: Told) -> View:
    """The content of a page."""
    status = told.status
    good = status.phase is not None and status.phase.good
    plain = status.phase is Phase.SUCCESS and told.plan.mode == "Transfer"
    ready = find_condition(status.conditions, "Ready")
    logs = find_condition(status.conditions, "LogsDelivered")
    return View(
        title=told.task,
        outcome=str(status.phase),
        good=good,
        why=f"{ready.reason}: {ready.message}" if ready is not None and not plain else "",
        logs=f"{logs.reason}: {logs.message}"
        if logs is not None and logs.status == "False"
        else "",
        source=told.plan.source.uri,
        destination=told.plan.destination.uri,
        facts=_facts(status),
        counters=_counters(status.counters) if status.counters is not None else [],
        chart=chart(told.rates),
        sizes=size_rows(told.sizes),
        failures=status.failures,
        recipe=[*recipe(told.plan), ("planHash", told.plan.hash())],
    )


def _facts(status: ExecutionStatus) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if status.counters is not None:
        c = status.counters
        facts += [
            ("Transferred", _counted(c.files_transferred, "file")),
            ("Written", size(c.bytes_written)),
            ("Failed", _counted(c.files_failed.total() + c.folders_failed.total(), "item")),
        ]
    if status.progress is not None:
        facts.append(("Rate", f"{size(status.progress.bytes_per_second or 0)}/s"))
    if status.result is not None:
        facts.append(("Duration", duration(status.result.total_duration_ms / 1000)))
    if status.start_time is not None:
        facts.append(("Started", _moment(status.start_time)))
    return facts


def _counters(c: Counters) -> list[tuple[str, str]]:
    failed = c.files_failed
    return [
        ("Files listed at the source", f"{c.files_listed_at_source:,}"),
        ("Files listed at the destination", f"{c.files_listed_at_destination:,}"),
        ("Files to transfer", f"{c.estimated_files_to_transfer:,}"),
        ("Files transferred", f"{c.files_transferred:,}"),
        ("Files whose metadata alone was written", f"{c.files_metadata_updated:,}"),
        ("Files verified", f"{c.files_verified:,}"),
        ("Files skipped", f"{c.files_skipped:,}"),
        ("Files deleted", f"{c.files_deleted:,}"),
        ("Folders transferred", f"{c.folders_transferred:,}"),
        ("Folders verified", f"{c.folders_verified:,}"),
        ("Folders skipped", f"{c.folders_skipped:,}"),
        ("Folders deleted", f"{c.folders_deleted:,}"),
        ("Folders that failed", f"{c.folders_failed.total():,}"),
        ("Bytes to transfer", f"{c.estimated_bytes_to_transfer:,}"),
        ("Bytes transferred", f"{c.bytes_transferred:,}"),
        ("Bytes written", f"{c.bytes_written:,}"),
        ("Failed while preparing", f"{failed.prepare:,}"),
        ("Failed while transferring", f"{failed.transfer:,}"),
        ("Failed while verifying", f"{failed.verify:,}"),
        ("Failed while deleting", f"{failed.delete:,}"),
    ]


def chart(rates: Sequence[Rate]) -> Chart | None:
    """The drawing; None where nothing moved."""
    top = max((rate.bytes_per_second for rate in rates), default=0.0)
    if not top:
        return None
    end = rates[-1].to_seconds
    bars = [
        Bar(
            x=round(WIDTH * rate.from_seconds / end, 1),
            width=round(WIDTH * (rate.to_seconds - rate.from_seconds) / end, 1),
            y=round(HEIGHT * (1 - rate.bytes_per_second / top), 1),
            text=f"{duration(rate.from_seconds)} to {duration(rate.to_seconds)}: "
            f"{size(rate.bytes_per_second)}/s",
        )
        for rate in rates
    ]
    rows = [(HEIGHT * (1 - share), f"{size(top * share)}/s") for share in (0.0, 0.5, 1.0)]
    if rows[1][1] in (rows[0][1], rows[2][1]):  # so slow that half of it reads as none or all
        del rows[1]
    columns = [duration(end * share) for share in (0.0, 0.5, 1.0)]
    return Chart(bars, rows, columns)


def size_rows(sizes: Sequence[SizeClass]) -> list[SizeRow]:
    """The classes with their shares, the smallest files first."""
    files = sum(one.files for one in sizes)
    total = sum(one.size_bytes for one in sizes)
    return [
        SizeRow(
            label=f"below {size(one.below_bytes)}" if one.below_bytes is not None else "larger",
            files=one.files,
            files_percent=round(100 * one.files / files, 1) if files else 0.0,
            total=size(one.size_bytes),
            bytes_percent=round(100 * one.size_bytes / total, 1) if total else 0.0,
        )
        for one in sizes
    ]


def recipe(plan: TransferPlan) -> list[tuple[str, str]]:
    """What the run was asked to do, as (field, value), without where credentials are."""
    return list(_flat("", plan.model_dump(mode="json", by_alias=True, exclude=_NOT_THE_RECIPE)))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _flat(name, inner)
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif value not in (None, ""):
        yield name, str(value)


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def duration(seconds: float) -> str:
    """0.4 s, 12.0 s, 0:01:40, 1 day, 0:00:00."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
