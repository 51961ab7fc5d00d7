"""Kubernetes' Affinity (core/v1), bounded: which nodes runner pods need or prefer, and beside whom.

What Kubernetes would refuse in the pod, long after it was applied, is refused here.  Left out are
`matchFields`, which `nodeSelector` by `kubernetes.io/hostname` replaces, and `matchLabelKeys`, for
the revisions of a Deployment.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from datasync_api.base import ApiModel, ListOf, Rule
from datasync_api.labels import LabelKey, LabelMap, LabelValue
from datasync_api.text import Name

_MAX_TERMS: Final = 8
_MAX_VALUES: Final = 32
_INTEGER: Final = "-?[0-9]{1,18}"
_HOW_MANY: Final = "(has(self.values) ? self.values.size() : 0)"
_Values = Annotated[list[LabelValue], ListOf(), Field(max_length=_MAX_VALUES)]
_Weight = Annotated[int, Field(ge=1, le=100)]


def _is_one_integer(requirement: Any) -> bool:
    values = requirement.values
    return len(values) == 1 and re.fullmatch(_INTEGER, values[0]) is not None


_NEEDS_VALUES: Final = Rule(
    cel=f"!(self.operator in ['In', 'NotIn']) || {_HOW_MANY} > 0",
    message="In and NotIn compare with values: name at least one",
    field=".values",
    holds=lambda one: one.operator not in ("In", "NotIn") or len(one.values) > 0,
)
_TAKES_NO_VALUES: Final = Rule(
    cel=f"!(self.operator in ['Exists', 'DoesNotExist']) || {_HOW_MANY} == 0",
    message="Exists and DoesNotExist ask for the key alone: remove values",
    field=".values",
    holds=lambda one: one.operator not in ("Exists", "DoesNotExist") or len(one.values) == 0,
)
_TAKES_ONE_INTEGER: Final = Rule(
    cel=f"!(self.operator in ['Gt', 'Lt']) || "
    f"({_HOW_MANY} == 1 && self.values[0].matches('^({_INTEGER})$'))",
    message="Gt and Lt compare with one whole number: write it as the only value, in quotes",
    field=".values",
    holds=lambda one: one.operator not in ("Gt", "Lt") or _is_one_integer(one),
)


class NodeSelectorRequirement(ApiModel):
    """What one label of a node must be."""

    rules = (_NEEDS_VALUES, _TAKES_NO_VALUES, _TAKES_ONE_INTEGER)

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: _Values = Field(default_factory=list[str])


class NodeSelectorTerm(ApiModel):
    """Labels of a node, all of which must fit."""

    match_expressions: Annotated[
        list[NodeSelectorRequirement], ListOf(), Field(min_length=1, max_length=_MAX_TERMS)
    ]


class NodeSelector(ApiModel):
    """Terms, one of which a node must fit."""

    node_selector_terms: Annotated[
        list[NodeSelectorTerm], ListOf(), Field(min_length=1, max_length=_MAX_TERMS)
    ]


class PreferredSchedulingTerm(ApiModel):
    """A preference among nodes, and how much it counts."""

    weight: _Weight
    preference: NodeSelectorTerm


class NodeAffinity(ApiModel):
    """Which nodes."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredSchedulingTerm], ListOf(), Field(max_length=_MAX_TERMS)
    ] = Field(default_factory=list[PreferredSchedulingTerm])


class LabelSelectorRequirement(ApiModel):
    """What one label of a pod or a namespace must be."""

    rules = (_NEEDS_VALUES, _TAKES_NO_VALUES)

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: _Values = Field(default_factory=list[str])


class LabelSelector(ApiModel):
    """Labels of pods or namespaces, all of which must fit; empty: all of them."""

    match_labels: LabelMap = Field(default_factory=dict)
    match_expressions: Annotated[
        list[LabelSelectorRequirement], ListOf(), Field(max_length=_MAX_TERMS)
    ] = Field(default_factory=list[LabelSelectorRequirement])


class PodAffinityTerm(ApiModel):
    """Pods, and the label of nodes that says what being together means."""

    label_selector: LabelSelector
    topology_key: LabelKey
    namespaces: Annotated[list[Name], ListOf(), Field(max_length=_MAX_VALUES)] = Field(
        default_factory=list[Name]
    )
    namespace_selector: LabelSelector | None = None


class WeightedPodAffinityTerm(ApiModel):
    """A preference among neighbours, and how much it counts."""

    weight: _Weight
    pod_affinity_term: PodAffinityTerm


class PodAffinity(ApiModel):
    """Beside which pods, or away from which."""

    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodAffinityTerm], ListOf(), Field(max_length=_MAX_TERMS)
    ] = Field(default_factory=list[PodAffinityTerm])
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[WeightedPodAffinityTerm], ListOf(), Field(max_length=_MAX_TERMS)
    ] = Field(default_factory=list[WeightedPodAffinityTerm])


class Affinity(ApiModel):
    """As in a pod's `affinity`."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None
