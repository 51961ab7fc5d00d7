"""The base of every model in the API, and the markers that say more than a type can.

A rule is written once, as CEL for the API server and as a Python predicate beside it for
everybody else; `ApiModel` and `Rule` keep both.  Nothing here knows a kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

CEL = "x-kubernetes-validations"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A CEL rule and the same rule in Python; a test holds both to the same verdicts.

    `holds` takes the value (of a field) or the model (of a class) and is None for rules about a
    transition (`oldSelf`), which only the API server can judge.  `field` is the path, relative to
    where the rule stands, that the API server names in its message.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    field: str = ""

    def as_schema(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        where = {"fieldPath": self.field} if self.field else {}
        return {"rule": self.cel, "message": self.message, **where}

    def check(self, value: Any) -> None:
        """Refuse what breaks the rule.

        Raises: PydanticCustomError, with the rule's own message.
        """
        if self.holds is not None and not self.holds(value):
            prefix = f"{self.field.removeprefix('.')}: " if self.field else ""
            raise PydanticCustomError("rule", "{text}", {"text": prefix + self.message})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def checked(value: Any) -> Any:
            self.check(value)
            return value

        return core_schema.no_info_after_validator_function(checked, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        return {**schema, CEL: [*schema.get(CEL, []), self.as_schema()]}


def immutable(what: str) -> Rule:
    """The field cannot change after creation."""
    return Rule(
        cel="self == oldSelf",
        message=f"{what} is immutable; create a new object instead",
    )


def exactly_one_of(*fields: str) -> Rule:
    """One of these optional fields of a model, by their Python names, is set."""
    return Rule(
        cel=f"{_set_of(fields)} == 1",
        message=f"set exactly one of {_listed(fields)}",
        holds=lambda model: _count_set(model, fields) == 1,
    )


def at_most_one_of(*fields: str, or_none: str) -> Rule:
    """At most one of these is set; `or_none` is what it means when none is."""
    return Rule(
        cel=f"{_set_of(fields)} <= 1",
        message=f"set only one of {_listed(fields)}; set none for {or_none}",
        holds=lambda model: _count_set(model, fields) <= 1,
    )


def _set_of(fields: tuple[str, ...]) -> str:
    named = ", ".join(f"has(self.{to_camel(field)})" for field in fields)
    return f"[{named}].filter(m, m).size()"


def _listed(fields: tuple[str, ...]) -> str:
    *first, last = map(to_camel, fields)
    return f"{', '.join(first)} and {last}"


def _count_set(model: Any, fields: tuple[str, ...]) -> int:
    return sum(getattr(model, field) is not None for field in fields)


@dataclass(frozen=True)
class ListMap:
    """A list merged by key under server-side apply: several writers may own its elements."""

    key: str

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        keys = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}
        return {**handler(core), **keys}


@dataclass(frozen=True)
class ListOf:
    """A list merged as a `set` of scalars, or replaced whole (`atomic`)."""

    kind: Literal["set", "atomic"] = "atomic"

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core), "x-kubernetes-list-type": self.kind}


class ApiModel(BaseModel):
    """Base of everything in the API: camelCase outside, frozen, lenient towards newer writers."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        extra="ignore",
        defer_build=True,  # a program builds the models that it uses, not those of the whole API
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules:
            rule.check(self)
        return self

    def manifest(self) -> dict[str, Any]:
        """The JSON-shaped form for the API server: camelCase, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        if cls.rules:
            target = handler.resolve_ref_schema(schema)
            target[CEL] = [rule.as_schema() for rule in cls.rules]
        return schema
