"""`datasync run`: one task of the given manifests, by the runner in a child process.

The same models, the same plan and the same runner as on a cluster; only mounting is the user's.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from datasync_api import security_descriptors
from datasync_api.execution import Phase, Resolved
from datasync_api.make_plan import make_plan
from datasync_api.plan import Exchange, ExecutionIdentity, TransferPlan
from datasync_api.report import RunMode, TransferResult
from datasync_api.sides import AnySide, plan_side
from datasync_api.task_report import report_location
from datasync_cli.baselines import NONE, Kept
from datasync_cli.display import show
from datasync_cli.documents import read
from datasync_cli.exit_codes import ANSWER_MISSING, INTERRUPTED
from datasync_cli.issues import UsageError
from datasync_cli.launch import runner
from datasync_cli.listed_files import place_manifest
from datasync_cli.manifests import Manifests
from datasync_cli.outcome import make_status
from datasync_cli.places import check_place, refuse_synced
from datasync_cli.selection import (
    Chosen,
    choose,
    make_side,
    parse_mounts,
    refuse_nested,
    refuse_reported_into,
)
from datasync_cli.streams import answered, tell
from datasync_cli.supervision import Begun, interrupts, supervise
from datasync_cli.validate import errors, validate
from datasync_cli.workspace import Workspace, workspace, write_private
from datasync_page.samples import Sample

if TYPE_CHECKING:
    from datasync_page.view import Told

_EXIT_CODES = {
    Phase.SUCCESS: 0,
    Phase.COMPLETED_WITH_ERRORS: 0,
    Phase.ERROR: 1,
    Phase.HELD: 3,
    Phase.CANCELLED: INTERRUPTED,
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asked for."""

    files: tuple[str, ...]
    task: str | None
    execution: str | None
    """A DataSyncTaskExecution of the manifests, with its overrides, or none."""
    mounts: tuple[str, ...]
    as_json: bool
    bytes_per_second: int | None
    """Instead of the task's ceiling; None: the task's."""
    acknowledge: str
    """The token of an earlier run that was held, or nothing."""
    mode: RunMode
    report: Path | None
    """Where to write the page of the report, if at all."""
    log: Path | None
    """Where to keep the runner's log, if at all."""
    baseline: str | None
    """A file, or `none`; None: among the user's state."""
    manifest: str | None
    """A file instead of the task's manifest; None: the task's."""
    runner: tuple[str, ...] | None
    """A command instead of the runner."""


def run(request: Request) -> int:
    """Run the task to its end and return the exit code.

    Raises: UsageError when it cannot be started.
    """
    manifests = _manifests(request.files)
    chosen = choose(manifests, request.task, execution=request.execution)
    request = _as_executed(request, chosen)
    with interrupts() as stop, workspace() as place:
        plan, kept = _plan(request, manifests, chosen, place)
        token = place.new_token()
        write_private(place.plan, plan.text().encode())
        started = datetime.now(UTC)
        files = ("--plan", str(place.plan), "--result", str(place.result))
        ending, samples = supervise(
            plan,
            Begun(runner(files, command=request.runner), place.result, token),
            stop,
            deadline_seconds=chosen.task.spec.deadline_seconds,
            log=request.log,
        )
    status = make_status(
        ending,
        resolved=Resolved(
            task_generation=chosen.task.metadata.generation,
            mode=plan.mode,
            source_uri=plan.source.uri,
            destination_uri=plan.destination.uri,
            plan_hash=plan.hash(),
        ),
        started=started,
        ended=datetime.now(UTC),
    )
    if status.phase is Phase.SUCCESS and status.result and status.result.baseline:
        kept.save(status.result.baseline)
    assert status.phase is not None  # noqa: S101 - make_status always judges
    code = _EXIT_CODES[status.phase]
    if not answered(partial(show, status, as_json=request.as_json)):
        code = code or ANSWER_MISSING
    if request.report is None:
        return code
    from datasync_page.view import Told

    result = ending.result
    told = Told(
        task=chosen.task.metadata.name,
        plan=plan,
        status=status,
        sizes=result.sizes if result is not None else [],
        rates=samples.rates(end=_last(result) if result is not None else None),
    )
    return code if _reported(request.report, told) else code or ANSWER_MISSING


