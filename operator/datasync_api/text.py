"""Bounded strings that the kinds share, with the rules that make them safe.

Every string is bounded, because the API server estimates the cost of CEL rules from the bounds.
"""

import re
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from datasync_api.base import ApiModel, Rule


def cel_fullmatch(subject: str, grammar: str) -> str:
    """CEL for a whole match; RE2 and Python read the grammars alike."""
    quoted = f"^({grammar})$".replace("\\", "\\\\")
    return f"{subject}.matches('{quoted}')"


def written_as(grammar: str, message: str) -> Rule:
    """The whole text follows a grammar.

    A rule, not a schema's `pattern`, because the API server answers to that with the regular
    expression instead of with what to write.
    """
    return Rule(
        cel=cel_fullmatch("self", grammar),
        message=message,
        holds=lambda text: re.fullmatch(grammar, text) is not None,
    )


Name = Annotated[
    str,
    Field(min_length=1, max_length=253),
    written_as(
        "[a-z0-9]([-a-z0-9.]*[a-z0-9])?",
        "is not a Kubernetes name: use lower-case letters, digits, '-' and '.', and start and end "
        "with a letter or digit",
    ),
]
"""A Kubernetes object name (RFC 1123 subdomain)."""

Host = Annotated[
    str,
    Field(min_length=1, max_length=255),
    written_as(
        "[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?",
        "is not a host: write a DNS name or an IP address alone, as in nas.example.com",
    ),
]
"""A DNS name, an IPv4 or an IPv6 address, without a port."""

AUTHORITY = r"[A-Za-z0-9._:\[\]-]+/?"
"""Host and port in a URL, and what may end it; a grammar for `written_as`."""

_PARENT = re.compile(r"(^|/)\.\.(/|$)")
_NO_PARENT = Rule(
    cel=r"!self.matches('(^|/)\\.\\.(/|$)')",
    message="must not contain '..': name the folder itself, from the root of the export or volume",
    holds=lambda path: _PARENT.search(path) is None,
)

AbsolutePath = Annotated[
    str,
    Field(min_length=1, max_length=4096),
    Rule(
        cel="self.startsWith('/')",
        message="must be an absolute path: write it from the root, as in /export/projects",
        holds=lambda path: path.startswith("/"),
    ),
    _NO_PARENT,
]

RelativePath = Annotated[str, Field(max_length=4096), _NO_PARENT]

Prefix = Annotated[
    str,
    Field(max_length=1024),
    Rule(
        cel="!self.startsWith('/')",
        message="must not start with '/': write it without, as in backups/nas",
        holds=lambda prefix: not prefix.startswith("/"),
    ),
    _NO_PARENT,
    Rule(
        cel="!self.contains('//')",
        message="must not contain '//': an empty folder name cannot exist on a file system",
        holds=lambda prefix: "//" not in prefix,
    ),
]

Region = Annotated[
    str,
    Field(min_length=1, max_length=64),
    written_as("[a-z0-9-]+", "is not a region: use lower-case letters, digits and '-'"),
]

_QUANTITY = r"[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?"


def _is_quantity(value: Any) -> bool:
    return re.fullmatch(_QUANTITY, str(value)) is not None


INT_OR_STRING = WithJsonSchema(
    {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "maxLength": 32,
        "x-kubernetes-int-or-string": True,
    }
)


def cel_number_or(grammar: str) -> str:
    """CEL for a number that is not negative, or a text that follows a grammar."""
    return f"type(self) == int ? self >= 0 : {cel_fullmatch('self', grammar)}"


Quantity = Annotated[
    int | str,
    INT_OR_STRING,
    Rule(
        cel=cel_number_or(_QUANTITY),
        message="is not a quantity: write a number with a unit, such as 500m or 2Gi",
        holds=_is_quantity,
    ),
]
"""A Kubernetes resource quantity; an integer is accepted as in core kinds."""


class Reference(ApiModel):
    """An object of a kind that the field implies, in the same namespace."""

    name: Name


class ConfigMapKeyReference(ApiModel):
    """One key of a ConfigMap in the same namespace."""

    name: Name
    key: Annotated[
        str,
        Field(min_length=1, max_length=253),
        written_as("[-._a-zA-Z0-9]+", "is not a key: use letters, digits, '-', '_' and '.'"),
    ]


class CaBundle(ApiModel):
    """Certificates (PEM) to trust, instead of the public ones."""

    config_map_key_ref: ConfigMapKeyReference


def below(folder: str, path: str) -> str:
    """The address of a folder within another, which ends with a slash; so does the answer."""
    path = path.strip("/")
    return f"{folder}{path}/" if path else folder
