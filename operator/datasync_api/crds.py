"""The CustomResourceDefinitions of the four kinds, generated from the models.

    python -m datasync_api.crds --write     write crds/ and the chart's copy
    python -m datasync_api.crds --check     exit 1 when a file there is not what would be written

The models are the only source; the files are never edited.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from datasync_api import GROUP, VERSION
from datasync_api.agent import Agent
from datasync_api.execution import Execution
from datasync_api.location import Location
from datasync_api.meta import Resource
from datasync_api.schema import Schema, structural, violations
from datasync_api.task import Task


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    type: str
    path: str
    priority: int = 0


_AGE: Final = Column("Age", "date", ".metadata.creationTimestamp")


@dataclass(frozen=True)
class Kind:
    """The facts about a kind that its model does not hold."""

    model: type[Resource]
    short_name: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """The kind, as in a manifest."""
        return self.model.kind_name

    @property
    def plural(self) -> str:
        """The resource's name in the API's paths."""
        return f"{self.name.lower()}s"

    def schema(self) -> Schema:
        """The structural schema, with `metadata` left to the API server."""
        whole = structural(self.model)
        spec = whole["properties"]["spec"]
        status = whole["properties"]["status"]
        status.pop("default", None)
        return {
            "type": "object",
            "description": whole["description"],
            "required": [name for name in whole.get("required", []) if name == "spec"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
                "spec": {**spec, "default": {}} if "default" in spec else spec,
                "status": status,
            },
        }

    def manifest(self) -> dict[str, Any]:
        """The CustomResourceDefinition."""
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": f"{self.plural}.{GROUP}",
                # Uninstalling the chart must not delete every task with it.
                "annotations": {"helm.sh/resource-policy": "keep"},
            },
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {
                    "kind": self.name,
                    "listKind": f"{self.name}List",
                    "plural": self.plural,
                    "singular": self.name.lower(),
                    "shortNames": [self.short_name],
                    "categories": ["datasync"],
                },
                "versions": [
                    {
                        "name": VERSION,
                        "served": True,
                        "storage": True,
                        "subresources": {"status": {}},
                        "additionalPrinterColumns": [
                            {
                                "name": column.name,
                                "type": column.type,
                                "jsonPath": column.path,
                                **({"priority": column.priority} if column.priority else {}),
                            }
                            for column in (*self.columns, _AGE)
                        ],
                        "schema": {"openAPIV3Schema": self.schema()},
                    }
                ],
            },
        }


KINDS: Final = (
    Kind(
        Agent,
        "dsa",
        (
            Column("Connection", "string", ".status.connection"),
            Column("Nodes", "integer", ".status.readyNodes"),
            Column("Active", "integer", ".status.activeExecutions"),
            Column("Queued", "integer", ".status.queuedExecutions"),
        ),
    ),
    Kind(
        Location,
        "dsl",
        (
            Column("Type", "string", ".status.type"),
            Column("URI", "string", ".status.uri"),
            Column("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
        ),
    ),
    Kind(
        Task,
        "dst",
        (
            Column("Source", "string", ".spec.sourceLocationRef.name"),
            Column("Destination", "string", ".spec.destinationLocationRef.name"),
            Column("Status", "string", ".status.status"),
            Column("Last", "string", ".status.lastExecution.phase"),
            Column("Next", "date", ".status.nextScheduleTime", 1),
        ),
    ),
    Kind(
        Execution,
        "dse",
        (
            Column("Task", "string", ".spec.taskRef.name"),
            Column("Phase", "string", ".status.phase"),
            Column("Percent", "integer", ".status.progress.percent"),
            Column("Files", "integer", ".status.progress.filesTransferred"),
            Column("Bytes", "integer", ".status.progress.bytesTransferred"),
            Column("Rate", "integer", ".status.progress.bytesPerSecond", 1),
            Column("ETA", "date", ".status.progress.estimatedCompletionTime", 1),
            Column("Mode", "string", ".spec.mode", 1),
            Column("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
        ),
    ),
)


def render(kind: Kind) -> str:
    """The YAML text of a kind's CRD: sorted keys, no aliases, the same each time."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    text = yaml.dump(kind.manifest(), Dumper=Plain, sort_keys=True, width=100, allow_unicode=True)
    return f"# Generated from the models by `make crds`; do not edit.\n{text}"


def main(arguments: list[str]) -> int:
    """Write or check every CRD; the exit status says whether all is well."""
    folders = (Path("crds"), Path("charts/datasync/files/crds"))
    wrong = [
        f"{kind.name} {line}"
        for kind in KINDS
        for line in violations(kind.schema())
        if not line.startswith(("$.apiVersion", "$.kind"))
    ]
    if arguments not in (["--write"], ["--check"]):
        wrong.append("usage: python -m datasync_api.crds --write|--check, from the project's root")
    for folder in folders if not wrong else ():
        for kind in KINDS:
            path, text = folder / f"{kind.plural}.yaml", render(kind)
            if arguments == ["--write"]:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            elif not path.exists() or path.read_text(encoding="utf-8") != text:
                wrong.append(f"{path} is out of date: run `make crds`")
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
