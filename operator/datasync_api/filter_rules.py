"""Filter rules as a task writes them: a pattern language, and patterns in it.

What the languages mean stands with them (`simple_pattern`, `glob_pattern`); here is only what may
be written, so that a bad pattern is refused before anything runs.
"""

import re
from typing import Annotated, Final, Literal

from pydantic import Field

from datasync_api import glob_pattern, simple_pattern
from datasync_api.base import ApiModel, Rule
from datasync_api.path_pattern import Pattern, PatternError
from datasync_api.text import cel_fullmatch

FILTER_MAX_LENGTH: Final = 102_400  # AWS's limit (FilterValue)
Language = Literal["SimplePattern", "Glob"]
Value = Annotated[str, Field(min_length=1, max_length=FILTER_MAX_LENGTH)]
_PARSERS: Final = {"SimplePattern": simple_pattern.parse, "Glob": glob_pattern.parse}


def _written_in(language: Language, grammar: str, message: str) -> Rule:
    def holds(rule: "_FilterRule") -> bool:
        return rule.filter_type != language or re.fullmatch(grammar, rule.value) is not None

    return Rule(
        cel=f"self.filterType != '{language}' || {cel_fullmatch('self.value', grammar)}",
        message=message,
        field=".value",
        holds=holds,
    )


_RULES: Final = (
    Rule(
        cel=r"!self.value.matches('\\x00')",
        message="a path never holds a NUL: remove it",
        field=".value",
        holds=lambda rule: "\0" not in rule.value,
    ),
    _written_in(
        "Glob",
        glob_pattern.GRAMMAR,
        r"is no Glob pattern: names must not be empty, brackets and braces must be closed, and "
        r"'{' and '/' stay out of braces; write \ before *, ?, [, ], {, }, | and \ to mean the "
        r"character",
    ),
    Rule(
        cel="self.filterType != 'Glob' || !(self.value.startsWith('!') || "
        "self.value.contains('|!'))",
        message=r"'!' does not take an exclude back: remove the pattern, or write \! to mean the "
        "character",
        field=".value",
        holds=lambda rule: (
            rule.filter_type != "Glob" or not (rule.value.startswith("!") or "|!" in rule.value)
        ),
    ),
)


class _FilterRule(ApiModel):
    filter_type: Language = Field(
        default="SimplePattern",
        description="The pattern language. SimplePattern: AWS DataSync's. Glob: as rclone and "
        ".gitignore have it.",
    )
    value: Value

    def patterns(self) -> list[Pattern]:
        """What the value says.  Raises: PatternError, where `problem` would say why."""
        return _PARSERS[self.filter_type](self.value)

    def problem(self) -> str | None:
        """What is wrong beyond the grammar (a range that goes downwards), or None."""
        if self.filter_type == "SimplePattern":
            return None  # its grammar says all
        try:
            self.patterns()
        except PatternError as error:
            return str(error)
        return None


class IncludeRule(_FilterRule):
    """Only what matches takes part."""

    rules = (
        *_RULES,
        _written_in(
            "SimplePattern",
            simple_pattern.INCLUDE_GRAMMAR,
            "every include pattern starts with '/' and has '*' only as its last character, as in "
            "/projects*|/home; filterType Glob can say more",
        ),
    )
    value: Value = Field(description="Patterns joined by '|', for example /projects*|/home.")


class ExcludeRule(_FilterRule):
    """What matches takes no part; it wins over an include."""

    rules = (
        *_RULES,
        _written_in(
            "SimplePattern",
            simple_pattern.EXCLUDE_GRAMMAR,
            "every exclude pattern starts with '/' (from the location's root) or '*' (at any "
            "depth), as in *.tmp|/scratch",
        ),
    )
    value: Value = Field(description="Patterns joined by '|', for example *.tmp|*/cache.")
