"""Documents made from the CRDs' own schemas, and the rules found in the models' annotations."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import cel
from hypothesis import strategies as st

from datasync_api.base import CEL, ApiModel, Rule
from datasync_api.schema import Schema

# Parts that rules are about, so that random texts meet them often.
PARTS = ["/", "a", "..", ".", "*", "|", "\\", ":", "//", "-", " ", "_", "=", ",", "A", "0", "é"]
_GRAMMAR = re.compile(r"(?:self|key)\.matches\('\^\((.*)\)\$'\)")


def grammar(cel: str) -> str | None:
    """The grammar that a rule holds a text, or the keys of a map, to, read back from its CEL."""
    found = _GRAMMAR.search(cel)
    return found[1].replace("\\\\", "\\") if found else None


def literals(cel: str) -> tuple[str, ...]:
    """The texts that a rule is about."""
    special = ("[", "]", "{", "}", "?") if "Glob" in cel else ("\0",) if "x00" in cel else ()
    special = ("1.1",) if "[0-9.]+" in cel else special
    return (*re.findall(r"'([^'\\]+)'", cel), *special)


def about(cel: str, schema: Schema) -> Schema:
    """The schema with the fields that a rule names and those that must be there, and so inside.

    Inside come as well what the rules there tie to those fields, or no document would hold; what
    has a default is always drawn there, because it is never absent.
    All others may be left out, and each that is drawn is one more that its own rules may refuse.
    """
    named = {*re.findall(r"self\.(\w+)", cel), *schema.get("required", [])}
    fields = {name: inner for name, inner in schema["properties"].items() if name in named}
    inside: dict[str, list[str]] = {}
    for name, field in re.findall(r"self\.(\w+)\.(\w+)", cel):
        if field in fields[name].get("properties", {}):
            inside.setdefault(name, []).append(f"self.{field}")
    for name, rules in inside.items():
        there = [rule["rule"] for rule in fields[name].get(CEL, [])]
        tied = [rule for rule in there if any(field in rule for field in rules)]
        inner = about(" ".join([*rules, *tied]), fields[name])
        filled = [field for field, one in inner["properties"].items() if "default" in one]
        fields[name] = {**inner, "required": [*inner.get("required", []), *filled]}
    return {**schema, "properties": fields}


def documents(schema: Schema, hints: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    """Whatever the schema takes; its grammars are kept to, its other rules are not.

    `hints`: texts that are met more often.
    """
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(0, 9) | st.from_regex(r"[1-9][0-9]{0,3}(m|Mi|Gi)?", fullmatch=True)
    if "enum" in schema:
        hinted = [value for value in schema["enum"] if value in hints]
        anything = st.sampled_from(schema["enum"])
        return anything | st.sampled_from(hinted) if hinted else anything
    match schema["type"]:
        case "object" if "properties" in schema:
            required = {
                n: documents(schema["properties"][n], hints) for n in schema.get("required", [])
            }
            optional = {
                name: documents(inner, hints)
                for name, inner in schema["properties"].items()
                if name not in required
            }
            return st.fixed_dictionaries(required, optional=optional)
        case "object" if "additionalProperties" in schema:
            keys = st.text("ab-./", min_size=1, max_size=5)
            if found := [grammar(rule["rule"]) for rule in schema.get(CEL, [])]:
                keys = st.from_regex(re.compile(str(found[0]), re.ASCII), fullmatch=True)
            return st.dictionaries(
                keys, documents(schema["additionalProperties"], hints), max_size=3
            )
        case "object":
            return st.just({})
        case "array":
            limit = min(3, schema.get("maxItems", 3))
            unique = schema["x-kubernetes-list-type"] == "set"
            return st.lists(documents(schema["items"], hints), max_size=limit, unique=unique)
        case "integer":
            low, high = schema.get("minimum", 0), schema.get("maximum", 2**53)
            return st.integers(low, high)
        case "boolean":
            return st.booleans()
        case _:
            return _texts(schema, hints)


def _texts(schema: Schema, hints: tuple[str, ...]) -> st.SearchStrategy[str]:
    hints = tuple(hint for hint in hints if len(hint) <= 3)
    if schema.get("format") == "date-time":
        moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
        return moments.map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
    low, high = schema.get("minLength", 0), schema.get("maxLength", 20)
    grammars = [found for rule in schema.get(CEL, []) if (found := grammar(rule["rule"]))]
    if grammars:
        if "nconnect" in str(schema[CEL]):  # one in two names a version
            return st.sampled_from(["vers=3", "nfsvers=4.1", "hard", "nconnect=8"])
        texts = st.from_regex(re.compile(grammars[0], re.ASCII), fullmatch=True)
        if right := [hint for hint in hints if re.fullmatch(grammars[0], hint, re.ASCII)]:
            texts |= st.sampled_from(right)
        return texts.filter(lambda text: low <= len(text) <= high)
    if rules := [rule["rule"] for rule in schema.get(CEL, [])]:  # a path of some kind
        root = "/" if "self.startsWith('/')" in rules else ""
        least = 1 if low and not root else 0
        parts = st.lists(st.sampled_from(["a", "b.c"]), min_size=least, max_size=3)
        return parts.map(lambda p: root + "/".join(p))
    return _words(hints).filter(lambda text: low <= len(text) <= high)


def _words(hints: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    parts = st.sampled_from(PARTS)
    if hints:
        parts |= st.sampled_from(hints)
    return st.lists(parts, max_size=6).map("".join)


def any_text(cel: str) -> st.SearchStrategy[str]:
    """Texts about which a rule may be of two minds: right, nearly right, and anything."""
    anything = _words() | st.text(max_size=8)
    found = grammar(cel)
    if found is None:
        return anything
    right = st.from_regex(re.compile(found, re.ASCII), fullmatch=True)
    return anything | right | st.builds(lambda a, b: a + b, right, anything)


def _quantity(text: str) -> Fraction:
    """Kubernetes' quantities, as far as sizes need them; a reading of its own."""
    found = re.fullmatch(r"([0-9.]+)(?:([kKMGTP])(i?))?", text)
    if found is None:
        raise ValueError(text)
    power = " kMGTP".index((found[2] or " ").replace("K", "k"))
    return Fraction(found[1]) * (1024 if found[3] else 1000) ** power


