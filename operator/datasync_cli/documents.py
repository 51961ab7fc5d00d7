"""Manifests from files: YAML in, plain JSON-shaped documents out.

The only importer of yaml.  It reads YAML as the API server's clients do (no dates, no key twice)
and judges nothing else; what a document means is said in `validate`.
"""

import json
import re
import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from datasync_cli.issues import Issue

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


@dataclass(frozen=True)
class Document:
    """One YAML document that is an object; `file` and `number` say where it stood."""

    file: str
    number: int
    body: dict[str, Any]

    def _text(self, *path: str) -> str:
        value: Any = self.body
        for name in path:
            value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else ""

    @property
    def api_version(self) -> str:
        """`apiVersion`, empty when absent."""
        return self._text("apiVersion")

    @property
    def kind(self) -> str:
        """`kind`, empty when absent."""
        return self._text("kind")

    @property
    def name(self) -> str:
        """`metadata.name`, or what `generateName` would begin it with."""
        return self._text("metadata", "name") or self._text("metadata", "generateName")

    @property
    def namespace(self) -> str:
        """`metadata.namespace`; absent: default."""
        return self._text("metadata", "namespace") or "default"

    @property
    def label(self) -> str:
        """How messages call the document."""
        return f"{self.kind}/{self.name}" if self.kind and self.name else f"document {self.number}"


# The parser in C is several times as fast; builds of PyYAML without it have the other one alone.
_Slow = yaml.SafeLoader
_SafeLoader = _Slow if TYPE_CHECKING or not yaml.__with_libyaml__ else yaml.CSafeLoader


class _Loader(_SafeLoader):
    """YAML as Kubernetes reads it: dates stay text, `n` is false, a key twice is an error."""

    bool_values = yaml.SafeLoader.bool_values | {"y": True, "n": False}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - yaml's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType] - untyped in its stubs
    "tag:yaml.org,2002:bool", re.compile("[yYnN]$"), list("yYnN")
)


def read(sources: Sequence[str]) -> tuple[list[Document], list[Issue]]:
    """The documents of files and folders (not of folders within), and what could not be read.

    `-` is the standard input; of a folder, only files that end in .yaml, .yml or .json are read.
    """
    documents: list[Document] = []
    issues: list[Issue] = []
    for source in sources:
        try:
            for file in _files(source):
                text = sys.stdin.read() if file == STDIN else Path(file).read_text("utf-8")
                for found in _parse(file, text):
                    (documents if isinstance(found, Document) else issues).append(found)  # type: ignore[arg-type]
        except FileNotFoundError:
            issues.append(Issue(file=source, what="no such file or folder", fix="check the path"))
        except (OSError, UnicodeDecodeError) as error:
            issues.append(Issue(file=source, what=f"cannot be read: {error}"))
    return documents, issues


def _files(source: str) -> Iterable[str]:
    folder = Path(source)
    if source == STDIN or not folder.is_dir():
        return [source]
    return [str(p) for p in sorted(folder.iterdir()) if p.suffix in SUFFIXES and p.is_file()]


def _parse(file: str, text: str) -> Iterator[Document | Issue]:
    try:
        for number, body in enumerate(yaml.load_all(text, _Loader), 1):
            if body is None:
                continue
            if not isinstance(body, dict):
                yield Issue(
                    file=file,
                    document=f"document {number}",
                    what="is not an object",
                    fix="a manifest has apiVersion, kind, metadata and spec",
                )
                continue
            try:
                plain = json.loads(json.dumps(body, allow_nan=False))
            except (TypeError, ValueError) as error:
                yield Issue(
                    file=file,
                    document=f"document {number}",
                    what=f"holds what JSON does not know: {error}",
                    fix="use text, numbers, true, false, lists and objects alone",
                )
                continue
            document = Document(file, number, plain)
            if document.kind == "List":
                items = cast("list[dict[str, Any]]", document.body.get("items") or [])
                yield from (Document(file, number, item) for item in items)
            else:
                yield document
    except yaml.YAMLError as error:
        yield Issue(file=file, what=f"is not YAML: {error}", fix="correct the line named")
