"""The list of files to transfer of a local run: of the task, or the file of `--manifest`.

Nothing is read here: what is in it is the runner's to judge, as on a cluster.
"""

from dataclasses import dataclass
from pathlib import Path

from datasync_api.manifest import TransferManifest
from datasync_api.sides import AnySide, plan_side
from datasync_api.task import TaskSpec
from datasync_api.text import ConfigMapKeyReference
from datasync_cli.issues import UsageError
from datasync_cli.manifests import Manifests
from datasync_cli.selection import Chosen
from datasync_cli.workspace import Workspace


@dataclass(frozen=True)
class Listed:
    """Where the manifest is, if there is one."""

    file: str
    """Of one out of a ConfigMap, or of the command line."""
    side: AnySide | None = None
    """The bucket of one that is an object."""


def place_manifest(
    file: str | None, chosen: Chosen, manifests: Manifests, place: Workspace
) -> tuple[TaskSpec, Listed]:
    """The task as it is to be run, and where its manifest is; `file` stands for the task's own.

    Raises: UsageError for a file that is not there, a ConfigMap or Secret that is not among the
    documents, or a task whose options leave no room for a manifest.
    """
    spec = chosen.task.spec
    if file is not None:
        return _with_file(spec, file)
    manifest = spec.transfer_manifest
    if manifest is not None and manifest.config_map_key_ref is not None:
        place.write_manifest(manifest.config_map_key_ref, manifests, chosen.namespace)
    if chosen.manifest is None:
        return spec, Listed(str(place.manifest))
    there = chosen.manifest.spec
    places = place.materialize("manifest", there, manifests, chosen.namespace)
    return spec, Listed("", plan_side(there, places))


def _with_file(spec: TaskSpec, file: str) -> tuple[TaskSpec, Listed]:
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"--manifest {file}: no such file: check the path")
    if spec.includes or spec.excludes:
        raise UsageError(
            f"--manifest {file}: a manifest lists every file, so filters have no say: remove the "
            "task's includes and excludes"
        )
    if spec.options.preserve_deleted_files == "Remove":
        raise UsageError(
            f"--manifest {file}: a run by a manifest never deletes: set the task's "
            "options.preserveDeletedFiles to Preserve"
        )
    mounted = TransferManifest(
        config_map_key_ref=ConfigMapKeyReference(name="command-line", key="manifest")
    )
    return spec.model_copy(update={"transfer_manifest": mounted}), Listed(str(path.resolve()))
