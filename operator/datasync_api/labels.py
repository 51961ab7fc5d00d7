"""Kubernetes' labels: the grammar of their keys and values, and maps of them.

A pod's labels, selectors and affinity are refused by Kubernetes when the pod is made, long after
they were applied; what it would refuse is refused here.  The grammars are those of
k8s.io/apimachinery/pkg/util/validation (IsQualifiedName, IsValidLabelValue); only that a domain
has at most 253 characters is left to the bound of the whole key.
"""

import re
from typing import Annotated, Any, Final

from pydantic import Field

from datasync_api.base import Rule
from datasync_api.text import cel_fullmatch, written_as

_MAX_ENTRIES: Final = 64
_MAX_KEY_LENGTH: Final = 253 + len("/") + 63
_PART: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_KEY: Final = rf"({_PART}(\.{_PART})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
_NOT_A_KEY: Final = (
    "is not the key of a label: write at most 63 letters, digits, '-', '_' and '.', between "
    "letters or digits, with a domain before them or without, as in example.com/zone"
)


def _are_keys(labels: Any) -> bool:
    return all(re.fullmatch(_KEY, key) is not None for key in labels)


LabelKey = Annotated[
    str, Field(min_length=1, max_length=_MAX_KEY_LENGTH), written_as(_KEY, _NOT_A_KEY)
]
LabelValue = Annotated[
    str,
    Field(max_length=63),
    written_as(
        "([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?",
        "is not the value of a label: use letters, digits, '-', '_' and '.', and start and end "
        "with a letter or digit",
    ),
]
LabelMap = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=_MAX_KEY_LENGTH)], LabelValue],
    Field(max_length=_MAX_ENTRIES),
    Rule(
        cel=f"self.all(key, {cel_fullmatch('key', _KEY)})",
        message=f"has a key that {_NOT_A_KEY}",
        holds=_are_keys,
    ),
]
"""Its keys are judged by a rule about the whole: a structural schema has none about names."""
AnnotationMap = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=_MAX_KEY_LENGTH)],
        Annotated[str, Field(max_length=16384)],
    ],
    Field(max_length=_MAX_ENTRIES),
]
