"""AWS DataSync's SIMPLE_PATTERN language, exactly: text to predicate.

Source: DataSync user guide, "Filtering data transferred by AWS DataSync".  Patterns are joined by
`|`, `*` stands for any run of characters (slashes too), and `\\` escapes `*`, `|` and `\\`; before
any other character, or at the end, it is ignored.  A pattern matches a path, or a folder above it.
There is no `?`, no `[...]` and no case folding, and this module adds none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

INCLUDE_GRAMMAR: Final = r"/([^*|\\]|\\.)*\*?(\|/([^*|\\]|\\.)*\*?)*\\?"
"""Include rules: every pattern starts with `/`, a `*` only as its last character."""

EXCLUDE_GRAMMAR: Final = r"[/*]([^|\\]|\\.)*(\|[/*]([^|\\]|\\.)*)*\\?"
"""Exclude rules: every pattern starts with `/` or `*`; anything else could match no path."""

DEFAULT_EXCLUDES: Final = r"*/.snapshot|/.aws-datasync|/.awssync|/.zfs"
"""What AWS DataSync leaves out of every transfer (user guide, "Filtering data")."""


@dataclass(frozen=True)
class _Pattern:
    regex: re.Pattern[str]
    literal: str  # what every match starts with
    anchor: bytes  # what stands in every match: the longest piece without a wildcard

    @classmethod
    def parse(cls, text: str) -> "_Pattern":
        tokens = list(_tokens(text))
        while len(tokens) > 1 and tokens[-1] == "/":  # /dir and /dir/ are the same
            tokens.pop()
        if tokens == ["/"]:  # the root: everything
            tokens.append(_STAR)
        source = "".join(".*" if token is _STAR else re.escape(token) for token in tokens)
        pieces = [""]
        for token in tokens:
            if token is _STAR:
                pieces.append("")
            else:
                pieces[-1] += token
        anchor = max(pieces, key=len).encode("utf-8", "surrogateescape")
        return cls(re.compile(f"(?:{source})(?:/.*)?", re.DOTALL), pieces[0], anchor)


_STAR: Final = "*wildcard*"


def _tokens(pattern: str) -> Iterator[str]:
    """Characters and wildcards of one pattern, escapes resolved."""
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            yield _STAR
        elif character == "\\":
            escaped = next(characters, "")
            if escaped:
                yield escaped
        else:
            yield character


def split(value: str) -> list[str]:
    """The single patterns of a filter's value, escapes left as they are."""
    found = [""]
    characters = iter(value)
    for character in characters:
        if character == "\\":
            found[-1] += character + next(characters, "")
        elif character == "|":
            found.append("")
        else:
            found[-1] += character
    return [pattern for pattern in found if pattern]


@dataclass(frozen=True)
class Filter:
    """Which paths take part: all, or those included, less those excluded.

    Paths start with `/` at the location's root and have no slash at the end.

    | includes | excludes | path | takes part |
    |---|---|---|---|
    | none | none | any | yes |
    | match | no match | any | yes |
    | no match | any | any | no |
    | any | match | any | no (an exclude wins) |
    """

    includes: tuple[_Pattern, ...]
    excludes: tuple[_Pattern, ...]

    @classmethod
    def parse(cls, includes: Sequence[str], excludes: Sequence[str]) -> "Filter":
        """A filter from the values of include and exclude rules; default excludes are added."""
        return cls(
            tuple(_Pattern.parse(p) for value in includes for p in split(value)),
            tuple(
                _Pattern.parse(p) for value in (*excludes, DEFAULT_EXCLUDES) for p in split(value)
            ),
        )

    @property
    def everything(self) -> bool:
        """Whether nothing is left out but AWS's defaults.

        Then an item outside of what they leave out takes part when its name does not begin with a
        dot, and nobody needs to ask `matches`.
        """
        return not self.includes and self.excludes == _DEFAULTS

    def matches(self, path: str) -> bool:
        """Whether the file or folder takes part."""
        if any(pattern.regex.fullmatch(path) for pattern in self.excludes):
            return False
        if not self.includes:
            return True
        return any(pattern.regex.fullmatch(path) for pattern in self.includes)

    def takes_all(self, paths: bytes) -> bool:
        """Whether all of these paths surely take part: a quick look at a thousand at once.

        The paths stand one behind the other in UTF-8, with anything between them.  False says
        nothing: then each path has to be asked for.
        """
        return not self.includes and not any(pattern.anchor in paths for pattern in self.excludes)

    def may_match_below(self, folder: str) -> bool:
        """Whether anything inside the folder can take part: what a walk asks before it descends."""
        if any(pattern.regex.fullmatch(folder) for pattern in self.excludes):
            return False
        if not self.includes:
            return True
        inside = folder.rstrip("/") + "/"
        return any(
            pattern.literal.startswith(inside)
            or inside.startswith(pattern.literal)
            or pattern.regex.fullmatch(folder)
            for pattern in self.includes
        )


_DEFAULTS: Final = Filter.parse([], []).excludes
