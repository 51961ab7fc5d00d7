"""Structural schemas: from pydantic's JSON Schema to the subset that a CRD may use.

Own code because no library does it whole: kube-custom-resource, the most complete, knows neither
CEL rules nor list types and does not check its result.  `violations` checks the structural rules
without a cluster (Kubernetes documentation, "Specifying a structural schema").
"""

import enum
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from datasync_api.base import CEL

Schema = dict[str, Any]


class _StructuralSchema(GenerateJsonSchema):
    """The part of JSON Schema that a CRD may use."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Optional means absent, never null."""
        return self.generate_inner(schema["schema"])

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        """An enum of strings, or of whole numbers."""
        values = [v.value if isinstance(v, enum.Enum) else v for v in schema["expected"]]
        kind = "integer" if all(isinstance(value, int) for value in values) else "string"
        return {"type": kind, "enum": values}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        """A tuple of one type is a list."""
        limit = schema.get("max_length")
        return {
            "type": "array",
            "items": self.generate_inner(schema["items_schema"][0]),
            **({"maxItems": limit} if limit is not None else {}),
        }

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Titles repeat the field's name."""
        del schema
        return False


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of a model."""
    raw = model.model_json_schema(by_alias=True, schema_generator=_StructuralSchema)
    return _inline(raw, raw.pop("$defs", {}))


def _inline(node: Schema, defs: Mapping[str, Schema]) -> Schema:
    """Resolve references and drop or translate what a structural schema does not know.

    Beside a reference, the field's description wins over the type's and rules add up.
    """
    node = dict(node)
    while ref := node.pop("$ref", None):
        target = defs[ref.removeprefix("#/$defs/")]
        rules = [*target.get(CEL, []), *node.get(CEL, [])]
        node = {**target, **node, **({CEL: rules} if rules else {})}
    for noise in ("title", "discriminator"):
        node.pop(noise, None)
    if "description" in node:
        node["description"] = " ".join(node["description"].split())
    if "default" in node and node["default"] in (None, [], ()):
        del node["default"]
        if node.get("type") == "array":
            node["default"] = []
    if node.get("additionalProperties") is False:
        del node["additionalProperties"]
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if flag in node:  # a number in JSON Schema 2020-12, a boolean in OpenAPI v3.0
            node[bound], node[flag] = node[flag], True
    if "properties" in node:
        node["properties"] = {n: _inline(s, defs) for n, s in node["properties"].items()}
    for one in ("items", "additionalProperties", "not"):
        if isinstance(node.get(one), dict):
            node[one] = _inline(node[one], defs)
    for many in ("anyOf", "oneOf", "allOf"):
        if many in node:
            node[many] = [_inline(s, defs) for s in node[many]]
    if "propertyNames" in node:  # Kubernetes has none; the API models check the keys
        del node["propertyNames"]
    return node


def unknown_fields(document: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """Paths in a document that its schema does not know: what strict field validation refuses."""
    if isinstance(document, Mapping) and "properties" in schema:
        properties = cast("Mapping[str, Schema]", schema["properties"])
        for name, value in cast("Mapping[str, Any]", document).items():
            where = f"{path}.{name}" if path else name
            if name not in properties:
                yield where
            else:
                yield from unknown_fields(value, properties[name], where)
    elif isinstance(document, list) and "items" in schema:
        for index, value in enumerate(cast("list[Any]", document)):
            yield from unknown_fields(value, schema["items"], f"{path}[{index}]")


_UNKNOWN: Final = frozenset(
    [
        "$ref",
        "$defs",
        "definitions",
        "dependencies",
        "deprecated",
        "discriminator",
        "id",
        "patternProperties",
        "readOnly",
        "writeOnly",
        "xml",
        "const",
        "examples",
        "prefixItems",
        "contentMediaType",
        "contentEncoding",
        "unevaluatedProperties",
        "propertyNames",
        "title",
    ]
)
_NOT_IN_JUNCTOR: Final = frozenset(
    [
        "description",
        "type",
        "default",
        "additionalProperties",
        "nullable",
    ]
)


def violations(node: Schema, path: str = "$") -> Iterator[str]:
    """The structural rules, and two of our own: every list says how it merges, all is bounded."""
    yield from (f"{path}: unknown {word}" for word in sorted(_UNKNOWN & node.keys()))
    int_or_string = bool(node.get("x-kubernetes-int-or-string"))
    if not node.get("type") and not int_or_string:
        yield f"{path}: no type"
    if node.get("uniqueItems"):
        yield f"{path}: uniqueItems"
    if "additionalProperties" in node:
        if node["additionalProperties"] is False:
            yield f"{path}: additionalProperties is false"
        if node.get("properties"):
            yield f"{path}: properties and additionalProperties"
    if not int_or_string:  # the one junctor that may name types
        for junctor in ("anyOf", "oneOf", "allOf"):
            for number, branch in enumerate(node.get(junctor, [])):
                yield from _junctor(branch, node, f"{path}.{junctor}[{number}]")
    yield from _bounds(node, path)
    if node.get("type") == "array":
        yield from _array(node, path)
    for name, schema in node.get("properties", {}).items():
        yield from violations(schema, f"{path}.{name}")
    values = node.get("additionalProperties")
    if isinstance(values, dict):
        yield from violations(cast("Schema", values), f"{path}.*")


def _junctor(branch: Schema, outer: Schema, path: str) -> Iterator[str]:
    yield from (f"{path}: {word} in a junctor" for word in sorted(_NOT_IN_JUNCTOR & branch.keys()))
    missing = branch.get("properties", {}).keys() - outer.get("properties", {}).keys()
    yield from (f"{path}: {name} is not a property outside" for name in sorted(missing))


def _bounds(node: Schema, path: str) -> Iterator[str]:
    limit = {"string": "maxLength", "array": "maxItems"}.get(node.get("type", ""))
    if node.get("type") == "object" and "additionalProperties" in node:
        limit = "maxProperties"
    if limit and limit not in node and "enum" not in node and node.get("format") != "date-time":
        yield f"{path}: no {limit}"


def _array(node: Schema, path: str) -> Iterator[str]:
    if "items" not in node:
        yield f"{path}: array without items"
        return
    yield from violations(node["items"], f"{path}[]")
    kind = node.get("x-kubernetes-list-type")
    if kind is None:
        yield f"{path}: no x-kubernetes-list-type"
    keys = cast("list[str]", node.get("x-kubernetes-list-map-keys", []))
    for key in keys if kind == "map" else ():
        schema = node["items"].get("properties", {}).get(key)
        if schema is None:
            yield f"{path}: map key {key} is not a property"
        elif key not in node["items"].get("required", []) and "default" not in schema:
            yield f"{path}: map key {key} is neither required nor defaulted"
