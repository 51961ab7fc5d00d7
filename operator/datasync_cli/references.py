"""What shows only when several manifests are seen together, or when a value is tried out.

An object that is referred to and not given is a warning: it may be on the cluster.  What can never
work, such as a task into its own source, is an error, as the operator would end its runs.
"""

from collections.abc import Iterator

from datasync_api import security_descriptors
from datasync_api.execution import Execution
from datasync_api.kinds import AGENT, LOCATION, TASK
from datasync_api.location import Location
from datasync_api.manifest import ManifestObject, not_of_objects
from datasync_api.overrides import OverridesInvalidError, overridden
from datasync_api.side_pairs import nested, reported_into
from datasync_api.sides import Places, plan_side
from datasync_api.task import Task, TaskSpec
from datasync_api.task_report import TaskReport, report_location
from datasync_cli.documents import Document
from datasync_cli.issues import Issue
from datasync_cli.manifests import Manifests

_NOWHERE = Places(mount="/", credentials="/", ca_bundle="/", krb5_conf="/")


def check_references(manifests: Manifests) -> Iterator[Issue]:
    """Findings about each object and those it refers to."""
    for document, location in manifests.all(Location):
        for index, agent in enumerate(location.spec.agent_refs):
            where = f"spec.agentRefs[{index}].name"
            yield from _missing(manifests, document, where, AGENT, agent.name)
    for document, task in manifests.all(Task):
        yield from _task(manifests, document, task)
    for document, run in manifests.all(Execution):
        yield from _missing(manifests, document, "spec.taskRef.name", TASK, run.spec.task_ref.name)
        task = manifests.find(Task, document.namespace, run.spec.task_ref.name)
        if task is not None:
            try:
                overridden(task.spec, run.spec.overrides)
            except OverridesInvalidError as error:
                what, _, fix = str(error).rpartition("; ")
                yield _error(document, "spec.overrides", what, fix)


def _task(manifests: Manifests, document: Document, task: Task) -> Iterator[Issue]:
    spec = task.spec
    if spec.schedule and (problem := spec.schedule.problem()):
        what, _, fix = problem.partition("; ")
        if not fix:
            what, _, fix = problem.partition(": ")
        yield _error(document, "spec.schedule", what, fix)
    if found := spec.filter_problem():
        field, problem = found
        what, _, fix = problem.partition(": ")
        yield _error(document, f"spec.{field}", what, fix)
    source, destination = spec.source_location_ref.name, spec.destination_location_ref.name
    for field, name in (("sourceLocationRef", source), ("destinationLocationRef", destination)):
        yield from _missing(manifests, document, f"spec.{field}.name", LOCATION, name)
    for index, name in enumerate(spec.run_after):
        yield from _missing(manifests, document, f"spec.runAfter[{index}]", TASK, name)
    if spec.report is not None:
        yield from _report(manifests, document, spec, spec.report)
    if spec.transfer_manifest is not None and spec.transfer_manifest.s3 is not None:
        yield from _listed(manifests, document, spec.transfer_manifest.s3)
    one = manifests.find(Location, document.namespace, source)
    other = manifests.find(Location, document.namespace, destination)
    where = "spec.destinationLocationRef"
    if other and (claim := other.spec.persistent_volume_claim) and claim.read_only:
        fix = "remove readOnly there, or name another destination"
        yield _error(document, where, f"location {destination} is read-only", fix)
    if one is None or other is None:
        return
    here, there = (plan_side(location.spec, _NOWHERE) for location in (one, other))
    if nested(here, there):
        what = f"{one.spec.uri} and {other.spec.uri} are the same place, or one is inside the other"
        yield _error(document, where, what, "name a destination outside of the source")
    if problem := security_descriptors.problem(spec.options, here, there):
        what, _, fix = problem.rpartition(": ")
        yield _error(document, "spec.options.securityDescriptorCopyFlags", what, fix)


def _report(
    manifests: Manifests, document: Document, spec: TaskSpec, report: TaskReport
) -> Iterator[Issue]:
    found = None
    if ref := report.location_ref:
        yield from _missing(manifests, document, "spec.report.locationRef.name", LOCATION, ref.name)
        found = manifests.find(Location, document.namespace, ref.name)
    place = report_location(report, found)
    if place is None:
        return
    for end in (spec.source_location_ref, spec.destination_location_ref):
        location = manifests.find(Location, document.namespace, end.name)
        if location and reported_into(
            plan_side(place, _NOWHERE), plan_side(location.spec, _NOWHERE)
        ):
            what = f"the report would lie in {location.spec.uri}, which the task synchronizes"
            yield _error(document, "spec.report", what, "choose another prefix or location")


def _listed(manifests: Manifests, document: Document, listed: ManifestObject) -> Iterator[Issue]:
    name, where = listed.location_ref.name, "spec.manifest.s3.locationRef.name"
    yield from _missing(manifests, document, where, LOCATION, name)
    location = manifests.find(Location, document.namespace, name)
    if location is not None and (problem := not_of_objects(location)):
        what, _, fix = problem.partition(": ")
        yield _error(document, where, what, fix)


def _missing(
    manifests: Manifests, document: Document, field: str, kind: str, name: str
) -> Iterator[Issue]:
    if (kind, document.namespace, name) not in manifests.ours:
        yield Issue(
            file=document.file,
            document=document.label,
            field=field,
            what=f"{kind} {name} is not among the given documents",
            fix="it must be on the cluster, or be given too",
            severity="warning",
        )


def _error(document: Document, field: str, what: str, fix: str) -> Issue:
    return Issue(file=document.file, document=document.label, field=field, what=what, fix=fix)
