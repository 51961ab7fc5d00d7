"""Manifests judged as the API server would judge them, one document at a time.

Pure: documents in, findings out.  Strict as `kubectl apply` is: an unknown field is an error, and
so is a number where text belongs.  Kinds of other groups are passed over.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from datasync_api import API_VERSION, GROUP
from datasync_api.kinds import NAMES, model_of
from datasync_api.meta import Resource
from datasync_cli.documents import Document
from datasync_cli.issues import Issue
from datasync_cli.manifests import Manifests, key_of
from datasync_cli.references import check_references

if TYPE_CHECKING:
    from datasync_api.schema import Schema

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_METADATA = ("name", "namespace", "labels", "annotations")


def validate(documents: Sequence[Document]) -> tuple[Manifests, list[Issue]]:
    """The documents that are valid, and every finding, those about references as warnings."""
    manifests, issues = Manifests(), list[Issue]()
    for document in documents:
        if document.api_version.partition("/")[0] != GROUP:
            manifests.others[key_of(document)] = document
            continue
        if key_of(document) in manifests.ours:
            issues.append(
                _issue(document, "metadata.name", "is there twice", "give each its own name")
            )
            continue
        resource, found = _resource(document)
        issues.extend(found)
        if resource is not None:
            manifests.ours[key_of(document)] = (document, resource)
    if not manifests.ours and not issues:
        issues.append(
            Issue(
                file=documents[0].file if documents else "-f",
                what=f"no document of {GROUP} was given",
                fix="name files or folders that hold some",
            )
        )
    issues.extend(check_references(manifests))
    return manifests, issues


def _resource(document: Document) -> tuple[Resource | None, list[Issue]]:
    """The model of one document; None with its findings when it is invalid."""
    if document.api_version != API_VERSION:
        fix = f"write {API_VERSION}"
        return None, [_issue(document, "apiVersion", f"{document.api_version} is not served", fix)]
    if document.kind not in NAMES:
        known = ", ".join(NAMES)
        return None, [_issue(document, "kind", f"{document.kind!r} is unknown", f"one of {known}")]
    metadata, found = _metadata(document)
    body = {**document.body, "metadata": metadata}
    body.pop("status", None)  # the API server takes none from a manifest either
    model = model_of(document.kind)
    if not found and (resource := _at_once(model, body)) is not None:
        return resource, []
    from datasync_api.schema import unknown_fields
    from datasync_cli.wording import worded

    schema = _schema(document.kind)
    body = _without_nulls(body, schema)
    issues = [
        _issue(document, path, f'unknown field "{path}"', "remove it, or correct its spelling")
        for path in unknown_fields(document.body, schema)
    ]
    issues += found
    try:
        resource = model.model_validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        known = {issue.field for issue in issues}
        issues += [
            _issue(document, path, what, fix)
            for path, what, fix in worded(error, schema)
            if path not in known
        ]
        return None, issues
    return (None if issues else resource), issues


def _at_once(model: type[Resource], body: Mapping[str, Any]) -> Resource | None:
    """The model of a document that has nothing to be said about; its schema need not be made."""
    try:
        return model.model_validate_json(
            json.dumps(body), strict=True, extra="forbid", by_alias=True, by_name=False
        )
    except ValidationError:
        return None


@cache
def _schema(name: str) -> "Schema":
    from datasync_api.crds import KINDS

    return next(kind.schema() for kind in KINDS if kind.name == name)


def _metadata(document: Document) -> tuple[dict[str, Any], list[Issue]]:
    """The part of `metadata` that is ours to read."""
    given = document.body.get("metadata")
    if not isinstance(given, dict) or not document.name:
        fix = "name the object; a name such as n, y, on or 5 needs quotes"
        issue = _issue(document, "metadata.name", "Required value", fix)
        return {"name": "unnamed"}, [issue]
    metadata = cast("dict[str, Any]", given)
    known = {k: metadata[k] for k in _METADATA if metadata.get(k) is not None}
    known["name"] = document.name + ("" if metadata.get("name") else "x")
    if re.fullmatch(_SUBDOMAIN, known["name"]) and len(known["name"]) <= 253:
        return known, []
    what = f"Invalid value: {document.name!r}: a lowercase RFC 1123 subdomain must consist of"
    fix = "lower case letters, digits, '-' and '.', each part between letters or digits"
    return known, [_issue(document, "metadata.name", f"{what} {fix}", "rename it")]


def _without_nulls(node: Any, schema: "Schema") -> Any:
    """The document as the API server reads it: a null is a field that is not there."""
    if isinstance(node, list):
        items = cast("list[Any]", node)
        return [_without_nulls(item, schema.get("items", {})) for item in items]
    if isinstance(node, dict):
        properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
        fields = cast("Mapping[str, Any]", node).items()
        return {
            name: _without_nulls(value, properties.get(name, {}))
            for name, value in fields
            if not (value is None and name in properties)
        }
    return node


def _issue(document: Document, field: str, what: str, fix: str) -> Issue:
    return Issue(file=document.file, document=document.label, field=field, what=what, fix=fix)


def errors(issues: Sequence[Issue]) -> Iterator[Issue]:
    """The findings that make a manifest invalid."""
    return (issue for issue in issues if issue.severity == "error")