def _as_executed(request: Request, chosen: Chosen) -> Request:
    """What the execution says; the command line's own words come first."""
    if chosen.execution is None:
        return request
    spec, rate = chosen.execution.spec, request.bytes_per_second
    return replace(
        request,
        mode="DryRun" if request.mode == "DryRun" else spec.mode,
        bytes_per_second=spec.bytes_per_second if rate is None else rate,
        acknowledge=request.acknowledge or spec.acknowledge,
    )


def _last(result: TransferResult) -> Sample:
    """The end of the transfer, as the runner saw it."""
    return Sample(result.total_duration_ms / 1000, result.counters.bytes_transferred)


def _reported(file: Path, told: "Told") -> bool:
    from datasync_cli.report_page import write_page

    try:
        write_page(file, told)
    except OSError as error:
        tell(f"datasync: the report {file} was not written: {error}\n")
        return False
    tell(f"report: {file}\n")
    return True


def _manifests(files: tuple[str, ...]) -> Manifests:
    documents, unreadable = read(files)
    manifests, found = validate(documents) if documents or not unreadable else (Manifests(), [])
    invalid = [*unreadable, *errors(found)]
    if invalid:
        lines = "\n".join(f"  {issue.line()}" for issue in invalid)
        raise UsageError(f"the manifests are not valid:\n{lines}")
    return manifests


def _plan(
    request: Request, manifests: Manifests, chosen: Chosen, place: Workspace
) -> tuple[TransferPlan, Kept]:
    mounts = parse_mounts(request.mounts, chosen)
    source, destination = (
        make_side(
            location,
            mounts,
            place.materialize(name, location.spec, manifests, chosen.namespace),
        )
        for name, location in (("source", chosen.source), ("destination", chosen.destination))
    )
    refuse_nested(source, destination)
    if problem := security_descriptors.problem(chosen.task.spec.options, source, destination):
        raise UsageError(problem)
    report = _report_side(request, manifests, chosen, place)
    if report is not None:
        refuse_reported_into(report, source, destination)
    for option, file in (("--report", request.report), ("--log", request.log)):
        if file is not None:
            check_place(option, file, source, destination)
    if request.baseline not in (None, NONE):
        refuse_synced("--baseline", Path(request.baseline), source, destination)
    name = chosen.task.metadata.name
    kept = Kept.by(
        request.baseline,
        namespace=chosen.namespace,
        task=name,
        sides=(source, destination),
    )
    spec, listed = place_manifest(request.manifest, chosen, manifests, place)
    plan = make_plan(
        ExecutionIdentity(
            namespace=chosen.namespace,
            name=request.execution or f"{name}-local",
            uid=str(uuid.uuid4()),
            task=chosen.task.metadata.name,
        ),
        spec,
        source=source,
        destination=destination,
        exchange=Exchange(host="127.0.0.1", port=0, token_path=str(place.token)),
        bytes_per_second=request.bytes_per_second,
        acknowledge=request.acknowledge,
        mode=request.mode,
        baseline=kept.load(),
        manifest_file=listed.file,
        manifest_side=listed.side,
        report_side=report,
    )
    counted = plan.count_sizes or request.report is not None
    return plan.model_copy(update={"count_sizes": counted}), kept


def _report_side(
    request: Request, manifests: Manifests, chosen: Chosen, place: Workspace
) -> AnySide | None:
    """Where the task's own report goes; a dry run writes none."""
    report = chosen.task.spec.report
    if report is None or request.mode == "DryRun":
        return None
    spec = report_location(report, chosen.report)
    if spec is None:
        return None
    places = place.materialize("report", spec, manifests, chosen.namespace)
    if chosen.report is None:
        return plan_side(spec, places)
    return make_side(chosen.report, parse_mounts(request.mounts, chosen), places)
