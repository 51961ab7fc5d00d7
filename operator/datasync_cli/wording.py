"""Findings of pydantic in the words of the API server.

Both refuse the same manifests; who has read one message should recognise the other.  This module
only words what the models found.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from datasync_api.schema import Schema

_TYPES = {
    "string_type": "string",
    "int_type": "integer",
    "int_parsing": "integer",
    "int_from_float": "integer",
    "bool_type": "boolean",
    "bool_parsing": "boolean",
    "list_type": "array",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}


def worded(error: ValidationError, schema: Schema) -> Iterator[tuple[str, str, str]]:
    """Field, what and fix of each finding, each field and finding once."""
    seen: set[tuple[str, str]] = set()
    for detail in error.errors(include_url=False):
        path, node = field_path(detail["loc"], schema)
        extra, what, fix = _text(cast("Mapping[str, Any]", detail), node)
        field = f"{path}.{extra}" if path and extra else path or extra
        if (field, what) not in seen:
            seen.add((field, what))
            yield field, what, fix


def field_path(loc: tuple[int | str, ...], schema: Schema) -> tuple[str, Schema]:
    """The path as users write it, and the schema at its end; pydantic's own tags are left out."""
    path, node = "", schema
    for part in loc:
        if isinstance(part, int) and "items" in node:
            path, node = f"{path}[{part}]", node["items"]
        elif part in node.get("properties", {}):
            path, node = f"{path}.{part}" if path else str(part), node["properties"][part]
        elif isinstance(node.get("additionalProperties"), dict):
            path, node = f"{path}[{part}]", node["additionalProperties"]
    return path, node


def sentence(message: str) -> tuple[str, str]:
    """A rule's message, split into what is wrong and how to fix it."""
    what, colon, fix = message.partition(": ")
    return (what, fix) if colon else ("is refused", message)


def _text(detail: Mapping[str, Any], node: Schema) -> tuple[str, str, str]:
    """A field below the path where the finding names one, what, and how to fix it."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    hint = node.get("description", "")
    if kind == "rule":
        field, text = "", str(detail["msg"])
        if match := re.match(r"([a-z][A-Za-z]*): ", text):
            field, text = match[1], text[match.end() :]
        return field, *sentence(text)
    if kind == "missing":
        return "", "Required value", hint or "add the field"
    if kind in ("literal_error", "enum"):
        words = ", ".join(f'"{word}"' for word in node.get("enum", []))
        return "", f"Unsupported value: {value!r}", f"supported values: {words}"
    if kind in _TYPES:
        given = _type_of(value)
        return "", f'must be of type {_TYPES[kind]}: "{given}"', hint or "correct the type"
    bounds = {
        "greater_than_equal": ("ge", "should be greater than or equal to {}"),
        "less_than_equal": ("le", "should be less than or equal to {}"),
        "string_too_short": ("min_length", "should be at least {} chars long"),
        "string_too_long": ("max_length", "may not be more than {} bytes"),
        "too_long": ("max_length", "must have at most {} item{s}"),
        "too_short": ("min_length", "must have at least {} item{s}"),
    }
    if kind in bounds:
        name, form = bounds[kind]
        shown = f"{value!r}" if isinstance(value, (int, str)) and len(str(value)) < 80 else "it"
        return (
            "",
            f"Invalid value: {shown}",
            form.format(context[name], s="" if context[name] == 1 else "s"),
        )
    return "", str(detail["msg"]), hint


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(cast("type[Any]", type(value)), "object")
