"""A set of manifests, found again by kind, namespace and name.

What `validate` accepted and `run` reads: our kinds as models, Secrets and ConfigMaps as documents.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar, cast

from datasync_api.meta import Resource
from datasync_cli.documents import Document

Key = tuple[str, str, str]
"""Kind, namespace, name."""

ResourceT = TypeVar("ResourceT", bound=Resource)


def key_of(document: Document) -> Key:
    """What tells a document from the others of a set."""
    return (document.kind, document.namespace, document.name)


@dataclass
class Manifests:
    """Our kinds, parsed, and the other documents as they came."""

    ours: dict[Key, tuple[Document, Resource]] = field(
        default_factory=dict[Key, tuple[Document, Resource]]
    )
    others: dict[Key, Document] = field(default_factory=dict[Key, Document])

    def find(self, model: type[ResourceT], namespace: str, name: str) -> ResourceT | None:
        """The object of a kind with this name."""
        found = self.ours.get((model.kind_name, namespace, name))
        return cast("ResourceT", found[1]) if found else None

    def all(self, model: type[ResourceT]) -> Iterator[tuple[Document, ResourceT]]:
        """Every object of a kind, in the order in which they were read."""
        for document, resource in self.ours.values():
            if isinstance(resource, model):
                yield document, resource
