"""Whether a node has the labels that a node affinity requires, as the scheduler reads it.

Preferences keep no pod from a node, and what lies on the node is the scheduler's to know.
"""

from collections.abc import Mapping

from datasync_api.affinity import Affinity, NodeSelectorRequirement


def allows(affinity: Affinity | None, labels: Mapping[str, str]) -> bool:
    """Whether the labels fit one of the required terms whole; without terms every node does."""
    node = affinity.node_affinity if affinity is not None else None
    required = node.required_during_scheduling_ignored_during_execution if node else None
    if required is None:
        return True
    return any(
        all(_fits(one, labels.get(one.key)) for one in term.match_expressions)
        for term in required.node_selector_terms
    )


def _fits(one: NodeSelectorRequirement, value: str | None) -> bool:
    """One requirement (Kubernetes documentation, "Assigning Pods to Nodes": operators).

    | operator | the node has no such label | it has |
    |---|---|---|
    | In | no | the value is one of them |
    | NotIn | yes | the value is none of them |
    | Exists | no | yes |
    | DoesNotExist | yes | no |
    | Gt, Lt | no | both are whole numbers, and the label's is greater or less |
    """
    match one.operator:
        case "In":
            return value in one.values
        case "NotIn":
            return value not in one.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            found, limit = _integer(value), _integer(one.values[0])
            if found is None or limit is None:
                return False
            return found > limit if one.operator == "Gt" else found < limit


def _integer(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None
