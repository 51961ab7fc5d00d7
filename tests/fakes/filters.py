"""Filters from the texts of rules, so that tests read as manifests do."""

from collections.abc import Sequence

from datasync_api.filter_rules import ExcludeRule, IncludeRule
from datasync_api.patterns import Filter


def choose(
    includes: Sequence[str] = (),
    excludes: Sequence[str] = (),
    *,
    language: str = "SimplePattern",
    hidden: bool = True,
) -> Filter:
    return Filter.parse(
        [IncludeRule(filter_type=language, value=value) for value in includes],  # type: ignore[arg-type]
        [ExcludeRule(filter_type=language, value=value) for value in excludes],  # type: ignore[arg-type]
        hidden=hidden,
    )