def _compare(one: str, other: str) -> int:
    return (_quantity(one) > _quantity(other)) - (_quantity(one) < _quantity(other))


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


# What Kubernetes adds to CEL (its quantity and regular expression libraries); a quantity is a text.
KUBERNETES: dict[str, Any] = {
    "quantity": lambda text: text,
    "add": lambda one, number: str(_quantity(one) + number),
    "compareTo": _compare,
    "find": _find,
}


def says(program: cel.Program, value: Any) -> Any:
    """What a compiled rule says about a value."""
    return program.execute(cel.Context({"self": value}, KUBERNETES))


def defaulted(document: Any, schema: Schema) -> Any:
    """The document with the schema's defaults, as the API server's rules see it."""
    if isinstance(document, dict):
        whole = dict(document)
        for name, inner in schema.get("properties", {}).items():
            if name not in whole and "default" in inner:
                whole[name] = inner["default"]
            if name in whole:
                whole[name] = defaulted(whole[name], inner)
        return whole
    if isinstance(document, list):
        return [defaulted(item, schema["items"]) for item in document]
    return document


def rules_of(annotation: Any) -> Iterator[tuple[Rule, Any]]:
    """Every rule in a type, with the type that it judges."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        yield from ((mark, inner) for mark in metadata if isinstance(mark, Rule))
        yield from rules_of(inner)
    elif isinstance(annotation, type) and issubclass(annotation, ApiModel):
        yield from ((rule, annotation) for rule in annotation.rules)
        for hint in get_type_hints(annotation, include_extras=True).values():
            yield from rules_of(hint)
    elif get_origin(annotation) in (list, dict, tuple, Union, UnionType):
        for inner in get_args(annotation):
            yield from rules_of(inner)
