"""Which paths take part in a transfer: include and exclude rules, AWS's defaults, hidden files.

One filter for both sides, so what it leaves out of the source is left alone at the destination too.
The languages of its patterns are none of its business.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import commonprefix
from typing import Final

from datasync_api import simple_pattern
from datasync_api.filter_rules import ExcludeRule, IncludeRule
from datasync_api.path_pattern import Pattern
from datasync_api.simple_pattern import DEFAULT_EXCLUDES, SNAPSHOT

__all__ = ["SNAPSHOT", "Filter"]

_Test = Callable[[str], object]
_DEFAULTS: Final = tuple(simple_pattern.parse(DEFAULT_EXCLUDES))
_HIDDEN: Final = tuple(simple_pattern.parse("*/.*"))


@dataclass(frozen=True)
class Filter:
    """Which paths take part: all, or those included, less those excluded.

    A path starts with `/` at the location's root; a folder's ends in `/`, a file's does not.

    | includes | excludes | path | takes part |
    |---|---|---|---|
    | none | none | any | yes |
    | match | no match | any | yes |
    | no match | any | any | no |
    | any | match | any | no (an exclude wins) |
    """

    includes: tuple[Pattern, ...]
    excludes: tuple[Pattern, ...]

    @classmethod
    def parse(
        cls,
        includes: Sequence[IncludeRule],
        excludes: Sequence[ExcludeRule],
        *,
        hidden: bool = True,
    ) -> "Filter":
        """A filter from rules; what AWS DataSync always leaves out is added.

        `hidden`: names that begin with a dot take part.  Raises: PatternError.
        """
        return cls(
            tuple(pattern for rule in includes for pattern in rule.patterns()),
            (
                *(pattern for rule in excludes for pattern in rule.patterns()),
                *_DEFAULTS,
                *(() if hidden else _HIDDEN),
            ),
        )

    @cached_property
    def everything(self) -> bool:
        """Whether no rule leaves anything out.

        Then, inside of a folder that takes part, all do whose names neither begin with a dot nor
        end in SNAPSHOT, and nobody needs to ask `matches`.
        """
        return not self.includes and not set(self.excludes).difference(_DEFAULTS, _HIDDEN)

    @cached_property
    def start(self) -> str:
        """What every path that takes part starts with, as far as it is known."""
        starts = [pattern.start for pattern in self.includes]
        return commonprefix(starts) or "/"  # noqa: RUF071 - of characters

    @cached_property
    def _excluded(self) -> _Test:
        return _one_of(self.excludes)

    @cached_property
    def _included(self) -> _Test:
        return _one_of(self.includes)

    @cached_property
    def _ways(self) -> list[list[_Test]]:
        return [
            [re.compile(level, re.DOTALL).fullmatch for level in pattern.levels]
            for pattern in self.includes
        ]

    def matches(self, path: str) -> bool:
        """Whether the file or folder takes part."""
        if self._excluded(path):
            return False
        return not self.includes or self._included(path) is not None

    def takes_all(self, paths: bytes) -> bool:
        """Whether all of these paths surely take part: a quick look at a thousand at once.

        The paths stand one behind the other in UTF-8, with anything between them.  False says
        nothing: then each path has to be asked for.
        """
        return not self.includes and not any(pattern.anchor in paths for pattern in self.excludes)

    def may_match_below(self, folder: str) -> bool:
        """Whether anything inside the folder can take part: what a walk asks before it descends."""
        path = folder.rstrip("/") + "/"
        if self._excluded(path):
            return False
        if not self.includes:
            return True
        names = path[1:-1].split("/") if path != "/" else []
        return any(
            all(level(name) for level, name in zip(way, names, strict=False)) for way in self._ways
        )


def _one_of(patterns: Iterable[Pattern]) -> _Test:
    """One look for all patterns."""
    source = "|".join(f"(?:{pattern.source})" for pattern in patterns)
    return re.compile(source or "(?!)", re.DOTALL).fullmatch
