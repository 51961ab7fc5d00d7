"""Which task to run, between which sides: from manifests and arguments to a plan.

Nothing is written here; every refusal says which document or argument to change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datasync_api.execution import Execution
from datasync_api.location import Location
from datasync_api.manifest import not_of_objects
from datasync_api.overrides import OverridesInvalidError, overridden
from datasync_api.side_pairs import REPORT_FOLDERS, nested, reported_into
from datasync_api.sides import AnySide, Places, PosixSide, plan_side
from datasync_api.task import Task
from datasync_cli.documents import Document
from datasync_cli.issues import UsageError
from datasync_cli.manifests import Manifests


@dataclass(frozen=True)
class Chosen:
    """One task with its two locations."""

    namespace: str
    task: Task
    source: Location
    destination: Location
    execution: Execution | None = None
    """The run that was asked for by name; its overrides are in the task already."""
    report: Location | None = None
    """The location that the report goes to, where the task names one."""
    manifest: Location | None = None
    """The location that has the manifest, where that is an object."""


def choose(manifests: Manifests, name: str | None, *, execution: str | None = None) -> Chosen:
    """The task that was named, or the only one, as the execution that was named takes it.

    Raises: UsageError when there is none, several, or a location is missing.
    """
    run = _execution(manifests, execution) if execution is not None else None
    if run is not None:
        name = run.spec.task_ref.name
    tasks = [(d, t) for d, t in manifests.all(Task) if name in (None, t.metadata.name)]
    if not tasks:
        what = f"no DataSyncTask {name}" if name else "no DataSyncTask"
        known = ", ".join(t.metadata.name for _, t in manifests.all(Task))
        fix = f"--task may be one of: {known}" if known else "give the file that holds it by -f"
        raise UsageError(f"{what} is among the given documents: {fix}")
    if len(tasks) > 1:
        names = ", ".join(task.metadata.name for _, task in tasks)
        raise UsageError(f"several tasks are given: choose one by --task NAME ({names})")
    document, task = tasks[0]
    if run is not None:
        try:
            spec = overridden(task.spec, run.spec.overrides)
        except OverridesInvalidError as error:
            raise UsageError(str(error)) from error
        task = task.model_copy(update={"spec": spec})
    source, destination = (
        _location(manifests, document, ref.name)
        for ref in (task.spec.source_location_ref, task.spec.destination_location_ref)
    )
    report = task.spec.report
    ref = report.location_ref if report is not None else None
    there = _location(manifests, document, ref.name) if ref is not None else None
    return Chosen(
        document.namespace,
        task,
        source,
        destination,
        run,
        there,
        _listed(manifests, document, task),
    )


def _listed(manifests: Manifests, document: Document, task: Task) -> Location | None:
    """Whose bucket has the task's manifest."""
    manifest = task.spec.transfer_manifest
    if manifest is None or manifest.s3 is None:
        return None
    location = _location(manifests, document, manifest.s3.location_ref.name)
    if problem := not_of_objects(location):
        raise UsageError(f"{document.label}: {problem}")
    return location


def _execution(manifests: Manifests, name: str) -> Execution:
    runs = [run for _, run in manifests.all(Execution) if run.metadata.name == name]
    if len(runs) != 1:
        known = ", ".join(run.metadata.name for _, run in manifests.all(Execution)) or "none"
        raise UsageError(
            f"{'no' if not runs else 'more than one'} DataSyncTaskExecution {name} is among the "
            f"given documents ({known}): give the file that holds it by -f"
        )
    if runs[0].spec.cancel:
        raise UsageError(f"DataSyncTaskExecution {name} is cancelled: set spec.cancel to false")
    return runs[0]


def _location(manifests: Manifests, document: Document, name: str) -> Location:
    location = manifests.find(Location, document.namespace, name)
    if location is None:
        raise UsageError(
            f"{document.label} refers to DataSyncLocation {name}, which is not among the given "
            "documents: give the file that holds it by -f"
        )
    return location


def parse_mounts(arguments: Sequence[str], chosen: Chosen) -> dict[str, Path]:
    """`LOCATION=PATH` arguments as folders by location.

    Raises: UsageError for a malformed one, an unknown location, or a folder that does not exist.
    """
    places = (chosen.source, chosen.destination, chosen.report)
    known = {location.metadata.name for location in places if location is not None}
    mounts: dict[str, Path] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--mount {argument}: write --mount LOCATION=PATH")
        if name not in known:
            names = " or ".join(sorted(known))
            raise UsageError(f"--mount {argument}: the task has no location {name}: it is {names}")
        if not Path(path).is_dir():
            raise UsageError(f"--mount {argument}: {path} is not a folder: mount or make it first")
        if name in mounts:
            raise UsageError(f"--mount {argument}: {name} has a folder already: name it once")
        mounts[name] = Path(path).resolve()
    return mounts


def make_side(location: Location, mounts: Mapping[str, Path], places: Places) -> AnySide:
    """The runner's view of a location on this machine.

    Raises: UsageError when its files are nowhere on this machine, or a mount has no use.
    """
    name, kind = location.metadata.name, location.spec.type
    side = plan_side(location.spec, replace(places, mount=str(mounts.get(name, ""))))
    if not isinstance(side, PosixSide):
        if name in mounts:
            raise UsageError(f"--mount {name}=…: {kind} is reached directly: leave it out")
        return side
    if name not in mounts:
        raise UsageError(
            f"location {name} is {kind}, and nothing says where its files are on this machine: "
            f"mount it and add --mount {name}=PATH"
        )
    if side.path and not Path(side.root, side.path).is_dir():
        raise UsageError(
            f"location {name}: {side.root} has no folder {side.path}: make it, or correct path"
        )
    return side


def refuse_reported_into(report: AnySide, *synced: AnySide) -> None:
    """Refuse a report that the next run would transfer or delete, by name or by folder.

    Raises: UsageError.
    """
    if isinstance(report, PosixSide) and report.read_only:
        raise UsageError(f"the report's place {report.uri} is read-only: remove readOnly there")
    for side in synced:
        inside = reported_into(report, side)
        if isinstance(report, PosixSide) and isinstance(side, PosixSide):
            folder = Path(report.root, report.path).resolve()
            root = Path(side.root, side.path).resolve()
            written = [folder, *(folder / name for name in REPORT_FOLDERS)]
            inside = any(one.is_relative_to(root) for one in written) or any(
                root.is_relative_to(one) for one in written[1:]
            )
        if inside:
            raise UsageError(
                f"the report would lie in {side.uri}, and the next run would transfer or delete "
                "it: choose another prefix or location in the task's report"
            )


def refuse_nested(source: AnySide, destination: AnySide) -> None:
    """Refuse a pair that would copy into itself, by name or by the folders that were mounted.

    Raises: UsageError.
    """
    if isinstance(destination, PosixSide) and destination.read_only:
        raise UsageError(f"the destination {destination.uri} is read-only: remove readOnly there")
    here, there = source.uri, destination.uri
    overlap = nested(source, destination)
    if isinstance(source, PosixSide) and isinstance(destination, PosixSide):
        one, other = (Path(s.root, s.path).resolve() for s in (source, destination))
        if one.is_relative_to(other) or other.is_relative_to(one):
            here, there, overlap = str(one), str(other), True
    if overlap:
        raise UsageError(
            f"source {here} and destination {there} are the same place, or one is inside the "
            "other: choose a destination outside of the source"
        )
